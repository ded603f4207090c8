// Histograms: partial answers added up, sums over a span.

import type { Bucket, Histogram, Lost, Outcome } from '../api/types.ts'
import { toMs } from '../time/instant.ts'
import type { Span } from '../time/range.ts'

/** In the order in which a bar is stacked, from its foot. */
export const OUTCOMES: readonly Outcome[] = ['forwarded', 'translated', 'audit', 'error', 'dropped']

export interface Counted {
  /** Start of the first bucket. */
  readonly since: number
  /** End of the last one. */
  readonly until: number
  readonly stepMs: number
  readonly buckets: readonly Bucket[]
  /** Everything from here on is counted. */
  readonly completeSince: number
  readonly complete: boolean
  /** "rollup" when the counts come from sums that were made earlier. */
  readonly source: string
  readonly lost: readonly Lost[]
}

export function counted(answer: Histogram): Counted {
  const since = toMs(answer.since)
  return {
    since,
    until: since + answer.stepMs * answer.buckets.length,
    stepMs: answer.stepMs,
    buckets: answer.buckets,
    completeSince: toMs(answer.completeSince),
    complete: answer.complete,
    source: answer.source,
    lost: answer.lost,
  }
}

/** Adds the answer about the older part, whatever its grid, to the newer part that came first. */
export function join(newer: Counted, older: Counted): Counted {
  const buckets = newer.buckets.map((bucket) => ({ ...bucket }))
  older.buckets.forEach((bucket, at) => {
    const middle = older.since + (at + 0.5) * older.stepMs
    const target = buckets[Math.floor((middle - newer.since) / newer.stepMs)]
    if (target) for (const outcome of OUTCOMES) target[outcome] += bucket[outcome]
  })
  const known = new Set(newer.lost.map(identity))
  return {
    ...newer,
    buckets,
    completeSince: older.completeSince,
    complete: older.complete,
    source: older.source,
    lost: newer.lost.concat(older.lost.filter((lost) => !known.has(identity(lost)))),
  }
}

/** The buckets that a question about the older part needs to have the grid of `newer`. */
export function bucketsUpTo(newer: Counted): number {
  return Math.max(1, Math.ceil((newer.completeSince - newer.since) / newer.stepMs))
}

/** Flows by outcome in the buckets whose middle lies in the span; without a span, in all. */
export function sums(counted: Counted, span: Span | null): Bucket {
  const total: Bucket = { forwarded: 0, translated: 0, dropped: 0, audit: 0, error: 0 }
  counted.buckets.forEach((bucket, at) => {
    const middle = counted.since + (at + 0.5) * counted.stepMs
    if (span && (middle < span.since || middle >= span.until)) return
    for (const outcome of OUTCOMES) total[outcome] += bucket[outcome]
  })
  return total
}

export function total(bucket: Bucket): number {
  return OUTCOMES.reduce((sum, outcome) => sum + bucket[outcome], 0)
}

/** Events lost in the span; `atLeast` when nobody knows of some how many. */
export function lostIn(lost: readonly Lost[], span: Span): { count: number; atLeast: boolean; spans: Lost[] } {
  const spans = lost.filter((one) => toMs(one.since) < span.until && toMs(one.until) >= span.since)
  const count = spans.reduce((sum, one) => sum + (one.count ?? 0), 0)
  return { count, atLeast: spans.some((one) => one.count === null), spans }
}

function identity(lost: Lost): string {
  return [lost.node, lost.since, lost.until, lost.reason].join(' ')
}
