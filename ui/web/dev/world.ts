// A made-up cluster and its flows, the same every time. Names and addresses are reserved examples.

import type { Flow, Outcome, Party } from '../src/api/types.ts'

const WORKLOADS: Record<string, string> = {
  payments: 'gateway-api card-vault fx-rates ledger refunds fraud-score webhook-out settlement-cron bank-connector',
  checkout: 'orders promo-engine invoice-pdf tax-calc shipping-quote order-worker',
  storefront: 'web pricing search-ui session-store bff reviews media-resizer feature-flags',
  search: 'query indexer crawler synonyms reranker vector-db',
  identity: 'authn authz users-db scim-sync directory token-signer',
  messaging: 'kafka-0 kafka-1 kafka-2 mailer push-fanout connect-s3',
  analytics: 'spark-driver spark-exec superset warehouse-sync parquet-writer',
  observability: 'prometheus loki otel-collector tidegate-relay',
  ingress: 'edge-proxy waf oauth2-proxy',
  'ml-batch': 'trainer feature-store gpu-scheduler',
  'kube-system': 'coredns csi-node cluster-autoscaler',
}
const OUTSIDE: Record<string, string> = {
  payments: 'swift.partner-bank.example fraud.score-api.example rates.fx-feed.example tokens.cardpay.example api.cardpay.example hooks.cardpay.example api.partner-bank.example',
  checkout: 'track.shipping.example tax.gov-filing.example',
  storefront: 'maps.geo.example cdn.assets.example',
  search: 'feeds.news.example api.geo.example crawl.web.example',
  identity: 'hr.directory.example id.federation.example',
  messaging: 'sms.telco.example smtp.mail-out.example',
  analytics: 'eu1.object-store.example warehouse.cloud-dw.example',
  observability: 'telemetry.vendor-x.example',
  'kube-system': 'ntp.time.example registry.forge.example',
  'ml-batch': 'models.ml-hub.example datasets.ml-hub.example',
}
const POLICIES: Record<string, { name: string; ips: string[]; gateways: string[] }> = {
  payments: { name: 'payments-egress', ips: ['203.0.113.10', '203.0.113.11'], gateways: ['gw-b', 'gw-a'] },
  search: { name: 'data-export', ips: ['198.51.100.40', '198.51.100.41'], gateways: ['gw-c'] },
  analytics: { name: 'data-export', ips: ['198.51.100.40', '198.51.100.41'], gateways: ['gw-c'] },
  checkout: { name: 'partner-allowlist', ips: ['203.0.113.20'], gateways: ['gw-b'] },
}
const DEFAULT_POLICY = { name: 'platform-default', ips: ['203.0.113.30'], gateways: ['gw-a'] }
const DROPS: [string, string, string | null, number][] = [
  ['POLICY_DENIED', 'Policy denied', null, 9],
  ['POLICY_DENY', 'Policy denied by denylist', null, 4],
  ['NO_EGRESS_GATEWAY', 'No egress gateway found', 'gw-b failed its last three probes, and no other gateway is selected', 6],
  ['NO_MAPPING_FOR_NAT_MASQUERADE', 'No mapping for NAT masquerade', 'all 64,512 ports of 203.0.113.11 towards 192.0.2.83:443 are taken', 5],
]
export const NODES = Array.from({ length: 9 }, (_, at) => `worker-0${at + 1}`).concat('gw-a', 'gw-b', 'gw-c')

export type Random = () => number

