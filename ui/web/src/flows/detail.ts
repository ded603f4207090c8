// What the drawer says about a flow, section by section.

import type { Flow, Party } from '../api/types.ts'
import { text } from '../messages.ts'
import { bytes, millis } from '../numbers.ts'
import type { Filter } from '../query/filter.ts'
import { absolute, type Range } from '../time/range.ts'
import { toMs } from '../time/instant.ts'
import type { Zone } from '../time/zone.ts'
import { shown } from '../ui/shown.ts'
import { endpoint } from './party.ts'

export interface Field {
  readonly label: string
  readonly value: string
  readonly mono: boolean
  /** What "only this" and "not this" filter by. */
  readonly filter: { readonly key: string; readonly value: string } | null
}

export interface Section {
  readonly title: string
  readonly fields: readonly Field[]
}

const name = text.detail.field
const MINUTE = 60_000

export function sectionsOf(flow: Flow, zone: Zone): Section[] {
  const sections = [
    { title: text.detail.source, fields: partyFields(flow.source, 'from') },
    { title: text.detail.translation, fields: translationFields(flow) },
    { title: text.detail.destination, fields: partyFields(flow.destination, 'to') },
    { title: text.detail.dns, fields: dnsFields(flow) },
    { title: text.detail.packet, fields: packetFields(flow, zone) },
    { title: text.detail.connection, fields: connectionFields(flow, zone) },
  ]
  return sections
    .map(({ title, fields }) => ({ title, fields: fields.filter((field) => field.value !== '') }))
    .filter(({ fields }) => fields.length > 0)
}

/** Filters for the same two sides, and the minute before and after. */
export function pairOf(flow: Flow): { filters: Filter[]; range: Range } {
  const ms = toMs(flow.time)
  return {
    filters: [sideFilter(flow.source, 'from'), sideFilter(flow.destination, 'to')],
    range: absolute({ since: ms - MINUTE, until: ms + MINUTE }),
  }
}

function sideFilter({ pod, namespace, names, ip }: Party, side: 'from' | 'to'): Filter {
  if (pod !== '') return { key: `${side}-pod`, value: `${namespace}/${pod}`, not: false }
  const [best] = names
  return best ? { key: `${side}-fqdn`, value: best.name, not: false } : { key: `${side}-ip`, value: ip, not: false }
}

/** A field; without value to filter by, its text alone. */
function field(label: string, value: string, key = '', by = value, mono = false): Field {
  return { label, value: shown(value), mono, filter: key !== '' && by !== '' ? { key, value: by } : null }
}

function monoField(label: string, value: string, key = '', by = value): Field {
  return field(label, value, key, by, true)
}

function partyFields(party: Party, side: 'from' | 'to'): Field[] {
  const { namespace, pod, workload, service, names, identity, reserved, labels, cluster } = party
  const [best, ...others] = names
  const named = service ? `${service.namespace}/${service.name}` : ''
  return [
    field(name.name, best?.name ?? '', `${side}-fqdn`),
    field(name.learned, best ? text.nameLearned[best.source] : ''),
    field(name.confidence, best ? text.confidence[best.confidence] : ''),
    field(name.otherNames, others.map((other) => other.name).join(', ')),
    field(name.namespace, namespace, `${side}-namespace`),
    field(name.workload, workload ? `${workload.name} (${workload.kind})` : '', `${side}-workload`, workload?.name),
    monoField(name.pod, pod, `${side}-pod`, pod && `${namespace}/${pod}`),
    field(name.service, named, `${side}-service`),
    monoField(name.address, endpoint(party.ip, party.port), `${side}-ip`, party.ip),
    field(name.identity, reserved ?? (identity === 0 ? '' : String(identity)), `${side}-identity`),
    { ...field(name.labels, ''), value: labels.map(shown).join('\n') },
    field(name.cluster, cluster, `${side}-cluster`),
  ]
}

function translationFields({ egress }: Flow): Field[] {
  if (!egress) return []
  const elsewhere = egress.ip === null ? text.detail.gatewayTranslates : ''
  return [
    field(name.policy, egress.policy, 'egress-policy'),
    field(name.gateway, egress.gateway, 'egress-gateway'),
    monoField(name.egressIp, egress.ip ?? '', 'snat-ip'),
    field(name.egressIp, elsewhere),
    monoField(name.egressPort, egress.port === null ? '' : String(egress.port), 'snat-port'),
  ]
}

function dnsFields({ dns }: Flow): Field[] {
  if (!dns) return []
  return [
    field(name.query, `${dns.query} ${dns.types.join(' ')}`.trim()),
    field(name.rcode, dns.response ? dns.rcodeName : '', 'dns-rcode', String(dns.rcode)),
    monoField(name.answer, dns.ips.join(', ')),
    field(name.cnames, dns.cnames.join(', ')),
    field(name.ttl, dns.ips.length > 0 ? text.detail.seconds(dns.ttl) : ''),
    field(name.latency, dns.latencyMs === null ? '' : millis(dns.latencyMs)),
  ]
}

function packetFields(flow: Flow, zone: Zone): Field[] {
  const { protocol, tcpFlags, event, direction, reply, verdict, node, uuid, drop, summary } = flow
  const ms = toMs(flow.time)
  return [
    field(name.reason, drop?.text ?? '', 'drop-reason-desc', drop?.reason),
    field(name.cause, drop?.cause ?? ''),
    field(name.protocol, protocol, 'protocol', protocol.toLowerCase()),
    field(name.flags, tcpFlags.join(' '), 'tcp-flags', tcpFlags.join(',')),
    field(name.summary, tcpFlags.length > 0 ? '' : summary),
    field(name.verdict, verdict, 'verdict'),
    field(name.event, event.name),
    field(name.direction, text.direction[direction], 'traffic-direction', direction.toLowerCase()),
    field(name.reply, reply === null ? '' : text.yesNo(reply), 'reply', String(reply)),
    field(name.observed, node, 'node-name'),
    monoField(name.interface, flow.interface ?? '', 'interface'),
    monoField(name.time, `${zone.day(ms)} ${zone.second(ms)}${flow.time.slice(19, -1)} ${zone.label(ms)}`),
    monoField(name.uuid, uuid, 'uuid'),
  ]
}

function connectionFields({ connection, time }: Flow, zone: Zone): Field[] {
  if (!connection) return []
  const { start, end } = connection
  const lasted = start ? millis(toMs(end ?? time) - toMs(start)) : ''
  return [
    monoField(name.opened, start ? zone.millisecond(toMs(start)) : ''),
    field(name.lasted, lasted && (end ? lasted : `${lasted}, ${text.detail.alive}`)),
    field(name.sent, text.detail.volume(bytes(connection.bytes), connection.packets)),
    field(name.received, text.detail.volume(bytes(connection.replyBytes), connection.replyPackets)),
  ]
}
