// The columns of the table as data, and which of them fit.

import type { Flow, Party } from '../api/types.ts'
import { bytes, millis } from '../numbers.ts'
import { text } from '../messages.ts'
import { toMs } from '../time/instant.ts'
import type { Zone } from '../time/zone.ts'
import { shown } from '../ui/shown.ts'
import { bestName, called, egressEndpoint } from './party.ts'

export interface Column {
  readonly id: string
  readonly title: string
  /** Pixels that it needs. */
  readonly width: number
  /** Its share of what is left over. */
  readonly grow: number
  /** Place in the order in which columns leave a narrow table; 0: it never does. */
  readonly leaves: number
  /** Whether it is there by default. */
  readonly usual: boolean
  /** How plain text is set; other columns are drawn by FlowCell. */
  readonly set: 'own' | 'text' | 'mono' | 'number'
  readonly value: (flow: Flow, zone: Zone) => string
}

type Side = 'source' | 'destination'

/** Leaves after every usual column but before none that never leaves. */
const LAST = 9

const usual: Column[] = [
  column('time', 102, 0, 0, (flow, zone) => zone.millisecond(toMs(flow.time))),
  column('outcome', 100, 0, 0, (flow) => text.outcome[flow.outcome]),
  column('source', 186, 1, 0, (flow) => sideText(flow.source)),
  column('destination', 200, 4, 0, (flow) => sideText(flow.destination)),
  column('port', 82, 0, 4, (flow) => [flow.destination.port, flow.protocol.toLowerCase()].filter((part) => part !== null).join('/')),
  column('egress', 206, 1, 5, (flow) => `${egressEndpoint(flow)} ${flow.egress?.gateway ?? ''}`.trim()),
  column('info', 172, 1, 3, infoOf),
  column('bytes', 72, 0, 2, bytesOf, 'number'),
].map((column) => ({ ...column, usual: true }))

const others: Column[] = [
  ...(['source', 'destination'] as const).flatMap((side) => sideColumns(side)),
  column('policy', 130, 1, LAST, (flow) => flow.egress?.policy ?? '', 'text'),
  column('gateway', 90, 0, LAST, (flow) => flow.egress?.gateway ?? '', 'text'),
  column('snat-ip', 112, 0, LAST, (flow) => flow.egress?.ip ?? '', 'mono'),
  column('snat-port', 72, 0, LAST, (flow) => String(flow.egress?.port ?? ''), 'mono'),
  column('node', 100, 0, LAST, (flow) => flow.node, 'text'),
  column('packets', 72, 0, LAST, packetsOf, 'number'),
  column('duration', 84, 0, LAST, durationOf, 'number'),
  column('direction', 80, 0, LAST, (flow) => text.direction[flow.direction], 'text'),
  column('reply', 60, 0, LAST, (flow) => (flow.reply === null ? '' : text.yesNo(flow.reply)), 'text'),
  column('verdict', 100, 0, LAST, (flow) => flow.verdict, 'text'),
  column('event', 120, 0, LAST, (flow) => flow.event.name, 'text'),
  column('name-source', 110, 0, LAST, nameSourceOf, 'text'),
  column('interface', 90, 0, LAST, (flow) => flow.interface ?? '', 'mono'),
  column('cluster', 90, 0, LAST, (flow) => flow.source.cluster || flow.destination.cluster, 'text'),
  column('uuid', 270, 0, LAST, (flow) => flow.uuid, 'mono'),
]

/** The time with its day, for spans of more than one. */
const dated: Column = {
  ...column('time', 154, 0, 0, (flow, zone) => `${zone.day(toMs(flow.time))} ${zone.millisecond(toMs(flow.time))}`),
  usual: true,
}

export const COLUMNS: readonly Column[] = [...usual, ...others]

const BY_ID = new Map(COLUMNS.map((column) => [column.id, column]))

/** The columns with these ids; those shown by default when there are none. Times have their day when the span has several. */
export function chosen(ids: readonly string[] | null, days = false): readonly Column[] {
  const known = ids?.flatMap((id) => BY_ID.get(id) ?? []) ?? []
  const columns = known.length > 0 ? known : usual
  return days ? columns.map((column) => (column.id === 'time' ? dated : column)) : columns
}

export interface Fitted {
  readonly columns: readonly Column[]
  /** Pixels of each, together the width or less. */
  readonly widths: readonly number[]
  /** Those that had to leave. */
  readonly left: readonly Column[]
}

/** Lets columns leave until the rest fits; what is left over goes to those that grow. */
export function fit(wanted: readonly Column[], width: number): Fitted {
  const columns = [...wanted]
  const left: Column[] = []
  const needed = () => columns.reduce((sum, column) => sum + column.width, 0)
  while (needed() > width) {
    const next = firstToLeave(columns)
    if (next < 0) break
    left.push(...columns.splice(next, 1))
  }
  const spare = Math.max(0, width - needed())
  const shares = columns.reduce((sum, column) => sum + column.grow, 0) || 1
  return { columns, left, widths: columns.map((column) => column.width + (spare * column.grow) / shares) }
}

/** Of equals the one further right. */
function firstToLeave(columns: readonly Column[]): number {
  let first = -1
  columns.forEach((column, at) => {
    if (column.leaves > 0 && column.leaves <= (columns[first]?.leaves ?? Infinity)) first = at
  })
  return first
}

function column(id: string, width: number, grow: number, leaves: number, value: Column['value'], set: Column['set'] = 'own'): Column {
  return { id, title: text.column[id] ?? id, width, grow, leaves, usual: false, set, value }
}

function sideColumns(side: Side): Column[] {
  const of = (id: string, width: number, value: (party: Party) => string, set: Column['set'] = 'text') =>
    column(`${side}-${id}`, width, 0, LAST, (flow) => shown(value(flow[side])), set)
  return [
    of('namespace', 110, (party) => party.namespace),
    of('pod', 210, (party) => party.pod, 'mono'),
    of('ip', 112, (party) => party.ip, 'mono'),
    of('port', 72, (party) => String(party.port ?? ''), 'mono'),
    of('identity', 84, (party) => party.reserved ?? String(party.identity)),
    of('labels', 220, (party) => party.labels.join(' ')),
    of('name', 190, (party) => bestName(party)?.name ?? ''),
    of('service', 130, (party) => party.service?.name ?? ''),
  ]
}

function sideText(party: Party): string {
  const { within, name } = called(party)
  return within ? `${within}/${name}` : name
}

/** Why it was dropped, what was asked, or the flags. */
export function infoOf(flow: Flow): string {
  if (flow.drop) return shown(flow.drop.text)
  if (flow.dns) return shown(flow.summary)
  return flow.tcpFlags.length > 0 ? flow.tcpFlags.join(' ') : shown(flow.summary)
}

function bytesOf({ connection }: Flow): string {
  return connection ? bytes(connection.bytes + connection.replyBytes) : ''
}

function packetsOf({ connection }: Flow): string {
  return connection ? String(connection.packets + connection.replyPackets) : ''
}

/** From the connection's first packet to its end, or to this flow while it lives. */
function durationOf({ connection, time }: Flow): string {
  return connection?.start ? millis(toMs(connection.end ?? time) - toMs(connection.start)) : ''
}

function nameSourceOf({ source, destination }: Flow): string {
  const name = bestName(destination) ?? bestName(source)
  return name ? text.nameSource[name.source] : ''
}
