// The page's data: one question (filters, range, order) asked of pages, histogram, facets and
// stream together, and asked again when it changes.

import { untrack } from 'svelte'
import { api, type Params } from '../api/client.ts'
import type { Status } from '../api/types.ts'
import { toParams } from '../query/filter.ts'
import { fromMs } from '../time/instant.ts'
import { absolute, around, DEFAULT_RANGE, resolve, shifted, type Range, type Span } from '../time/range.ts'
import { Zone } from '../time/zone.ts'
import { FacetsState, HistogramState } from './counts.svelte.ts'
import { Detail } from './detail.svelte.ts'
import { Follow } from './follow.svelte.ts'
import { FlowList } from './list.svelte.ts'
import { Preferences } from './preferences.svelte.ts'
import { ViewState } from './view.svelte.ts'

export const FACET_FIELDS = [
  'outcome', 'from-namespace', 'to-fqdn', 'egress-policy', 'snat-ip', 'drop-reason-desc', 'from-workload',
  'to-namespace', 'to-port', 'egress-gateway', 'node-name', 'protocol',
]
const STATUS_EVERY = 15_000
const COUNTS_WHILE_FOLLOWING = 10_000
const BUCKETS = 96

export class Session {
  readonly view = new ViewState()
  readonly preferences = new Preferences()
  readonly list = new FlowList()
  readonly histogram = new HistogramState()
  readonly facets = new FacetsState()
  readonly detail = new Detail()
  readonly follow: Follow
  status = $state.raw<Status | null>(null)
  /** The status could not be had: the server itself is away. */
  unreachable = $state(false)
  /** Counts what makes the same question new: refreshing, a stream that has begun. */
  #round = $state(0)
  /** Advances while following, so that counts are taken anew. */
  #tick = $state(0)
  readonly zone = $derived(new Zone(this.view.now.zone))
  /** What the zone is called at the end of what is looked at. */
  readonly zoneLabel = $derived(this.zone.label(this.tableSpan().until))
  readonly filters = $derived(toParams(this.view.now.filters))
  readonly #filterKey = $derived(JSON.stringify(this.filters))
  readonly #following = $derived(this.view.now.follow)
  readonly #rangeKey = $derived(JSON.stringify(this.view.now.range))
  readonly #spanKey = $derived(JSON.stringify([this.view.now.range, this.view.now.window]))
  readonly #order = $derived(this.view.now.order)

  constructor() {
    this.follow = new Follow({
      begun: () => this.refresh(),
      flows: (flows) => this.list.live(flows),
      lost: (lost) => (this.histogram.liveLost = this.histogram.liveLost.concat(lost)),
      status: (status) => (this.status = status),
    })
  }

  /** Called once where effects may be made. */
  run(): void {
    $effect(() => this.#loadList())
    $effect(() => this.#loadHistogram())
    $effect(() => this.#loadFacets())
    $effect(() => this.#followView())
    $effect(() => {
      void this.loadStatus()
      const timer = setInterval(() => void this.loadStatus(), STATUS_EVERY)
      return () => clearInterval(timer)
    })
  }

  /** Asks again; a relative range moves up to now. */
  refresh(): void {
    this.#round++
  }

  /** The range in milliseconds as it is now. */
  span(): Span {
    const now = Date.now()
    return resolve(this.view.now.range, now) ?? { since: now - 3_600_000, until: now }
  }

  /** What the table shows of it. */
  tableSpan(): Span {
    return this.view.now.window ?? this.span()
  }

  async loadStatus(): Promise<void> {
    try {
      this.status = await api.status(AbortSignal.timeout(STATUS_EVERY))
      this.unreachable = false
    } catch {
      this.unreachable = true
    }
  }

  setFollow(follow: boolean): void {
    const { range } = this.view.now
    const open: Range = range.until === null ? range : DEFAULT_RANGE
    this.view.set(follow ? { follow, window: null, order: 'newest', range: open } : { follow })
  }

  setWindow(window: Span | null): void {
    this.view.set({ window, follow: false })
  }

  setRange(range: Range): void {
    this.view.set({ range, window: null, follow: this.view.now.follow && range.until === null })
    this.refresh()
  }

  /** Goes to the span of equal length before or after; a brush takes the range along when it leaves it. */
  shift(direction: -1 | 1): void {
    const { window } = this.view.now
    const outer = this.span()
    const span = shifted(window ?? outer, direction, Date.now())
    if (!window) return this.setRange(absolute(span))
    const inside = around(outer, span) === outer
    this.view.set({ window: span, follow: false, ...(inside ? {} : { range: absolute(shifted(outer, direction, Date.now())) }) })
  }

  /** The span of the table as parameters. */
  bounds(): Params {
    const { window } = this.view.now
    return window ? [['since', fromMs(window.since)], ['until', fromMs(window.until)]] : this.#rangeBounds()
  }

  /** The span of the histogram: the range, widened when the brush lies outside it. */
  #outerBounds(): Params {
    const { window } = this.view.now
    const span = this.span()
    const outer = around(span, window)
    return outer === span ? this.#rangeBounds() : [['since', fromMs(outer.since)], ['until', fromMs(outer.until)]]
  }

  #rangeBounds(): Params {
    const { since, until } = this.view.now.range
    return [['since', since], ...(until === null ? [] : [['until', until] as const])]
  }

  #loadList(): void {
    void [this.#round, this.#filterKey, this.#spanKey, this.#order]
    untrack(() => void this.list.load(this.filters, this.bounds(), this.#order))
  }

  #loadHistogram(): void {
    void [this.#round, this.#tick, this.#filterKey, this.#rangeKey]
    untrack(() => void this.histogram.load(this.filters, this.#outerBounds(), BUCKETS, this.#following))
  }

  #loadFacets(): void {
    void [this.#round, this.#tick, this.#filterKey, this.#spanKey]
    const fields = this.preferences.facets ? FACET_FIELDS : ['outcome']
    untrack(() => void this.facets.load(this.filters, this.bounds(), fields, this.#following))
  }

  #followView(): (() => void) | undefined {
    void this.#filterKey
    if (!this.#following) return
    untrack(() => this.follow.start(this.filters))
    const timer = setInterval(() => document.hidden || this.#tick++, COUNTS_WHILE_FOLLOWING)
    return () => {
      clearInterval(timer)
      this.follow.stop()
      // The rows have holes where the stream was thinned out; pages have none.
      if (this.follow.wasSampled) this.refresh()
    }
  }
}
