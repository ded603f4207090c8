// Facets of two parts of a span, added up.

import type { Facet } from '../api/types.ts'

/** In the order of the newer answer; values by their counts. */
export function joinFacets(newer: readonly Facet[], older: readonly Facet[]): Facet[] {
  const fields = newer.map((facet) => facet.field)
  const added = older.filter((facet) => !fields.includes(facet.field))
  return newer.map((facet) => joinFacet(facet, older.find((other) => other.field === facet.field))).concat(added)
}

function joinFacet(facet: Facet, other: Facet | undefined): Facet {
  if (!other) return facet
  const counts = new Map(facet.values.map(({ value, count }) => [value, count]))
  for (const { value, count } of other.values) counts.set(value, (counts.get(value) ?? 0) + count)
  const values = [...counts].map(([value, count]) => ({ value, count })).sort((a, b) => b.count - a.count)
  return { ...facet, values, others: facet.others + other.others }
}
