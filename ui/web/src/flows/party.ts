// How a side of a flow is called: by its workload, else by its name, its service, its address.

import type { Flow, Name, Party } from '../api/types.ts'
import { shown } from '../ui/shown.ts'

export interface Called {
  /** What it belongs to, such as its namespace; may be empty. */
  readonly within: string
  readonly name: string
  /** Whether the name is an address. */
  readonly bare: boolean
  /** The address behind a name from outside. */
  readonly address: string
}

export function called(party: Party): Called {
  const { workload, pod, service, ip } = party
  if (pod !== '') return { within: shown(party.namespace), name: shown(workload?.name ?? pod), bare: false, address: '' }
  const [name] = party.names
  if (name) return { within: '', name: shown(name.name), bare: false, address: shown(ip) }
  if (service) return { within: shown(service.namespace), name: shown(service.name), bare: false, address: shown(ip) }
  if (isOfCluster(party)) return { within: '', name: shown(party.reserved ?? ''), bare: false, address: shown(ip) }
  return { within: '', name: shown(ip), bare: true, address: '' }
}

/** Host, remote node, gateway's health check: part of the cluster, but no pod. */
function isOfCluster(party: Party): boolean {
  return party.reserved !== null && !/^(world|unknown)/.test(party.reserved)
}

/** Whether it is outside and nobody knows its name. */
export function isUnresolved(party: Party): boolean {
  return party.names.length === 0 && party.pod === '' && !party.service && !isOfCluster(party)
}

/** `10.42.1.193:57780`, `[2001:db8::1]:443` */
export function endpoint(ip: string, port: number | null): string {
  if (port === null) return shown(ip)
  return ip.includes(':') ? `[${shown(ip)}]:${port}` : `${shown(ip)}:${port}`
}

/** `203.0.113.10:26352`; empty when the flow has no egress address yet. */
export function egressEndpoint(flow: Flow): string {
  return flow.egress?.ip ? endpoint(flow.egress.ip, flow.egress.port) : ''
}

export function bestName(party: Party): Name | null {
  return party.names[0] ?? null
}
