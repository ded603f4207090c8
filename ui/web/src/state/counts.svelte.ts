// The histogram and the facets. A server that ran out of its time budget counts the newest part
// first; the rest is asked for until all is counted.

import { api, type Params } from '../api/client.ts'
import type { Facet, Lost } from '../api/types.ts'
import { bucketsUpTo, counted, join, type Counted } from './buckets.ts'
import { joinFacets } from './facets.ts'
import { Task } from './task.svelte.ts'

export class HistogramState {
  counted = $state.raw<Counted | null>(null)
  /** Losses that the stream told of since. */
  liveLost = $state.raw<readonly Lost[]>([])
  readonly task = new Task()

  get lost(): readonly Lost[] {
    return this.liveLost.length === 0 ? (this.counted?.lost ?? []) : (this.counted?.lost ?? []).concat(this.liveLost)
  }

  async load(filters: Params, bounds: Params, buckets: number, quiet: boolean): Promise<void> {
    await this.task.run(async (signal) => {
      const first = await api.histogram([...filters, ...bounds, ['buckets', String(buckets)]], signal)
      this.counted = counted(first)
      this.liveLost = []
      let end = first.completeSince
      while (!this.counted.complete) {
        const rest: Params = [['since', first.spanSince], ['until', end], ['buckets', String(bucketsUpTo(this.counted))]]
        const answer = await api.histogram([...filters, ...rest], signal)
        this.counted = join(this.counted, counted(answer))
        if (answer.completeSince === end) return
        end = answer.completeSince
      }
    }, quiet)
    if (isRefused(this.task)) this.counted = null
  }
}

export class FacetsState {
  facets = $state.raw<readonly Facet[]>([])
  /** Whether all flows of the span are counted. */
  complete = $state(true)
  readonly task = new Task()

  async load(filters: Params, bounds: Params, fields: readonly string[], quiet: boolean): Promise<void> {
    await this.task.run(async (signal) => {
      const ask = (bounds: Params) => api.facets([...filters, ...bounds, ['fields', fields.join(',')]], signal)
      let answer = await ask(bounds)
      this.facets = answer.facets
      this.complete = answer.complete
      for (let end = ''; !answer.complete && answer.completeSince !== end; ) {
        end = answer.completeSince
        answer = await ask([...bounds.filter(([name]) => name !== 'until'), ['until', end]])
        this.facets = joinFacets(this.facets, answer.facets)
        this.complete = answer.complete
      }
    }, quiet)
    if (isRefused(this.task)) this.facets = []
  }
}

/** A question that the server does not understand has no counts, and those of another are not its. */
function isRefused(task: Task): boolean {
  return !task.running && task.error?.status === 400
}
