// Numbers for people.

const whole = new Intl.NumberFormat('en')
const brief = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })
const tenth = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })

/** `1,284,306` */
export function count(number: number): string {
  return whole.format(number)
}

/** `1.3M`, for places where a long number does not fit. */
export function brieflyCounted(number: number): string {
  return brief.format(number)
}

/** `12`, `28.4` */
export function rate(number: number): string {
  return number < 100 ? tenth.format(number) : whole.format(Math.round(number))
}

/** `94 B`, `1.2 kB`, `3.4 MB` */
export function bytes(number: number): string {
  return scaled(number, 1000, ['B', 'kB', 'MB', 'GB', 'TB', 'PB'])
}

/** `0.4 ms`, `12 s`, `3 min 4 s`, `2 h 5 min`, `14 d` */
export function millis(ms: number): string {
  if (ms < 1000) return `${tenth.format(ms)} ms`
  if (ms < 60_000) return `${tenth.format(ms / 1000)} s`
  if (ms < 3_600_000) return pair(ms / 1000, 60, 'min', 's')
  if (ms < 86_400_000) return pair(ms / 60_000, 60, 'h', 'min')
  return pair(ms / 3_600_000, 24, 'd', 'h')
}

function pair(number: number, size: number, large: string, small: string): string {
  const total = Math.round(number)
  const rest = total % size
  return `${Math.floor(total / size)} ${large}${rest > 0 ? ` ${rest} ${small}` : ''}`
}

function scaled(number: number, base: number, units: readonly string[]): string {
  let [at, rest] = [0, number]
  while (rest >= base && at < units.length - 1) [at, rest] = [at + 1, rest / base]
  return `${at === 0 ? rest : tenth.format(rest)} ${units[at]}`
}
