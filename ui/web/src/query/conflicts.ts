// Keys that cannot be used together: at most one of each group. The groups are those of the command
// line. A filter that is turned round leaves out what it matches by itself, and stands beside any.

import type { Filter } from './filter.ts'

const GROUPS: readonly (readonly string[])[] = [
  ['from-fqdn', 'from-ip', 'ip', 'fqdn', 'from-namespace', 'namespace', 'from-all-namespaces', 'all-namespaces'],
  ['from-fqdn', 'from-ip', 'ip', 'fqdn', 'from-pod', 'pod'],
  ['to-fqdn', 'to-ip', 'ip', 'fqdn', 'to-namespace', 'namespace', 'to-all-namespaces', 'all-namespaces'],
  ['to-fqdn', 'to-ip', 'ip', 'fqdn', 'to-pod', 'pod'],
  ['to-pod', 'namespace', 'all-namespaces'],
  ['from-pod', 'namespace', 'all-namespaces'],
  ['to-service', 'namespace', 'all-namespaces'],
  ['from-service', 'namespace', 'all-namespaces'],
  ['label', 'from-label'],
  ['label', 'to-label'],
  ['service', 'from-service'],
  ['service', 'to-service'],
  ['port', 'from-port'],
  ['port', 'to-port'],
  ['identity', 'from-identity'],
  ['identity', 'to-identity'],
  ['workload', 'from-workload'],
  ['workload', 'to-workload'],
  ['encrypted', 'unencrypted'],
]

export function conflicts(a: Filter, b: Filter): boolean {
  return !a.not && !b.not && a.key !== b.key && GROUPS.some((group) => group.includes(a.key) && group.includes(b.key))
}

/** The first two that cannot be used together. */
export function firstConflict(filters: readonly Filter[]): [Filter, Filter] | null {
  for (const [at, filter] of filters.entries()) {
    const other = filters.slice(0, at).find((before) => conflicts(before, filter))
    if (other) return [other, filter]
  }
  return null
}
