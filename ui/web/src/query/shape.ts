// A bare word in the query bar gets its key from its shape.

import { ON } from './filter.ts'
import { keyNamed } from './keys.ts'

/**
 * An address or CIDR is an `ip`, a port or a range a `port`, a verdict a `verdict`, a key without
 * value that key; with a dot it is the end of a name, else the beginning of a pod's name in any
 * namespace.
 */
export function typed(word: string): { key: string; value: string } {
  const verdict = keyNamed('verdict')?.values.find((verdict) => verdict === word.toUpperCase())
  if (isAddress(word)) return { key: 'ip', value: word }
  if (isPort(word)) return { key: 'port', value: word }
  if (verdict) return { key: 'verdict', value: verdict }
  if (keyNamed(word)?.form === 'switch') return { key: word, value: ON }
  if (word.includes('/')) return { key: 'pod', value: word }
  if (word.includes('.')) return { key: 'fqdn', value: word.includes('*') ? word : `*${word}` }
  return { key: 'pod', value: `/${word}` }
}

/** An IPv4 or IPv6 address, or a CIDR. */
export function isAddress(text: string): boolean {
  const [, address = '', bits] = /^([^/]*)(?:\/(\d+))?$/.exec(text) ?? []
  const longest = isIPv4(address) ? 32 : isIPv6(address) ? 128 : -1
  return longest > 0 && Number(bits ?? 0) <= longest
}

/** A port, or a range of ports such as 8000-8100. */
export function isPort(text: string): boolean {
  const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(text) ?? []
  return first !== undefined && Number(first) <= Number(last) && Number(last) <= 65535
}

/** Four numbers up to 255, without leading zeros: some read those as octal. */
function isIPv4(text: string): boolean {
  const parts = text.split('.')
  return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)
}

/** Eight groups, of which `::` leaves out one or more; the last two may be an IPv4 address. */
function isIPv6(text: string): boolean {
  const halves = text.split('::')
  if (halves.length > 2 || !text.includes(':')) return false
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')))
  const last = groups.at(-1) ?? ''
  const mapped = last.includes('.')
  if (mapped && (!isIPv4(last) || text.endsWith('::'))) return false
  const plain = mapped ? groups.slice(0, -1) : groups
  if (!plain.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return false
  const count = plain.length + (mapped ? 2 : 0)
  return halves.length === 2 ? count < 8 : count === 8
}
