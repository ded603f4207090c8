// What the query bar offers for the word that is being typed.

import { printOne } from './bar.ts'
import { ON, type Filter } from './filter.ts'
import { KEYS, keyNamed, nearestKey, type Key } from './keys.ts'
import { isAddress, typed } from './shape.ts'

/** At most this many lines. */
const MOST = 10

export interface Option {
  readonly kind: 'key' | 'value' | 'bare' | 'meant'
  /** What the line says. */
  readonly text: string
  readonly help: string
  /** Flows that have it, under the other filters. */
  readonly count: number | null
  /** Taken as it is, or text that goes on being typed. */
  readonly take: Filter | string
}

export interface Plan {
  readonly options: readonly Option[]
  /** Values to ask the server for, to go before or in place of the options. */
  readonly ask: { readonly key: Key; readonly prefix: string; readonly not: boolean } | null
  /** Whether Enter takes the first line, or what is typed. */
  readonly marksFirst: boolean
}

/** The last word of the text, and what stands before it. */
export function lastWord(text: string): [string, string] {
  const word = /(?:[!-]?[^\s"]*"(?:\\.|[^"\\])*"?|[^\s"]*)$/.exec(text)?.[0] ?? ''
  return [text.slice(0, text.length - word.length), word]
}

export function plan(word: string): Plan {
  const not = /^[!-]/.test(word)
  const body = not ? word.slice(1) : word
  const colon = body.indexOf(':')
  if (colon > 0 && !isAddress(body)) {
    const key = keyNamed(body.slice(0, colon).toLowerCase())
    if (key) return ofValues(key, body.slice(colon + 1).replace(/^"/, ''), not)
    return ofMeant(body.slice(0, colon), body.slice(colon), not)
  }
  return ofKeys(body, not)
}

/** Server values with their counts, then those of the key that the server did not name. */
export function withValues(found: Plan, values: readonly { value: string; count?: number | null }[]): readonly Option[] {
  const { ask } = found
  if (!ask) return found.options
  const listed = values.map(({ value, count }) => ofValue(ask.key, value, ask.not, count ?? null))
  const exact = listed.filter((option) => option.text.toLowerCase() === ask.prefix.toLowerCase())
  const known = new Set(values.map(({ value }) => value))
  const rest = found.options.filter((option) => !known.has(option.text))
  return [...exact, ...listed.filter((option) => !exact.includes(option)), ...rest].slice(0, MOST)
}

function ofKeys(word: string, not: boolean): Plan {
  const typedSoFar = word.toLowerCase()
  const offered = KEYS.filter((key) => key.offered)
  const begin = offered.filter((key) => key.name.startsWith(typedSoFar))
  const hold = offered.filter((key) => !begin.includes(key) && key.name.includes(typedSoFar))
  const bare = word === '' ? [] : [ofBare(word, not)]
  const keys = (list: readonly Key[]) => list.map((key) => ofKey(key, not))
  const options = begin.length > 0 ? [...keys([...begin, ...hold]).slice(0, MOST - bare.length), ...bare] : [...bare, ...keys(hold)]
  return { options: options.slice(0, MOST), ask: null, marksFirst: word !== '' }
}

function ofKey(key: Key, not: boolean): Option {
  const mark = not ? '!' : ''
  const take = key.form === 'switch' ? { key: key.name, value: ON, not } : `${mark}${key.name}:`
  return { kind: 'key', text: key.name, help: key.help, count: null, take }
}

function ofBare(word: string, not: boolean): Option {
  const filter = { ...typed(word), not }
  return { kind: 'bare', text: printOne(filter), help: '', count: null, take: filter }
}

function ofValues(key: Key, prefix: string, not: boolean): Plan {
  const fits = key.values.filter((value) => value.toLowerCase().startsWith(prefix.toLowerCase()))
  return {
    options: fits.slice(0, MOST).map((value) => ofValue(key, value, not, null)),
    ask: key.listed ? { key, prefix, not } : null,
    marksFirst: key.form === 'word' || key.form === 'exact',
  }
}

function ofValue(key: Key, value: string, not: boolean, count: number | null): Option {
  return { kind: 'value', text: value, help: '', count, take: { key: key.name, value, not } }
}

function ofMeant(name: string, rest: string, not: boolean): Plan {
  const nearest = nearestKey(name)
  const mark = not ? '!' : ''
  const options: Option[] = nearest
    ? [{ kind: 'meant', text: nearest, help: keyNamed(nearest)?.help ?? '', count: null, take: `${mark}${nearest}${rest}` }]
    : []
  return { options, ask: null, marksFirst: true }
}
