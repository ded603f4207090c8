import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isStep, read, START, write, type View } from '../src/state/url.ts'

test('nothing said is the start', () => {
  assert.deepEqual(read(''), START)
  assert.equal(write(START), '')
})

test('a view is read again as it was written', () => {
  const view: View = {
    filters: [{ key: 'from-namespace', value: 'payments', not: false }, { key: 'to-port', value: '53', not: true }],
    range: { since: '2026-11-23T07:00:00.000Z', until: '2026-11-23T08:00:00.000Z' },
    window: { since: Date.parse('2026-11-23T07:38:23.500Z'), until: Date.parse('2026-11-23T07:46:11Z') },
    zone: 'Europe/Berlin',
    order: 'oldest',
    columns: ['time', 'outcome', 'source-ip'],
    selected: '0191e0a4-1f6e-8a00-a000-000000000001',
    follow: false,
  }
  assert.deepEqual(read(write(view)), view)
})

test('the URL is readable', () => {
  const view = read('?from-namespace=payments&verdict=DROPPED&to-port=!53&since=3h&tz=local&cols=time,outcome&sel=x')
  assert.equal(write(view), '?from-namespace=payments&verdict=DROPPED&to-port=!53&since=3h&tz=local&cols=time,outcome&sel=x')
})

test('what cannot be read is as if it were not there', () => {
  assert.deepEqual(read('?since=yesterday&until=&window=a~b&tz=&order=sideways&sel=&follow=perhaps'), START)
  assert.equal(read('?window=2026-11-23T08:00:00Z~2026-11-23T07:00:00Z').window, null)
})

test('following has no end, no brush, and the newest flow first', () => {
  assert.equal(read('?follow=true&order=oldest').order, 'newest')
  for (const end of ['until=2026-11-23T08:00:00Z', 'window=2026-11-23T07:00:00Z~2026-11-23T07:10:00Z']) assert.equal(read(`?follow=true&${end}`).follow, false)
})

test('only filters and range are steps that "back" undoes', () => {
  const view = read('?verdict=DROPPED&since=3h')
  assert.ok(isStep(view, { ...view, filters: [] }))
  assert.ok(isStep(view, { ...view, range: { since: '1h', until: null } }))
  assert.ok(!isStep(view, { ...view, window: { since: 1, until: 2 }, columns: ['time'], selected: 'x', zone: 'local', order: 'oldest' }))
})
