import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Flow, Party } from '../src/api/types.ts'
import { chosen, COLUMNS, fit } from '../src/flows/columns.ts'
import { pairOf, sectionsOf } from '../src/flows/detail.ts'
import { called, isUnresolved } from '../src/flows/party.ts'
import { pathOf } from '../src/flows/path.ts'
import { text } from '../src/messages.ts'
import { bytes, millis } from '../src/numbers.ts'
import { Zone } from '../src/time/zone.ts'
import { shown } from '../src/ui/shown.ts'

const party = (some: Partial<Party>): Party => ({
  ip: '192.0.2.30', port: 443, namespace: '', pod: '', workload: null, identity: 2, reserved: 'world', labels: [], names: [], service: null, cluster: '', ...some,
})
const pod = party({ ip: '10.42.1.193', port: 57_780, namespace: 'checkout', pod: 'orders-5g0gksh2z-bxst6', workload: { kind: 'Deployment', name: 'orders' }, reserved: null })
const named = party({ names: [{ name: 'track.shipping.example', source: 'dns', confidence: 'high' }] })
const base: Flow = {
  uuid: 'u', time: '2026-11-23T07:45:59.283104221Z', node: 'worker-03', verdict: 'FORWARDED', outcome: 'forwarded', direction: 'EGRESS', reply: false,
  event: { type: 4, subtype: 11, name: 'to-network' }, summary: '', source: pod, destination: named, protocol: 'TCP', tcpFlags: ['SYN'],
  egress: null, drop: null, dns: null, connection: null, interface: null,
}
const egress = { ip: '203.0.113.10', port: 41_822, policy: 'payments-egress', gateway: 'gw-b', gatewayIp: '172.19.0.12' }
const drop = { reason: 'NO_EGRESS_GATEWAY', text: 'No egress gateway found', cause: null }

const ids = (columns: readonly { id: string }[]) => columns.map((column) => column.id)
const steps = (flow: Flow) => pathOf(flow).map((step) => `${step.kind} ${step.reach}`)

test('all columns stay when there is room, and take all of it', () => {
  const { columns, widths, left } = fit(chosen(null), 1400)
  assert.deepEqual(ids(left), [])
  assert.equal(columns.length, 8)
  assert.equal(Math.round(widths.reduce((sum, width) => sum + width, 0)), 1400)
})

test('columns leave in their order, and what stays is never narrower than it needs', () => {
  const leaving: string[][] = []
  for (let width = 1400; width >= 400; width -= 1) {
    const { columns, widths, left } = fit(chosen(null), width)
    if (left.length > (leaving.at(-1)?.length ?? 0)) leaving.push(ids(left))
    columns.forEach((column, at) => assert.ok((widths[at] ?? 0) >= column.width))
    for (const id of ['time', 'outcome', 'source', 'destination']) assert.ok(ids(columns).includes(id))
  }
  assert.deepEqual(leaving, [['bytes'], ['bytes', 'info'], ['bytes', 'info', 'port'], ['bytes', 'info', 'port', 'egress']])
})

test('columns that were chosen stay longer than usual ones', () => {
  const { left } = fit(chosen(['time', 'outcome', 'source', 'destination', 'port', 'info', 'source-pod', 'uuid']), 1000)
  assert.deepEqual(ids(left), ['info', 'port', 'uuid'])
})

test('unknown columns are passed over, and none is all the usual ones', () => {
  assert.deepEqual(ids(chosen(['uuid', 'colour', 'time'])), ['uuid', 'time'])
  assert.deepEqual(ids(chosen(['colour'])), ids(chosen(null)))
  assert.equal(new Set(ids(COLUMNS)).size, COLUMNS.length)
})

test('every column has a title and a text for every flow', () => {
  const utc = new Zone('utc')
  for (const column of COLUMNS) {
    assert.notEqual(column.title, column.id)
    for (const flow of [base, { ...base, egress, drop }, { ...base, source: party({ ip: '', port: null }), protocol: '' }]) {
      assert.doesNotMatch(column.value(flow, utc), /undefined|null|NaN/, column.id)
    }
  }
})

