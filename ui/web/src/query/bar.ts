// Filters as typed into the query bar: `to-fqdn:*.cardpay.example verdict:DROPPED !to-port:53`.
//
// Words are parted by white space; `!` or `-` before a word turns it round. A value that holds
// white space, starts with a quote or is empty stands in double quotes, with `\` before a quote or
// a backslash in it. A word without key is typed by its shape. The server reads the same language;
// tests/vectors/filter-language.json holds both to it.

import { ON, type Filter } from './filter.ts'
import { keyNamed, nearestKey } from './keys.ts'
import { isAddress, typed } from './shape.ts'

/** Text that is no filter: its key is unknown, its value is not of the key's form, or it is no term at all. */
export class BarError extends Error {
  readonly kind: 'unknown-key' | 'value' | 'whole'
  /** The key that was probably meant by one that is unknown. */
  readonly nearest: string | null

  constructor(kind: BarError['kind'], message: string, nearest: string | null = null) {
    super(message)
    this.kind = kind
    this.nearest = nearest
  }
}

const SPACE = /[ \t\n\r\u00a0]/
const KEY = /^[a-z0-9-]+$/i

/** Reads the words of the bar; throws a BarError. */
export function parse(text: string): Filter[] {
  const filters: Filter[] = []
  for (let rest = trim(text); rest !== ''; ) {
    const [filter, tail] = term(rest)
    filters.push(filter)
    rest = trim(tail)
  }
  return filters
}

/** Writes filters so that `parse` reads them again. */
export function print(filters: readonly Filter[]): string {
  return filters.map(printOne).join(' ')
}

export function printOne({ key, value, not }: Filter): string {
  const mark = not ? '!' : ''
  if (value === ON && keyNamed(key)?.form === 'switch') return mark + key
  const quoted = value === '' || value.startsWith('"') || SPACE.test(value)
  return `${mark}${key}:${quoted ? `"${value.replace(/["\\]/g, '\\$&')}"` : value}`
}

/** Reads the first word of a text that starts with one, and what comes after. */
function term(text: string): [Filter, string] {
  const not = /^[!-]/.test(text)
  const word = not ? text.slice(1) : text
  const plain = word.split(SPACE, 1)[0] ?? ''
  if (plain === '') throw new BarError('whole', `"${text[0]}" stands before nothing`)
  const colon = plain.indexOf(':')
  const name = colon > 0 ? plain.slice(0, colon) : ''
  if (!KEY.test(name) || isAddress(plain)) {
    const [bare, rest] = value(word)
    return [{ ...typed(bare), not }, rest]
  }
  const [given, rest] = value(word.slice(colon + 1))
  const key = keyNamed(name.toLowerCase())
  if (!key) throw unknown(name)
  if (given === '' && word[colon + 1] !== '"') throw new BarError('value', `${name}: a value is missing`)
  if (key.form === 'switch' && given !== ON) throw new BarError('value', `${name} takes no value`)
  return [{ key: key.name, value: given, not }, rest]
}

function unknown(name: string): BarError {
  const nearest = nearestKey(name)
  return new BarError('unknown-key', nearest ? `unknown key "${name}"; did you mean ${nearest}?` : `unknown key "${name}"`, nearest)
}

/** Reads a value, and what comes after. */
function value(text: string): [string, string] {
  if (!text.startsWith('"')) {
    const end = text.search(SPACE)
    return end < 0 ? [text, ''] : [text.slice(0, end), text.slice(end)]
  }
  const quoted = /^"((?:\\[\s\S]|[^"\\])*)"/.exec(text)
  if (!quoted) throw new BarError('whole', `${text} has no closing quote`)
  const inner = (quoted[1] ?? '').replace(/\\([\s\S])/g, '$1')
  const rest = text.slice(quoted[0].length)
  if (rest !== '' && !SPACE.test(rest[0] ?? '')) throw new BarError('whole', `a space is missing after "${inner}"`)
  return [inner, rest]
}

function trim(text: string): string {
  return text.replace(/^[ \t\n\r\u00a0]+/, '')
}
