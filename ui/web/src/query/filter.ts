// A filter as the bar, the URL, the API and the command line all say it: key, value, and whether
// it is turned round. Equal keys join by OR, different keys by AND; one that is turned round leaves
// out what it matches. To leave out only what matches several keys, those are words of the bar in
// one filter of key `exclude`.

import { conflicts } from './conflicts.ts'
import { keyNamed } from './keys.ts'

/** The value of a key that takes none. */
export const ON = 'true'

export interface Filter {
  readonly key: string
  readonly value: string
  readonly not: boolean
}

export function same(a: Filter, b: Filter): boolean {
  return a.key === b.key && a.value === b.value && a.not === b.not
}

export function has(filters: readonly Filter[], filter: Filter): boolean {
  return filters.some((one) => same(one, filter))
}

/** Adds a filter. What it cannot stand beside gives way: its opposite, and keys that exclude its own. */
export function add(filters: readonly Filter[], filter: Filter): Filter[] {
  const opposite = (one: Filter) => one.key === filter.key && one.value === filter.value
  return [...filters.filter((one) => !opposite(one) && !conflicts(one, filter)), filter]
}

export function remove(filters: readonly Filter[], filter: Filter): Filter[] {
  return filters.filter((one) => !same(one, filter))
}

export function toggle(filters: readonly Filter[], filter: Filter): Filter[] {
  return has(filters, filter) ? remove(filters, filter) : add(filters, filter)
}

/** Only this: it takes the place of every other filter of its key. */
export function only(filters: readonly Filter[], filter: Filter): Filter[] {
  return add(filters.filter((one) => one.key !== filter.key), filter)
}

/** As query parameters: `from-namespace=payments&to-port=!53`. A `\` keeps a first `!` from being read. */
export function toParams(filters: readonly Filter[]): [string, string][] {
  return filters.map(({ key, value, not }) => [key, `${not ? '!' : /^[!\\]/.test(value) ? '\\' : ''}${value}`])
}

export function fromParam(key: string, text: string): Filter {
  const not = text.startsWith('!')
  const value = not || text.startsWith('\\') ? text.slice(1) : text
  return { key, value: value === '' && keyNamed(key)?.form === 'switch' ? ON : value, not }
}
