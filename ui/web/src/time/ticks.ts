// Marks of a time axis: at round readings of the zone's clocks, days by their date.

import type { Span } from './range.ts'
import type { Zone } from './zone.ts'

export interface Tick {
  readonly ms: number
  readonly label: string
  /** Whether a new day begins here. */
  readonly day: boolean
}

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const STEPS = [
  SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE,
  15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY,
]

/** At most `most` marks inside the span. */
export function ticks(span: Span, zone: Zone, most: number): Tick[] {
  const length = span.until - span.since
  const step = STEPS.find((step) => length / step <= most) ?? Math.ceil(length / most / DAY) * DAY
  const marks: Tick[] = []
  let reading = Math.ceil((span.since + zone.offset(span.since)) / step) * step
  for (; marks.length < most; reading += step) {
    const ms = instantOf(reading, zone)
    if (ms >= span.until) break
    if (ms <= span.since || ms <= (marks.at(-1)?.ms ?? -Infinity)) continue
    const { hour, minute, second } = zone.clock(ms)
    const day = hour === 0 && minute === 0 && second === 0
    marks.push({ ms, day, label: day ? zone.day(ms) : step < MINUTE ? zone.second(ms) : zone.minute(ms) })
  }
  return marks
}

function instantOf(reading: number, zone: Zone): number {
  const date = new Date(reading)
  return zone.instant({
    year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate(),
    hour: date.getUTCHours(), minute: date.getUTCMinutes(), second: date.getUTCSeconds(),
  })
}
