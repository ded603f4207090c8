import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Bucket, Histogram, Lost } from '../src/api/types.ts'
import { bucketsUpTo, counted, join, lostIn, sums, total } from '../src/state/buckets.ts'
import { joinFacets } from '../src/state/facets.ts'
import { outlines, placeLabels } from '../src/flows/bars.ts'

const START = Date.parse('2026-11-23T07:00:00Z')
const iso = (ms: number) => new Date(ms).toISOString()
const bucket = (forwarded: number, dropped = 0): Bucket => ({ forwarded, translated: 0, dropped, audit: 0, error: 0 })
const lost = (since: number, until: number, count: number | null): Lost => ({
  node: 'worker-07', since: iso(since), until: iso(until), count, reason: 'kernel-ring', text: '',
})

function answer(since: number, stepMs: number, buckets: Bucket[], completeSince: number, losses: Lost[] = []): Histogram {
  return {
    since: iso(since), spanSince: iso(since), until: iso(since + stepMs * buckets.length), stepMs, buckets, completeSince: iso(completeSince),
    complete: completeSince <= since, source: 'flows', lost: losses, ms: 1,
  }
}

const numbers = (buckets: readonly Bucket[]) => buckets.map(total)

test('the older part is added to the newer, also where both counted a part of a bucket', () => {
  const newer = counted(answer(START, 1000, [bucket(0), bucket(0), bucket(2), bucket(5)], START + 2500))
  const older = counted(answer(START, 1000, [bucket(1), bucket(4), bucket(3)], START))
  const sum = join(newer, older)
  assert.deepEqual(numbers(sum.buckets), [1, 4, 5, 5])
  assert.ok(sum.complete)
  assert.equal(sum.completeSince, START)
  assert.deepEqual(numbers(newer.buckets), [0, 0, 2, 5])
})

test('an older part with a grid of its own lands in the buckets where its time is', () => {
  const newer = counted(answer(START, 1000, [bucket(0), bucket(0), bucket(0), bucket(7)], START + 3000))
  const older = counted(answer(START, 500, [1, 2, 3, 4, 5, 6].map((count) => bucket(count)), START))
  assert.deepEqual(numbers(join(newer, older).buckets), [3, 7, 11, 7])
})

test('three answers add up to one of all', () => {
  const parts = [
    answer(START, 1000, [bucket(0), bucket(0), bucket(0), bucket(4)], START + 3000),
    answer(START, 1000, [bucket(0), bucket(0), bucket(3)], START + 2000),
    answer(START, 1000, [bucket(1, 9), bucket(2)], START),
  ].map(counted)
  const [first, ...rest] = parts
  assert.ok(first)
  const sum = rest.reduce(join, first)
  assert.deepEqual(numbers(sum.buckets), [10, 2, 3, 4])
  assert.equal(sums(sum, null).dropped, 9)
})

test('the question about the rest asks for as many buckets as keep the grid', () => {
  assert.equal(bucketsUpTo(counted(answer(START, 1000, [bucket(0), bucket(0), bucket(1)], START + 2000))), 2)
  assert.equal(bucketsUpTo(counted(answer(START, 1000, [bucket(0), bucket(0), bucket(1)], START + 2500))), 3)
})

test('a loss that both answers tell of is one loss', () => {
  const one = lost(START, START + 2500, 1840)
  const newer = counted(answer(START, 1000, [bucket(0), bucket(1)], START + 1000, [one]))
  const older = counted(answer(START, 1000, [bucket(1)], START, [one, lost(START, START + 1, null)]))
  assert.equal(join(newer, older).lost.length, 2)
})

test('losses in a span are counted, and said to be more when nobody knows of some how many', () => {
  const all = [lost(START, START + 1000, 40), lost(START + 5000, START + 6000, null), lost(START + 9000, START + 9500, 2)]
  assert.deepEqual(lostIn(all, { since: START, until: START + 8000 }), { count: 40, atLeast: true, spans: all.slice(0, 2) })
  assert.deepEqual(lostIn(all, { since: START + 2000, until: START + 5000 }), { count: 0, atLeast: false, spans: [] })
})

test('sums of a window take the buckets inside it', () => {
  const all = counted(answer(START, 1000, [bucket(1), bucket(2), bucket(4), bucket(8)], START))
  assert.equal(total(sums(all, { since: START + 1000, until: START + 3000 })), 6)
  assert.equal(total(sums(all, null)), 15)
})

test('facets of two parts are added by value and put in order again', () => {
  const facet = (values: [string, number][], others: number) => ({
    field: 'to-port', key: 'to-port', values: values.map(([value, count]) => ({ value, count })), others,
  })
  const [sum] = joinFacets([facet([['443', 5], ['53', 4]], 1)], [facet([['53', 3], ['80', 1]], 2)])
  assert.deepEqual(sum, facet([['53', 7], ['443', 5], ['80', 1]], 3))
})

test('one drop among thousands of flows is still drawn', () => {
  const paths = outlines([bucket(100_000, 1), bucket(100_000)], 200, 84)
  assert.equal(paths.dropped.match(/M/g)?.length, 1)
  assert.equal(paths.forwarded.match(/M/g)?.length, 2)
  assert.equal(paths.error, '')
})

test('labels of losses meet neither the edge nor one another', () => {
  const text = '1,840 lost, ring buffer full on worker-07'
  const placed = placeLabels([{ item: 1, x: 100, width: 10, text }, { item: 2, x: 140, width: 10, text }, { item: 3, x: 960, width: 10, text }], 1000)
  assert.deepEqual(placed.map(({ label }) => label !== null), [true, false, true])
  assert.ok((placed[2]?.label ?? 0) + text.length * 6 <= 960)
})
