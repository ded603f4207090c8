import assert from 'node:assert/strict'
import { test } from 'node:test'
import { after, compare, toMs } from '../src/time/instant.ts'
import { absolute, around, duration, readBound, resolve, shifted } from '../src/time/range.ts'
import { ticks } from '../src/time/ticks.ts'
import { Zone } from '../src/time/zone.ts'

const HOUR = 3_600_000
const at = (text: string) => Date.parse(text)
const utc = new Zone('utc')

test('instants are told apart by nanoseconds, however many digits are written', () => {
  const order = ['2026-11-23T07:45:59Z', '2026-11-23T07:45:59.000000001Z', '2026-11-23T07:45:59.1Z', '2026-11-23T07:45:59.10000001Z', '2026-11-23T07:46:00Z']
  for (const [index, time] of order.entries()) {
    for (const [other, that] of order.entries()) assert.equal(Math.sign(compare(time, that)), Math.sign(index - other))
  }
  assert.equal(compare('2026-11-23T07:45:59.1Z', '2026-11-23T07:45:59.100000000Z'), 0)
})

test('the instant after is one nanosecond later, also over a second', () => {
  assert.equal(after('2026-11-23T07:45:59.283104221Z'), '2026-11-23T07:45:59.283104222Z')
  assert.equal(after('2026-11-23T07:45:59Z'), '2026-11-23T07:45:59.000000001Z')
  assert.equal(after('2026-12-31T23:59:59.999999999Z'), '2027-01-01T00:00:00.000000000Z')
})

test('clocks are read in the zone, on both sides of a change', () => {
  const berlin = new Zone('Europe/Berlin')
  assert.equal(berlin.second(at('2026-10-25T00:59:59Z')), '02:59:59')
  assert.equal(berlin.second(at('2026-10-25T01:00:00Z')), '02:00:00')
  assert.equal(berlin.second(at('2026-03-29T00:59:59Z')), '01:59:59')
  assert.equal(berlin.second(at('2026-03-29T01:00:00Z')), '03:00:00')
})

test('zones that are no whole hours off, and half-hour changes', () => {
  assert.equal(new Zone('Asia/Kathmandu').minute(at('2026-11-23T00:00:00Z')), '05:45')
  assert.equal(new Zone('America/St_Johns').minute(at('2026-11-23T00:00:00Z')), '20:30')
  const howe = new Zone('Australia/Lord_Howe')
  assert.equal(howe.minute(at('2026-04-04T14:59:00Z')), '01:59')
  assert.equal(howe.minute(at('2026-04-04T15:00:00Z')), '01:30')
})

test('the day is the zone\'s', () => {
  const ms = at('2026-11-23T20:30:00Z')
  assert.equal(utc.day(ms), '23 Nov')
  assert.equal(new Zone('Asia/Tokyo').day(ms), '24 Nov')
  assert.equal(utc.typed(ms), '2026-11-23 20:30:00')
})

test('milliseconds and times before 1970 are right', () => {
  assert.equal(utc.millisecond(at('2026-11-23T07:45:59.007Z')), '07:45:59.007')
  assert.equal(utc.millisecond(at('1969-12-31T23:59:59.999Z')), '23:59:59.999')
})

test('an unknown zone is UTC', () => {
  const zone = new Zone('Mars/Olympus')
  assert.deepEqual([zone.id, zone.label(0), zone.offset(0)], ['utc', 'UTC', 0])
})

test('a zone is called what it is called at the time', () => {
  const berlin = new Zone('Europe/Berlin')
  assert.deepEqual([berlin.label(at('2026-07-01T00:00:00Z')), berlin.label(at('2026-12-01T00:00:00Z'))], ['CEST', 'CET'])
})

