// The filter language over made-up flows: near enough to the server's to see the page work.

import type { Flow, Party } from '../src/api/types.ts'

type Side = 'source' | 'destination'

/** The values of a flow for a key, compared as text. */
export function valuesOf(key: string, flow: Flow): string[] {
  if (key.startsWith('from-')) return partyValues(key.slice(5), flow, 'source')
  if (key.startsWith('to-')) return partyValues(key.slice(3), flow, 'destination')
  switch (key) {
    case 'outcome': return [flow.outcome]
    case 'verdict': return [flow.verdict]
    case 'protocol': return flow.dns ? [flow.protocol.toLowerCase(), 'dns'] : [flow.protocol.toLowerCase()]
    case 'drop-reason-desc': return flow.drop ? [flow.drop.reason] : []
    case 'node-name': return [flow.node]
    case 'egress-policy': return flow.egress ? [flow.egress.policy] : []
    case 'egress-gateway': return flow.egress ? [flow.egress.gateway] : []
    case 'snat-ip': return flow.egress?.ip ? [flow.egress.ip] : []
    case 'snat-port': return flow.egress?.port ? [String(flow.egress.port)] : []
    case 'uuid': return [flow.uuid]
    case 'tcp-flags': return [flow.tcpFlags.join(',')]
    case 'traffic-direction': return [flow.direction.toLowerCase()]
    case 'reply': return [String(flow.reply)]
    case 'unresolved': return [String(flow.destination.reserved === 'world' && flow.destination.names.length === 0)]
    case 'ip-version': return [flow.source.ip.includes(':') ? 'v6' : 'v4']
    case 'interface': return flow.interface ? [flow.interface] : []
    case 'type': return [flow.event.name]
    case 'dns-rcode': return flow.dns ? [flow.dns.rcodeName] : []
    default: return [...partyValues(key, flow, 'source'), ...partyValues(key, flow, 'destination')]
  }
}

function partyValues(key: string, flow: Flow, side: Side): string[] {
  const party: Party = flow[side]
  switch (key) {
    case 'namespace': return party.namespace ? [party.namespace] : []
    case 'pod': return party.pod ? [`${party.namespace}/${party.pod}`] : []
    case 'workload': return party.workload ? [party.workload.name] : []
    case 'fqdn': return party.names.map((name) => name.name)
    case 'ip': return [party.ip]
    case 'port': return party.port === null ? [] : [String(party.port)]
    case 'identity': return [String(party.identity), party.reserved ?? '']
    case 'label': return party.labels
    case 'cluster': return [party.cluster]
    default: return []
  }
}

/** A filter's test: keys join by AND, values of a key by OR, `!` turns round. */
export function matcher(params: readonly [string, string][]): (flow: Flow) => boolean {
  const keys = new Map<string, { yes: string[]; no: string[] }>()
  for (const [key, value] of params) {
    const entry = keys.get(key) ?? { yes: [], no: [] }
    keys.set(key, entry)
    if (value.startsWith('!')) entry.no.push(value.slice(1))
    else entry.yes.push(value)
  }
  return (flow) => [...keys].every(([key, { yes, no }]) => {
    const values = valuesOf(key, flow)
    const fits = (wanted: string) => values.some((value) => fit(key, wanted, value))
    return (yes.length === 0 || yes.some(fits)) && !no.some(fits)
  })
}

function fit(key: string, wanted: string, value: string): boolean {
  if (key.endsWith('pod')) return value.slice(value.indexOf('/') * Number(!wanted.includes('/')) + Number(!wanted.includes('/'))).startsWith(wanted)
  if (key.endsWith('port')) {
    const [first = '', last = first] = wanted.split('-')
    return Number(value) >= Number(first) && Number(value) <= Number(last)
  }
  if (!wanted.includes('*')) return value.toLowerCase() === wanted.toLowerCase()
  const pattern = wanted.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')
  return new RegExp(`^${pattern}$`, 'i').test(value)
}
