// The flows of the table: pages by cursor in both directions, live ones on top.

import { api, type Params } from '../api/client.ts'
import type { Flow, FlowPage } from '../api/types.ts'
import { after } from '../time/instant.ts'
import { Rows, type Order } from './rows.ts'
import { Task } from './task.svelte.ts'

const FIRST_PAGE = 200
const PAGE = 500

/** Where the rows after the last one are: behind a cursor, or next to a row that was let go. */
type Continuation = { cursor: string } | { beside: Flow } | null

export class FlowList {
  rows = $state.raw<readonly Flow[]>([])
  /** Whether the rows answer the present question. */
  loaded = $state(false)
  /** Whether the last row is the last one there is. */
  atEnd = $state(false)
  /** Live flows that came since the question was asked. */
  liveCount = $state(0)
  /** How long the server looked for the last page, in milliseconds. */
  ms = $state<number | null>(null)
  /** Whether live flows were the last that joined the rows. */
  grewLive = false
  readonly first = new Task()
  readonly more = new Task()
  #rows = new Rows('newest')
  #params: Params = []
  #bounds = { since: '', until: '' }
  #after: Continuation = null
  /** Whether rows before the first one were let go: live ones would not join it. */
  #headLost = $state(false)
  /** Whether live flows came while that was so. */
  #missed = false
  #waiting: Flow[] = []

  /** Whether the list begins further back than it could. */
  get detached(): boolean {
    return this.#headLost
  }

  /** Asks anew. Old rows stay until the first page is there. */
  load(filters: Params, bounds: Params, order: Order): Promise<void> {
    this.more.cancel()
    this.loaded = false
    this.#waiting = []
    return this.first.run(async (signal) => {
      const page = await this.#page([...filters, ...bounds, ['order', order], ['limit', String(FIRST_PAGE)]], signal)
      this.#params = filters
      this.#bounds = { since: page.since, until: page.until }
      this.#rows = new Rows(order)
      this.#rows.append(page.flows)
      if (order === 'newest') this.#rows.live(this.#waiting)
      this.#after = page.next === null ? null : { cursor: page.next }
      this.#headLost = this.#missed = false
      this.#waiting = []
      this.liveCount = 0
      this.loaded = true
      this.#show()
    })
  }

  /** Fetches the rows after the last one, unless that is going on. */
  async extend(): Promise<void> {
    const from = this.#after
    if (!from || !this.loaded || this.more.running) return
    await this.more.run(async (signal) => {
      const page = await this.#page(this.#question(from, this.#rows.order), signal)
      if (this.#rows.append(page.flows) > 0) this.#headLost = true
      this.#after = page.next === null ? null : { cursor: page.next }
      this.#show()
    })
  }

  /** Fetches rows before the first one, when they were let go. */
  async back(): Promise<void> {
    const first = this.rows[0]
    if (!this.#headLost || !first || this.more.running) return
    await this.more.run(async (signal) => {
      const other = this.#rows.order === 'newest' ? 'oldest' : 'newest'
      const page = await this.#page(this.#question({ beside: first }, other), signal)
      this.#lostTail(this.#rows.prepend(page.flows.toReversed()))
      this.#headLost = page.next !== null || this.#missed
      this.#show()
    })
  }

  /** Live flows; while newer rows are let go they are only counted. */
  live(flows: readonly Flow[]): void {
    if (!this.loaded) {
      // Without a page on its way the next one will have them.
      if (this.first.running) this.#waiting.push(...flows)
      return
    }
    if (this.#headLost) {
      this.#missed = true
      this.liveCount += flows.length
      return
    }
    const { added, lost } = this.#rows.live(flows)
    if (added === 0) return
    this.liveCount += added
    this.#lostTail(lost)
    this.#show(true)
  }

  #lostTail(lost: number): void {
    const last = this.#rows.list.at(-1)
    if (lost > 0 && last) this.#after = { beside: last }
  }

  #show(live = false): void {
    this.grewLive = live
    this.rows = this.#rows.list
    this.atEnd = this.#after === null
  }

  /** From the cursor on; or beside a row, which then comes again and is taken once. */
  #question(from: NonNullable<Continuation>, order: Order): Params {
    const { since, until } = this.#bounds
    const ask = (bounds: Params): Params => [...this.#params, ...bounds, ['order', order], ['limit', String(PAGE)]]
    if ('cursor' in from) return [...ask([['since', since], ['until', until]]), ['cursor', from.cursor]]
    const { time } = from.beside
    return order === 'newest' ? ask([['since', since], ['until', after(time)]]) : ask([['since', time], ['until', until]])
  }

  /** A page; one that the server's time budget ended empty is gone on with. */
  async #page(params: Params, signal: AbortSignal): Promise<FlowPage> {
    for (let cursor: string | null = null; ; ) {
      const asked: Params = cursor === null ? params : [...params.filter(([key]) => key !== 'cursor'), ['cursor', cursor]]
      const page = await api.flows(asked, signal)
      this.ms = page.ms
      if (page.flows.length > 0 || page.next === null) return page
      cursor = page.next
    }
  }
}
