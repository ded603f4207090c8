// The URL is the whole state of the page: filters, range, brush, zone, order, columns, selection.

import { fromParam, toParams, type Filter } from '../query/filter.ts'
import { fromMs, toMs } from '../time/instant.ts'
import { DEFAULT_RANGE, duration, type Range, type Span } from '../time/range.ts'

export interface View {
  readonly filters: readonly Filter[]
  readonly range: Range
  /** What the brush took out of the range. */
  readonly window: Span | null
  /** `utc`, `local` or an IANA name. */
  readonly zone: string
  readonly order: 'newest' | 'oldest'
  /** Ids of columns; null: those that are shown by default. */
  readonly columns: readonly string[] | null
  /** uuid of the flow in the drawer. */
  readonly selected: string | null
  readonly follow: boolean
}

export const START: View = {
  filters: [],
  range: DEFAULT_RANGE,
  window: null,
  zone: 'utc',
  order: 'newest',
  columns: null,
  selected: null,
  follow: false,
}

type Writable = { -readonly [Key in keyof View]: View[Key] } & { filters: Filter[] }

/** Reads `?…`. What cannot be read is as if it were not there; unknown keys are filters, for the server to judge. */
export function read(search: string): View {
  const view: Writable = { ...START, filters: [] }
  for (const [key, value] of new URLSearchParams(search)) {
    if (key === 'since') view.range = { ...view.range, since: isBound(value) ? value : view.range.since }
    else if (key === 'until') view.range = { ...view.range, until: isBound(value) ? value : null }
    else if (key === 'window') view.window = readWindow(value)
    else if (key === 'tz') view.zone = value || START.zone
    else if (key === 'order') view.order = value === 'oldest' ? 'oldest' : 'newest'
    else if (key === 'cols') view.columns = value.split(',').filter((id) => id !== '')
    else if (key === 'sel') view.selected = value || null
    else if (key === 'follow') view.follow = value === 'true'
    else view.filters.push(fromParam(key, value))
  }
  return consistent(view)
}

/** Following has no end, and the newest flow first. */
function consistent(view: View): View {
  const follow = view.follow && view.window === null && view.range.until === null
  return { ...view, follow, order: follow ? 'newest' : view.order }
}

/** Writes `?…`, without what is as it would be anyway. Empty when everything is. */
export function write(view: View): string {
  const params: [string, string][] = toParams(view.filters)
  const { range, window } = view
  if (range.since !== DEFAULT_RANGE.since || range.until !== null) params.push(['since', range.since])
  if (range.until !== null) params.push(['until', range.until])
  if (window) params.push(['window', `${fromMs(window.since)}~${fromMs(window.until)}`])
  if (view.zone !== START.zone) params.push(['tz', view.zone])
  if (view.order !== START.order) params.push(['order', view.order])
  if (view.columns) params.push(['cols', view.columns.join(',')])
  if (view.follow) params.push(['follow', 'true'])
  if (view.selected) params.push(['sel', view.selected])
  return params.length === 0 ? '' : `?${params.map(([key, value]) => `${encode(key)}=${encode(value)}`).join('&')}`
}

/** Whether going from one to the other is a step that "back" undoes. */
export function isStep(from: View, to: View): boolean {
  return JSON.stringify([from.filters, from.range]) !== JSON.stringify([to.filters, to.range])
}

function isBound(text: string): boolean {
  return duration(text) !== null || !Number.isNaN(toMs(text))
}

function readWindow(text: string): Span | null {
  const [since = NaN, until = NaN] = text.split('~').map(toMs)
  return since < until ? { since, until } : null
}

/** As the server writes URLs: readable where a query allows it. */
function encode(text: string): string {
  return encodeURIComponent(text)
    .replace(/%(3A|2F|2C)/g, decodeURIComponent)
    .replace(/['()]/g, (char) => `%${char.charCodeAt(0).toString(16)}`)
}