test('a reading is an instant again in every zone, every hour of a year', () => {
  for (const id of ['utc', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu']) {
    const zone = new Zone(id)
    for (let ms = at('2026-01-01T00:30:00Z'); ms < at('2027-01-01T00:00:00Z'); ms += HOUR) {
      const again = zone.instant(zone.clock(ms))
      // A reading that comes twice means the first of its instants.
      assert.ok(again === ms || (again < ms && zone.second(again) === zone.second(ms)), `${id} ${new Date(ms).toISOString()}`)
    }
  }
})

test('a reading that is skipped means the instant that the old offset gives', () => {
  const berlin = new Zone('Europe/Berlin')
  const skipped = berlin.instant({ year: 2026, month: 3, day: 29, hour: 2, minute: 30, second: 0 })
  assert.equal(new Date(skipped).toISOString(), '2026-03-29T01:30:00.000Z')
})

test('lengths of time are those of the command line', () => {
  assert.equal(duration('90s'), 90_000)
  assert.equal(duration('1h5m'), 65 * 60_000)
  assert.equal(duration('1.5h'), 90 * 60_000)
  assert.equal(duration('3d'), 72 * HOUR)
  for (const text of ['', '90', '5y', 'h', '1h ', '-1h', '2026-11-23']) assert.equal(duration(text), null, text)
})

test('what people type as a time is read in the zone they look at', () => {
  const berlin = new Zone('Europe/Berlin')
  assert.equal(readBound('2026-11-23 08:45:59', berlin), '2026-11-23T07:45:59.000Z')
  assert.equal(readBound('2026-11-23T08:45', utc), '2026-11-23T08:45:00.000Z')
  assert.equal(readBound('2026-11-23', utc), '2026-11-23T00:00:00.000Z')
  assert.equal(readBound('2026-11-23T08:45:59.25+02:00', berlin), '2026-11-23T06:45:59.250Z')
  assert.equal(readBound(' 90m ', utc), '90m')
  for (const text of ['', 'yesterday', '2026-13-01', '2026-02-30', '2026-11-23 25:00', '08:45']) assert.equal(readBound(text, utc), null, text)
})

test('a range resolves against now, and one that ends before it begins does not', () => {
  const now = at('2026-11-23T08:00:00Z')
  assert.deepEqual(resolve({ since: '1h', until: null }, now), { since: now - HOUR, until: now })
  assert.deepEqual(resolve({ since: '2h', until: '1h' }, now), { since: now - 2 * HOUR, until: now - HOUR })
  assert.equal(resolve({ since: '1h', until: '2h' }, now), null)
  assert.equal(resolve({ since: 'never', until: null }, now), null)
})

test('older and newer spans have the same length, and none ends in the future', () => {
  const now = at('2026-11-23T08:00:00Z')
  const span = { since: now - HOUR, until: now }
  assert.deepEqual(shifted(span, -1, now), { since: now - 2 * HOUR, until: now - HOUR })
  assert.deepEqual(shifted(span, 1, now), span)
  assert.deepEqual(absolute(span), { since: '2026-11-23T07:00:00.000Z', until: '2026-11-23T08:00:00.000Z' })
})

test('a window outside the range brings the range along', () => {
  const outer = { since: 1000, until: 2000 }
  assert.equal(around(outer, { since: 1200, until: 1300 }), outer)
  assert.deepEqual(around(outer, { since: 100, until: 200 }), { since: 0, until: 300 })
})

test('ticks stand at round readings of the zone', () => {
  const span = { since: at('2026-11-23T07:03:00Z'), until: at('2026-11-23T08:03:00Z') }
  assert.deepEqual(ticks(span, utc, 6).map((tick) => tick.label), ['07:10', '07:20', '07:30', '07:40', '07:50', '08:00'])
  assert.deepEqual(ticks(span, new Zone('Asia/Kathmandu'), 4).map((tick) => tick.label), ['13:00', '13:15', '13:30', '13:45'])
})

test('a day begins at the zone\'s midnight, with its date', () => {
  const span = { since: at('2026-11-22T12:00:00Z'), until: at('2026-11-23T12:00:00Z') }
  const days = (zone: Zone) => ticks(span, zone, 9).filter((tick) => tick.day).map((tick) => [tick.label, new Date(tick.ms).toISOString()])
  assert.deepEqual(days(utc), [['23 Nov', '2026-11-23T00:00:00.000Z']])
  assert.deepEqual(days(new Zone('America/New_York')), [['23 Nov', '2026-11-23T05:00:00.000Z']])
})

test('ticks over a change of clocks stay at round readings and go forward', () => {
  const span = { since: at('2026-10-24T12:00:00Z'), until: at('2026-10-26T12:00:00Z') }
  const marks = ticks(span, new Zone('Europe/Berlin'), 12)
  assert.ok(marks.length >= 6)
  for (const [index, mark] of marks.entries()) assert.ok(mark.ms > (marks[index - 1]?.ms ?? span.since))
  assert.deepEqual(marks.filter((mark) => mark.day).map((mark) => mark.label), ['25 Oct', '26 Oct'])
})

test('there are never more ticks than asked for', () => {
  for (const hours of [0.01, 0.5, 1, 7, 24, 100, 1000, 20_000]) {
    for (const most of [2, 5, 12]) {
      const span = { since: toMs('2026-01-01T00:00:01Z'), until: toMs('2026-01-01T00:00:01Z') + hours * HOUR }
      assert.ok(ticks(span, new Zone('Europe/Berlin'), most).length <= most)
    }
  }
})
