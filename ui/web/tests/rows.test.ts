import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Flow } from '../src/api/types.ts'
import { KEEP, Rows } from '../src/state/rows.ts'

/** A flow of which only what lists look at is there. */
function flow(nanos: number, uuid = `u${nanos}`): Flow {
  const second = Math.floor(nanos / 1e9)
  const time = `2026-11-23T07:${String(Math.floor(second / 60)).padStart(2, '0')}:${String(second % 60).padStart(2, '0')}.${String(nanos % 1e9).padStart(9, '0')}Z`
  return { uuid, time } as Flow
}

const uuids = (rows: Rows) => rows.list.map((flow) => flow.uuid)
const page = (...times: number[]) => times.map((time) => flow(time))

test('stored and live flows meet without gap or double, in whatever order they come', () => {
  const all = Array.from({ length: 400 }, (_, at) => flow(at * 7_000_001))
  let seed = 7
  const next = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647
  for (let round = 0; round < 50; round++) {
    const rows = new Rows('newest')
    const stored = 100 + Math.floor(next() * 200)
    rows.append(all.slice(0, stored).toReversed())
    // The stream began before the page was read, repeats after a cut, and has late ones.
    const live = all.slice(Math.max(0, stored - 60)).concat(all.slice(stored - 5, stored + 10))
    while (live.length > 0) rows.live(live.splice(Math.floor(next() * live.length), 1 + Math.floor(next() * 20)))
    assert.deepEqual(uuids(rows), all.toReversed().map((flow) => flow.uuid))
  }
})

test('live flows are counted once', () => {
  const rows = new Rows('newest')
  rows.append(page(30, 20, 10))
  assert.deepEqual(rows.live(page(40, 30, 50)), { added: 2, lost: 0 })
  assert.deepEqual(rows.live(page(40, 30, 50)), { added: 0, lost: 0 })
  assert.deepEqual(uuids(rows), ['u50', 'u40', 'u30', 'u20', 'u10'])
})

test('a late flow finds its place, by the nanosecond', () => {
  const rows = new Rows('newest')
  rows.append(page(1_000_000_003, 1_000_000_001))
  rows.live(page(1_000_000_002))
  rows.live([flow(5, 'oldest of all')])
  assert.deepEqual(uuids(rows), ['u1000000003', 'u1000000002', 'u1000000001', 'oldest of all'])
})

test('pages that overlap are joined, at either end', () => {
  const rows = new Rows('newest')
  rows.append(page(50, 40, 30))
  rows.append(page(30, 20))
  rows.prepend(page(70, 60, 50))
  assert.deepEqual(uuids(rows), ['u70', 'u60', 'u50', 'u40', 'u30', 'u20'])
})

test('going down forgets the head, live flows forget the tail, and what is forgotten can come again', () => {
  const rows = new Rows('newest')
  rows.append(Array.from({ length: KEEP }, (_, at) => flow(KEEP - at)))
  assert.equal(rows.append([flow(0)]), 1)
  assert.equal(rows.list.length, KEEP)
  assert.equal(rows.list[0]?.uuid, `u${KEEP - 1}`)
  assert.equal(rows.prepend([flow(KEEP)]), 1)
  assert.deepEqual([rows.list[0]?.uuid, rows.list.at(-1)?.uuid], [`u${KEEP}`, 'u1'])
  assert.deepEqual(rows.live([flow(KEEP + 1), flow(KEEP + 2)]), { added: 2, lost: 2 })
  assert.deepEqual([rows.list[0]?.uuid, rows.list.at(-1)?.uuid, rows.list.length], [`u${KEEP + 2}`, 'u3', KEEP])
})
