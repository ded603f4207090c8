// The vocabulary of filters: the long flags of `tidegate observe`.

/** What values of a key look like. */
export type Form = 'switch' | 'word' | 'exact' | 'text'

export interface Key {
  readonly name: string
  readonly help: string
  /** `word`: one of `values`. `exact`: a whole value, so that the part of one is never meant. */
  readonly form: Form
  /** All values there are, or those that are asked for most. */
  readonly values: readonly string[]
  /** Whether the server knows which values stored flows have. */
  readonly listed: boolean
  /** Whether it can match a flow of ours; the language has more keys than those. */
  readonly offered: boolean
}

interface Traits {
  form?: Form
  values?: readonly string[]
  listed?: boolean
  offered?: boolean
}

const VERDICTS = ['FORWARDED', 'DROPPED', 'ERROR', 'AUDIT', 'REDIRECTED', 'TRACED', 'TRANSLATED']
const OUTCOMES = ['forwarded', 'translated', 'dropped', 'audit', 'error']
const RESERVED = [
  'unknown', 'host', 'world', 'unmanaged', 'health', 'init', 'remote-node', 'kube-apiserver', 'ingress', 'world-ipv4',
  'world-ipv6', 'encrypted-overlay',
]
const RCODES = [
  'NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED', 'YXDOMAIN', 'YXRRSET', 'NXRRSET', 'NOTAUTH',
  'NOTZONE',
]
const TYPES = ['drop', 'trace', 'l7', 'policy-verdict', 'trace:to-network', 'trace:to-overlay', 'trace:from-endpoint', 'trace:to-endpoint', 'trace:from-overlay']
const PROTOCOLS = ['tcp', 'udp', 'icmp', 'icmpv4', 'icmpv6', 'sctp', 'dns']

function key(name: string, help: string, traits: Traits = {}): Key {
  return { name, help, form: 'text', values: [], listed: false, offered: true, ...traits }
}

/** A key for either side, one for the source and one for the destination. */
function sides(name: string, help: string, traits: Traits = {}): Key[] {
  return [
    key(name, `${help} of either side`, traits),
    key(`from-${name}`, `${help} of the source`, traits),
    key(`to-${name}`, `${help} of the destination`, traits),
  ]
}

export const KEYS: readonly Key[] = [
  ...sides('namespace', 'Namespace', { form: 'exact', listed: true }),
  ...sides('fqdn', 'Name, * for any characters,', { listed: true }),
  ...sides('pod', 'Pod, as namespace/prefix,', { listed: true }),
  ...sides('workload', 'Workload: name or Kind/name', { form: 'exact', listed: true }),
  ...sides('ip', 'Address or CIDR', { listed: true }),
  ...sides('port', 'Port, or a range such as 8000-8100,', { listed: true }),
  key('outcome', 'What became of it, translation told apart', { form: 'word', values: OUTCOMES, listed: true }),
  key('verdict', 'Verdict', { form: 'word', values: VERDICTS, listed: true }),
  key('drop-reason-desc', 'Reason of a drop, such as NO_EGRESS_GATEWAY', { form: 'exact', listed: true }),
  key('egress-policy', 'Policy that chose the egress address', { form: 'exact', listed: true }),
  key('egress-gateway', 'Node that translated', { form: 'exact', listed: true }),
  key('snat-ip', 'Egress address, or a CIDR', { listed: true }),
  key('snat-port', 'Egress port'),
  key('unresolved', 'Destination outside whose name is not known', { form: 'switch' }),
  key('node-name', 'Node that saw it, * for any characters', { listed: true }),
  key('protocol', 'Protocol', { form: 'exact', values: PROTOCOLS, listed: true }),
  key('tcp-flags', 'TCP flags that are all set, such as SYN,ACK', { values: ['SYN', 'SYN,ACK', 'FIN', 'RST'] }),
  key('dns-rcode', 'Response code of a DNS answer', { values: RCODES }),
  key('traffic-direction', 'Direction at the endpoint', { form: 'word', values: ['ingress', 'egress'] }),
  key('reply', 'Whether it answers', { form: 'word', values: ['true', 'false'] }),
  key('type', 'Kind of observation', { values: TYPES }),
  ...sides('service', 'Service, as namespace/prefix,'),
  ...sides('label', 'Label selector'),
  ...sides('identity', 'Identity, as number or name such as world,', { values: RESERVED }),
  ...sides('cluster', 'Cluster', { form: 'exact' }),
  key('ip-version', 'IP version', { form: 'word', values: ['v4', 'v6'] }),
  key('ipv4', 'IPv4 only', { form: 'switch' }),
  key('ipv6', 'IPv6 only', { form: 'switch' }),
  key('node-label', 'Labels of the node'),
  key('interface', 'Interface where it was seen', { form: 'exact' }),
  key('uuid', 'The flow with this uuid', { form: 'exact' }),
  key('exclude', 'Leave out what matches all of "to-port:53 verdict:DROPPED"'),
  ...['all-namespaces', 'from-all-namespaces', 'to-all-namespaces', 'encrypted', 'unencrypted'].map((name) =>
    key(name, '', { form: 'switch', offered: false }),
  ),
  ...['trace-id', 'ip-trace-id', 'http-status', 'http-method', 'http-path', 'http-url', 'http-header', 'cel-expression'].map(
    (name) => key(name, '', { offered: false }),
  ),
]

const BY_NAME = new Map(KEYS.map((key) => [key.name, key]))

export function keyNamed(name: string): Key | undefined {
  return BY_NAME.get(name)
}

/** The key that was most likely meant: one that the name is a part of, else one with few slips between. */
export function nearestKey(name: string): string | null {
  const typed = name.toLowerCase()
  const part = typed.length >= 3 ? KEYS.find((key) => key.name.includes(typed)) : undefined
  if (part) return part.name
  let best: string | null = null
  let least = Math.max(1, Math.floor(typed.length / 3)) + 1
  for (const key of KEYS) {
    const slips = slipsBetween(typed, key.name)
    if (slips < least) [best, least] = [key.name, slips]
  }
  return best
}

/** Letters put in, left out or taken for another. */
function slipsBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const taken = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(taken, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
