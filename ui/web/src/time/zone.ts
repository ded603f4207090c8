// Clock readings in a time zone. Intl is asked once per quarter of an hour, the grain at which
// offsets change; between, readings are plain arithmetic.

import { text } from '../messages.ts'

const QUARTER = 900_000


export interface Clock {
  readonly year: number
  /** 1 to 12. */
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly ms: number
}

export class Zone {
  /** As in the URL: `utc`, `local`, or a name such as `Europe/Berlin`. */
  readonly id: string
  readonly #name: string
  readonly #asked: Intl.DateTimeFormat | null
  readonly #offsets = new Map<number, number>()

  /** An unknown name falls back to UTC. */
  constructor(id: string) {
    const name = id === 'local' ? Intl.DateTimeFormat().resolvedOptions().timeZone : id
    this.#asked = name === 'utc' ? null : formatOf(name)
    this.id = this.#asked ? id : 'utc'
    this.#name = name
  }

  /** What the zone is called at `ms`, for headings: `UTC`, `CET`, `CEST`, `GMT+5:30`. */
  label(ms: number): string {
    if (!this.#asked) return 'UTC'
    const parts = new Intl.DateTimeFormat('en-GB', { timeZone: this.#name, timeZoneName: 'short' }).formatToParts(ms)
    return parts.find((part) => part.type === 'timeZoneName')?.value ?? this.#name
  }

  /** Milliseconds that the zone's clocks are ahead of UTC at `ms`. */
  offset(ms: number): number {
    if (!this.#asked) return 0
    const quarter = Math.floor(ms / QUARTER)
    const known = this.#offsets.get(quarter)
    if (known !== undefined) return known
    const offset = ask(this.#asked, quarter * QUARTER)
    if (this.#offsets.size > 10_000) this.#offsets.clear()
    this.#offsets.set(quarter, offset)
    return offset
  }

  clock(ms: number): Clock {
    const date = new Date(ms + this.offset(ms))
    return {
      year: date.getUTCFullYear(),
      month: date.getUTCMonth() + 1,
      day: date.getUTCDate(),
      hour: date.getUTCHours(),
      minute: date.getUTCMinutes(),
      second: date.getUTCSeconds(),
      ms: date.getUTCMilliseconds(),
    }
  }

  /** `07:45` */
  minute(ms: number): string {
    const { hour, minute } = this.clock(ms)
    return `${two(hour)}:${two(minute)}`
  }

  /** `07:45:59` */
  second(ms: number): string {
    return `${this.minute(ms)}:${two(this.clock(ms).second)}`
  }

  /** `07:45:59.283` */
  millisecond(ms: number): string {
    return `${this.second(ms)}.${String(this.clock(ms).ms).padStart(3, '0')}`
  }

  /** `23 Nov` */
  day(ms: number): string {
    const { day, month } = this.clock(ms)
    return `${day} ${text.months[month - 1]}`
  }

  /** `2026-11-23 07:45:59`, as people type it. */
  typed(ms: number): string {
    const { year, month, day } = this.clock(ms)
    return `${year}-${two(month)}-${two(day)} ${this.second(ms)}`
  }

  /**
   * The instant of a clock reading. A reading that the zone skips means the instant that the old
   * offset gives; of a reading that comes twice, the first is meant.
   */
  instant(clock: Omit<Clock, 'ms'> & { ms?: number }): number {
    const { year, month, day, hour, minute, second, ms = 0 } = clock
    const reading = Date.UTC(year, month - 1, day, hour, minute, second, ms)
    const before = this.offset(reading - 86_400_000)
    const first = reading - before
    if (this.offset(first) === before) return first
    const later = reading - this.offset(first)
    return this.offset(later) === this.offset(first) ? later : first
  }
}

/** All zone names that this browser knows. */
export function zoneNames(): string[] {
  return Intl.supportedValuesOf('timeZone')
}

function formatOf(name: string): Intl.DateTimeFormat | null {
  try {
    return new Intl.DateTimeFormat('en-GB', {
      timeZone: name, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric',
      hour: 'numeric', minute: 'numeric', second: 'numeric',
    })
  } catch {
    return null
  }
}

function ask(format: Intl.DateTimeFormat, ms: number): number {
  const parts = new Map(format.formatToParts(ms).map((part) => [part.type, Number(part.value)]))
  const read = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? 0
  const reading = Date.UTC(
    read('year'), read('month') - 1, read('day'), read('hour'), read('minute'), read('second'),
  )
  return reading - ms
}

export function two(number: number): string {
  return String(number).padStart(2, '0')
}
