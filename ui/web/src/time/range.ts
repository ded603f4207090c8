// The span of time that is looked at: from long ago or an instant, to now or an instant.

import { fromMs, toMs } from './instant.ts'
import type { Zone } from './zone.ts'

export interface Range {
  /** How long ago (`15m`, `1h`, `3d`) or RFC 3339. */
  readonly since: string
  /** RFC 3339 or how long ago; null is now. */
  readonly until: string | null
}

/** An absolute span in milliseconds, the end not in it. */
export interface Span {
  readonly since: number
  readonly until: number
}

export const DEFAULT_RANGE: Range = { since: '1h', until: null }
export const PRESETS = ['5m', '15m', '1h', '3h', '6h', '12h', '24h', '3d', '7d', '14d'] as const

const HOUR = 3_600_000
const UNITS: Record<string, number> = {
  ns: 1e-6, us: 1e-3, 'µs': 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000,
}

/** Milliseconds of `90s`, `1h5m`, `3d`; null when it is no such length. */
export function duration(text: string): number | null {
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h|d|w))+$/.test(text)) return null
  let total = 0
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d|w)/g)) {
    total += Number(number) * (UNITS[unit ?? ''] ?? 0)
  }
  return total
}

export function isRelative(range: Range): boolean {
  return duration(range.since) !== null
}

/** Where the range lies when it is `now`; null when a bound is no time or the end is not after the start. */
export function resolve(range: Range, now: number): Span | null {
  const since = bound(range.since, now)
  const until = range.until === null ? now : bound(range.until, now)
  return since < until ? { since, until } : null
}

export function absolute(span: Span): Range {
  return { since: fromMs(span.since), until: fromMs(span.until) }
}

/** The span of equal length just before (-1) or after (1), never ending past `now`. */
export function shifted(span: Span, direction: -1 | 1, now: number): Span {
  const length = span.until - span.since
  const until = Math.min(span.until + direction * length, now)
  return { since: until - length, until }
}

/**
 * The window inside the range that the table shows, or the range itself. A window that has left
 * the range (an old link with a relative range) brings the range along.
 */
export function around(outer: Span, window: Span | null): Span {
  if (!window || (window.since >= outer.since && window.until <= outer.until)) return outer
  const length = window.until - window.since
  return { since: window.since - length, until: window.until + length }
}

/** The range of a command; one that names only its end is an hour long. */
export function rangeOf(since: string | null, until: string | null): Range {
  if (since || !until) return { since: since ?? DEFAULT_RANGE.since, until }
  const ago = duration(until)
  return { since: ago === null ? fromMs(toMs(until) - HOUR) : `${(ago + HOUR) / 1000}s`, until }
}

/** Reads what people type: a length of time ago, RFC 3339, or a clock reading in the zone. */
export function readBound(text: string, zone: Zone): string | null {
  const trimmed = text.trim()
  if (duration(trimmed) !== null) return trimmed
  const parts = /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?)?(Z|[+-]\d\d:\d\d)?$/.exec(trimmed)
  if (!parts) return null
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', offset] = parts
  const clock = {
    year: Number(year), month: Number(month), day: Number(day), hour: Number(hour), minute: Number(minute),
    second: Number(second), ms: Number(fraction.padEnd(3, '0').slice(0, 3)),
  }
  if (!isReal(clock)) return null
  if (offset === undefined) return fromMs(zone.instant(clock))
  const utc = Date.UTC(clock.year, clock.month - 1, clock.day, clock.hour, clock.minute, clock.second, clock.ms)
  return fromMs(utc - offsetMs(offset))
}

function bound(text: string, now: number): number {
  const ago = duration(text)
  return ago === null ? toMs(text) : now - ago
}

/** Whether the calendar has this reading: no 31 November, no 25 o'clock. */
function isReal(clock: { year: number; month: number; day: number; hour: number; minute: number; second: number }): boolean {
  const date = new Date(Date.UTC(clock.year, clock.month - 1, clock.day))
  return date.getUTCMonth() === clock.month - 1 && date.getUTCDate() === clock.day
    && clock.hour < 24 && clock.minute < 60 && clock.second < 60
}

function offsetMs(text: string): number {
  if (text === 'Z') return 0
  const sign = text.startsWith('-') ? -1 : 1
  return sign * (Number(text.slice(1, 3)) * 60 + Number(text.slice(4, 6))) * 60_000
}