test('a side is called by workload, name, service, place in the cluster, address', () => {
  const name = (some: Party) => `${called(some).within}|${called(some).name}|${called(some).address}`
  assert.equal(name(pod), 'checkout|orders|')
  assert.equal(name({ ...pod, workload: null }), 'checkout|orders-5g0gksh2z-bxst6|')
  assert.equal(name(named), '|track.shipping.example|192.0.2.30')
  assert.equal(name(party({ service: { namespace: 'shop', name: 'cart' }, reserved: null })), 'shop|cart|192.0.2.30')
  assert.equal(name(party({ reserved: 'host' })), '|host|192.0.2.30')
  assert.equal(name(party({})), '|192.0.2.30|')
  assert.deepEqual([party({}), named, pod, party({ reserved: 'remote-node' })].map(isUnresolved), [true, false, false, false])
})

test('the path of a translated flow goes by the gateway and its address', () => {
  assert.deepEqual(steps({ ...base, node: 'gw-b', egress }), ['pod passed', 'gateway passed', 'egress passed', 'name passed'])
  assert.deepEqual(steps({ ...base, egress: { ...egress, ip: null, port: null } }), ['pod passed', 'node passed', 'gateway passed', 'name passed'])
})

test('an answer takes the way back', () => {
  const answer = { ...base, reply: true, egress, source: named, destination: pod }
  assert.deepEqual(steps(answer), ['name passed', 'egress passed', 'gateway passed', 'node passed', 'pod passed'])
  assert.deepEqual(steps({ ...answer, node: 'gw-b' }), ['name passed', 'egress passed', 'gateway passed', 'pod passed'])
})

test('a dropped flow ends on the node that saw it', () => {
  assert.deepEqual(steps({ ...base, drop }), ['pod passed', 'node ended', 'name beyond'])
  assert.deepEqual(steps({ ...base, drop, node: 'gw-b', egress: { ...egress, port: null } }), ['pod passed', 'gateway ended', 'egress beyond', 'name beyond'])
  assert.deepEqual(steps({ ...base, drop, egress: { ...egress, ip: null, port: null } }), ['pod passed', 'node ended', 'gateway beyond', 'name beyond'])
})

test('what the drawer filters by are filters of the language', () => {
  const fields = sectionsOf({ ...base, egress, drop }, new Zone('utc')).flatMap((section) => section.fields)
  const filters = fields.flatMap(({ filter }) => (filter ? [`${filter.key}:${filter.value}`] : []))
  for (const filter of ['from-workload:orders', 'from-pod:checkout/orders-5g0gksh2z-bxst6', 'to-fqdn:track.shipping.example', 'snat-port:41822', 'drop-reason-desc:NO_EGRESS_GATEWAY', 'tcp-flags:SYN', 'protocol:tcp', 'from-ip:10.42.1.193']) {
    assert.ok(filters.includes(filter), filter)
  }
  assert.ok(fields.every((field) => field.value !== ''))
})

test('the same pair is asked for a minute to either side', () => {
  const { filters, range } = pairOf(base)
  assert.deepEqual(filters.map(({ key, value }) => `${key}:${value}`), ['from-pod:checkout/orders-5g0gksh2z-bxst6', 'to-fqdn:track.shipping.example'])
  assert.deepEqual(range, { since: '2026-11-23T07:44:59.283Z', until: '2026-11-23T07:46:59.283Z' })
})

test('characters that are not seen are shown by number', () => {
  assert.equal(shown('evil\u202egnp.example'), 'evil\\u{202e}gnp.example')
  assert.equal(shown('a\u0000b\u200bc\n'), 'a\\u{0}b\\u{200b}c\\u{a}')
  assert.equal(shown('zürich.example'), 'zürich.example')
})

test('numbers are for people', () => {
  assert.deepEqual([0, 94, 1000, 1234, 999_949, 1_250_000].map(bytes), ['0 B', '94 B', '1 kB', '1.2 kB', '999.9 kB', '1.3 MB'])
  assert.deepEqual([0.4, 250, 1500, 184_000, 7_500_000, 1_209_600_000].map(millis), ['0.4 ms', '250 ms', '1.5 s', '3 min 4 s', '2 h 5 min', '14 d'])
})

test('every outcome has a word', () => {
  assert.deepEqual(Object.keys(text.outcome).toSorted(), ['audit', 'dropped', 'error', 'forwarded', 'translated'])
})
