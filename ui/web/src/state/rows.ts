// The rows of the table: stored pages and live flows in one list, each flow once.

import type { Flow } from '../api/types.ts'
import { compare } from '../time/instant.ts'

/** Rows kept in memory; beyond, those at the end that is further from the reader are let go. */
export const KEEP = 50_000

export type Order = 'newest' | 'oldest'

export class Rows {
  readonly order: Order
  #list: Flow[] = []
  #seen = new Set<string>()

  constructor(order: Order) {
    this.order = order
  }

  get list(): readonly Flow[] {
    return this.#list
  }

  /** A page after the last row. Returns how many rows the head lost for it. */
  append(page: readonly Flow[]): number {
    this.#list = this.#list.concat(this.#unseen(page))
    return this.#forget(0, Math.max(0, this.#list.length - KEEP))
  }

  /** A page before the first row, in the order of the list. Returns how many rows the tail lost for it. */
  prepend(page: readonly Flow[]): number {
    this.#list = this.#unseen(page).concat(this.#list)
    return this.#forget(KEEP, this.#list.length)
  }

  /**
   * Live flows, in any order: most are newer than every row, a late one finds its place. Returns
   * how many were new, and how many rows the tail lost. Only for newest first.
   */
  live(batch: readonly Flow[]): { added: number; lost: number } {
    const fresh = this.#unseen(batch).sort((a, b) => compare(b.time, a.time))
    this.#list = merge(fresh, this.#list)
    return { added: fresh.length, lost: this.#forget(KEEP, this.#list.length) }
  }

  /** Those not in the list yet, which from now on are. */
  #unseen(flows: readonly Flow[]): Flow[] {
    return flows.filter((flow) => {
      if (this.#seen.has(flow.uuid)) return false
      this.#seen.add(flow.uuid)
      return true
    })
  }

  #forget(from: number, to: number): number {
    if (to <= from) return 0
    for (const flow of this.#list.slice(from, to)) this.#seen.delete(flow.uuid)
    this.#list = this.#list.slice(0, from).concat(this.#list.slice(to))
    return to - from
  }
}

/** Joins two lists that are newest first; of equal times the live one stands first. */
function merge(live: readonly Flow[], list: readonly Flow[]): Flow[] {
  const oldest = live.at(-1)
  if (!oldest) return [...list]
  const merged: Flow[] = []
  let [at, row] = [0, 0]
  while (at < live.length) {
    const [next, stored] = [live[at], list[row]]
    if (next && (!stored || compare(next.time, stored.time) >= 0)) {
      merged.push(next)
      at++
    } else if (stored) {
      merged.push(stored)
      row++
    }
  }
  return merged.concat(list.slice(row))
}
