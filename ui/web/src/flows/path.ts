// The way of a flow: pod, node, gateway, egress address, name; and where it ended.

import type { Flow, Party } from '../api/types.ts'
import { shown } from '../ui/shown.ts'
import { called, egressEndpoint, endpoint } from './party.ts'

export interface Step {
  readonly kind: 'pod' | 'service' | 'outside' | 'node' | 'gateway' | 'egress' | 'name'
  readonly name: string
  /** Address, or what else says which one it is. */
  readonly detail: string
  /** `ended`: dropped here. `beyond`: never reached. */
  readonly reach: 'passed' | 'ended' | 'beyond'
}

/** From source to destination. A dropped flow ended on the node that saw it. */
export function pathOf(flow: Flow): Step[] {
  const { egress, drop, node } = flow
  const between: Omit<Step, 'reach'>[] = []
  const gateway = egress?.gateway ?? ''
  if (node !== gateway) between.push({ kind: 'node', name: shown(node), detail: '' })
  if (gateway !== '') between.push({ kind: 'gateway', name: shown(gateway), detail: shown(egress?.gatewayIp ?? '') })
  const address = egressEndpoint(flow)
  if (address !== '') between.push({ kind: 'egress', name: address, detail: shown(egress?.policy ?? '') })
  // An answer comes to the egress address first.
  if (flow.reply === true) between.reverse()
  const steps = [side(flow.source, flow.source.port), ...between, side(flow.destination, flow.destination.port)]
  const end = drop ? steps.findIndex(({ kind, name }) => (kind === 'node' || kind === 'gateway') && name === shown(node)) : Infinity
  return steps.map((step, at) => ({ ...step, reach: at < end ? 'passed' : at === end ? 'ended' : 'beyond' }))
}

function side(party: Party, port: number | null): Omit<Step, 'reach'> {
  const { within, name, bare } = called(party)
  const address = endpoint(party.ip, port)
  if (bare) return { kind: 'outside', name: address, detail: '' }
  const kind = party.pod !== '' ? 'pod' : party.service ? 'service' : party.names.length > 0 ? 'name' : 'outside'
  return { kind, name: within ? `${within}/${name}` : name, detail: address }
}