export function random(seed: number): Random {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let word = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Flows between two moments, oldest first; `perMinute` on average. */
export function flowsBetween(since: number, until: number, perMinute: number, seed: number): Flow[] {
  const next = random(seed)
  const flows: Flow[] = []
  for (let minute = since; minute < until; minute += 60_000) {
    const { rate, drops } = weather(minute, until)
    const count = Math.round(perMinute * rate * (0.75 + next() * 0.5))
    for (let i = 0; i < count; i++) {
      const ms = minute + Math.floor(next() * 60_000)
      if (ms < until && !isLost(ms, until)) flows.push(flow(ms, next, drops))
    }
  }
  return flows.sort((a, b) => (a.time < b.time ? -1 : 1))
}

/** Where events were lost: 07:24 to 07:25:48 when it is 08:00. */
export function lostSpan(until: number): { since: number; until: number } {
  return { since: until - 36 * 60_000, until: until - 34.2 * 60_000 }
}

function isLost(ms: number, until: number): boolean {
  const { since, until: end } = lostSpan(until)
  return ms >= since && ms < end
}

/** How busy a minute is, and which part of it is dropped: a gateway fails at 07:41. */
function weather(ms: number, until: number): { rate: number; drops: number } {
  const ago = (until - ms) / 60_000
  const wave = 1 + 0.35 * Math.sin(ago / 9) + 0.15 * Math.sin(ago / 2.3)
  if (ago > 15 && ago <= 19.5) return { rate: wave * 1.7, drops: 0.36 }
  if (ago > 20 && ago < 36) return { rate: wave * 0.55, drops: 0.02 }
  return { rate: wave, drops: 0.035 }
}

export function flow(ms: number, next: Random, drops = 0.035): Flow {
  const namespace = pick(Object.keys(WORKLOADS), next)
  const outside = OUTSIDE[namespace] && next() < 0.52
  const dropped = next() < drops
  const source = next() < 0.03 ? world(next, null) : pod(namespace, pick((WORKLOADS[namespace] ?? '').split(' '), next), next)
  const node = source.pod ? (NODES[number(source.ip) % 9] ?? 'worker-01') : 'worker-02'
  return outside && source.pod ? toOutside(ms, source, node, dropped, next) : toPod(ms, source, node, dropped, next)
}

function toOutside(ms: number, source: Party, node: string, dropped: boolean, next: Random): Flow {
  const policy = POLICIES[source.namespace] ?? DEFAULT_POLICY
  const name = next() < 0.06 ? null : pick((OUTSIDE[source.namespace] ?? '').split(' '), next)
  const drop = dropped ? weighted(next) : null
  const early = drop?.reason.startsWith('POLICY')
  const gateway = pick(policy.gateways, next)
  return {
    ...base(ms, next, drop ? 'dropped' : 'translated'),
    node: drop && early ? node : gateway,
    source,
    destination: world(next, name),
    direction: 'EGRESS',
    drop,
    egress: early ? null : {
      ip: drop?.reason === 'NO_EGRESS_GATEWAY' ? null : pick(policy.ips, next),
      port: drop ? null : 10_000 + Math.floor(next() * 50_000),
      policy: policy.name,
      gateway,
      gatewayIp: `172.19.0.${10 + NODES.indexOf(gateway)}`,
    },
    event: drop ? { type: 1, subtype: 133, name: drop.text } : { type: 4, subtype: 11, name: 'to-network' },
    interface: drop ? null : 'eth0',
  }
}

function toPod(ms: number, source: Party, node: string, dropped: boolean, next: Random): Flow {
  const namespace = pick(Object.keys(WORKLOADS), next)
  const destination = pod(namespace, pick((WORKLOADS[namespace] ?? '').split(' '), next), next)
  const dns = destination.workload?.name === 'coredns'
  destination.port = dns ? 53 : (pick([443, 5432, 8080, 8443, 9090, 9092, 4317], next))
  const chance = next()
  const outcome: Outcome = dropped ? 'dropped' : chance < 0.002 ? 'error' : chance < 0.008 ? 'audit' : 'forwarded'
  const drop = dropped ? { reason: 'POLICY_DENIED', text: 'Policy denied', cause: null } : null
  const query = pick(Object.values(OUTSIDE).join(' ').split(' '), next)
  return {
    ...base(ms, next, outcome),
    node,
    source,
    destination,
    direction: 'INGRESS',
    drop,
    event: drop ? { type: 1, subtype: 133, name: 'Policy denied' } : { type: 4, subtype: 0, name: 'to-endpoint' },
    interface: `veth${number(source.ip).toString(16)}`,
    ...(dns && !drop ? { protocol: 'UDP', tcpFlags: [], summary: `DNS Query ${query}. A`, dns: {
      query, types: ['A'], rcode: next() < 0.1 ? 3 : 0, rcodeName: 'NOERROR', ips: ['192.0.2.30'], cnames: [], ttl: 60, latencyMs: 2.1, response: true,
    } } : {}),
  }
}

function base(ms: number, next: Random, outcome: Outcome): Flow {
  const flags = outcome === 'dropped' ? ['SYN'] : pick([['SYN'], ['ACK'], ['ACK', 'PSH'], ['FIN', 'ACK']], next)
  const packets = 1 + Math.floor(next() * 40)
  const one = outcome === 'dropped'
  return {
    uuid: uuid(next),
    time: `${new Date(ms).toISOString().slice(0, 23)}${String(Math.floor(next() * 1e6)).padStart(6, '0')}Z`,
    node: '',
    verdict: { forwarded: 'FORWARDED', translated: 'FORWARDED', dropped: 'DROPPED', audit: 'AUDIT', error: 'ERROR' }[outcome],
    outcome,
    direction: 'EGRESS',
    reply: one ? null : false,
    event: { type: 4, subtype: 11, name: 'to-network' },
    summary: `TCP Flags: ${flags.join(', ')}`,
    source: world(next, null),
    destination: world(next, null),
    protocol: 'TCP',
    tcpFlags: flags,
    egress: null,
    drop: null,
    dns: null,
    connection: {
      start: new Date(ms - 40_000 * next()).toISOString(),
      end: null,
      packets: one ? 1 : packets,
      bytes: one ? 94 : packets * (60 + Math.floor(next() * 900)),
      replyPackets: one ? 0 : packets,
      replyBytes: one ? 0 : packets * (60 + Math.floor(next() * 1400)),
    },
    interface: null,
  }
}

function pod(namespace: string, workload: string, next: Random): Party {
  const hash = number(namespace + workload)
  const replica = Math.floor(next() * 3)
  const suffix = (hash * 7919 + replica * 104_729).toString(36).slice(-5).padStart(5, 'x')
  return {
    ip: `10.42.${hash % 12}.${(hash % 80) * 3 + replica + 2}`,
    port: 32_768 + Math.floor(next() * 28_000),
    namespace,
    pod: `${workload}-${hash.toString(36).slice(0, 6)}${hash % 97}-${suffix}`,
    workload: { kind: 'Deployment', name: workload },
    identity: 4096 + (hash % 60_000),
    reserved: null,
    labels: [`k8s:app=${workload}`, `k8s:io.kubernetes.pod.namespace=${namespace}`],
    names: [],
    service: null,
    cluster: 'prod-eu-1',
  }
}

function world(next: Random, name: string | null): Party {
  const last = name ? 20 + (number(name) % 70) : 160 + Math.floor(next() * 40)
  const six = name === 'hr.directory.example'
  return {
    ip: six ? `2001:db8:4:32::${last.toString(16)}` : `192.0.2.${last}`,
    port: name === 'ntp.time.example' ? 123 : 443,
    namespace: '',
    pod: '',
    workload: null,
    identity: 2,
    reserved: 'world',
    labels: ['reserved:world'],
    names: name ? [{ name, source: next() < 0.2 ? 'shared' : 'dns', confidence: 'high' }] : [],
    service: null,
    cluster: '',
  }
}

function weighted(next: Random): { reason: string; text: string; cause: string | null } {
  let at = next() * DROPS.reduce((sum, drop) => sum + drop[3], 0)
  const found = DROPS.find((drop) => (at -= drop[3]) < 0) ?? DROPS[0]!
  return { reason: found[0], text: found[1], cause: found[2] }
}

function pick<T>(list: readonly T[], next: Random): T {
  return list[Math.floor(next() * list.length)]!
}

function number(text: string): number {
  let hash = 2166136261
  for (const char of text) hash = Math.imul(hash ^ char.charCodeAt(0), 16777619) >>> 0
  return hash
}

function uuid(next: Random): string {
  const hex = Array.from({ length: 32 }, () => Math.floor(next() * 16).toString(16)).join('')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`
}
