// Instants as the API writes them: RFC 3339 in UTC with up to nine fraction digits. They stay
// text where nanoseconds matter, and become milliseconds where they are drawn.

const SECONDS = '2026-11-23T07:45:59'.length

/** Milliseconds since 1970, fractions of them cut off; NaN when the text is no instant. */
export function toMs(time: string): number {
  return Date.parse(time)
}

export function fromMs(ms: number): string {
  return new Date(ms).toISOString()
}

/** Below 0 when `a` is earlier, to the nanosecond. */
export function compare(a: string, b: string): number {
  const [left, right] = [a.slice(0, SECONDS), b.slice(0, SECONDS)]
  if (left !== right) return left < right ? -1 : 1
  return nanos(a) - nanos(b)
}

/** The instant one nanosecond later: the exclusive bound that still lets `time` in. */
export function after(time: string): string {
  const next = nanos(time) + 1
  if (next < 1e9) return `${time.slice(0, SECONDS)}.${String(next).padStart(9, '0')}Z`
  return `${fromMs(toMs(`${time.slice(0, SECONDS)}Z`) + 1000).slice(0, SECONDS)}.000000000Z`
}

/** Nanoseconds within the second. */
function nanos(time: string): number {
  if (time[SECONDS] !== '.') return 0
  const digits = /^\d{1,9}/.exec(time.slice(SECONDS + 1))?.[0] ?? ''
  return Number(digits.padEnd(9, '0'))
}
