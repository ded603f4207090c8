// The API over made-up flows, for working on the page without a server. Development only.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Bucket, CliFilters, Flow, Lost, Status } from '../src/api/types.ts'
import { keyNamed, nearestKey } from '../src/query/keys.ts'
import { duration } from '../src/time/range.ts'
import { matcher, valuesOf } from './match.ts'
import { flow, flowsBetween, lostSpan, NODES, random } from './world.ts'

const MINUTE = 60_000
const NOT_FILTERS = new Set(['since', 'until', 'order', 'cursor', 'limit', 'buckets', 'fields', 'key', 'prefix', 'format', 'position', 'follow', 'command'])

type Next = () => void

/** What a request asks, read once. */
interface Question {
  url: URL
  filters: [string, string][]
  matches: (flow: Flow) => boolean
  since: number
  until: number
}

export function mock(): (request: IncomingMessage, response: ServerResponse, next: Next) => void {
  const start = Date.parse(process.env.TIDEGATE_NOW ?? new Date().toISOString())
  const now = () => (process.env.TIDEGATE_NOW ? start : Date.now())
  const perMinute = Number(process.env.TIDEGATE_RATE ?? 85)
  const flows = flowsBetween(start - 26 * 60 * MINUTE, start - 70 * MINUTE, 12, 7).concat(
    flowsBetween(start - 70 * MINUTE, start, perMinute, 42),
  )
  const lost = lostSpan(start)
  const losses: Lost[] = [{
    node: 'worker-07', since: iso(lost.since), until: iso(lost.until), count: 1840, reason: 'kernel-ring',
    text: '1,840 lost, ring buffer full on worker-07',
  }]

  const routes: Record<string, (question: Question, response: ServerResponse, request: IncomingMessage) => void> = {
    'flows': (question, response) => json(response, page(question, flows)),
    'flows/histogram': (question, response) => json(response, histogram(question, flows, losses)),
    'flows/facets': (question, response) => json(response, facets(question, flows)),
    'flows/stream': (question, response, request) => stream(question, response, request, flows),
    'flows/export': (question, response) => {
      response.setHeader('content-disposition', 'attachment; filename="flows.jsonl"')
      response.end(inSpan(question, flows).map((flow) => JSON.stringify(flow)).join('\n'))
    },
    'values': (question, response) => json(response, values(question, flows)),
    'cli': ({ url }, response) => json(response, { command: commandFor(url.searchParams) }),
    'cli/parse': (question, response) => json(response, commandOf(question.url.searchParams.get('command') ?? '')),
    'status': (_, response) => json(response, status(flows, start)),
  }

  return (request, response, next) => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    const at = url.pathname.indexOf('/api/v1/')
    if (at < 0) return next()
    const path = url.pathname.slice(at + '/api/v1/'.length)
    const filters = [...url.searchParams].filter(([key]) => !NOT_FILTERS.has(key))
    const unknown = filters.find(([key]) => !keyNamed(key))
    if (unknown) return fail(response, 400, `unknown filter key "${unknown[0]}"`, `did you mean ${nearestKey(unknown[0]) ?? 'one of those the query bar offers'}?`)
    const bound = (name: string, other: number) => {
      const text = url.searchParams.get(name)
      if (!text) return other
      const ago = duration(text)
      return ago === null ? Date.parse(text) + (/\.\d{4,}/.test(text) ? 1 : 0) : now() - ago
    }
    const question = { url, filters, matches: matcher(filters), since: bound('since', now() - 60 * MINUTE), until: bound('until', now()) }
    const route = routes[path]
    if (route) return route(question, response, request)
    const one = flows.find((flow) => path === `flows/${flow.uuid}`)
    if (one) return json(response, { flow: one, raw: { flow: { time: one.time, uuid: one.uuid, verdict: one.verdict, IP: { source: one.source.ip, destination: one.destination.ip } }, node_name: one.node } })
    fail(response, 404, path.startsWith('flows/') ? 'this flow is not stored' : 'no such route', null)
  }
}

function inSpan({ since, until, matches }: Question, flows: readonly Flow[]): Flow[] {
  return flows.filter((flow) => {
    const ms = Date.parse(flow.time)
    return ms >= since && ms < until && matches(flow)
  })
}

function page(question: Question, flows: readonly Flow[]) {
  const { searchParams } = question.url
  const found = inSpan(question, flows)
  if (searchParams.get('order') !== 'oldest') found.reverse()
  const from = Number(searchParams.get('cursor') ?? 0)
  const limit = Number(searchParams.get('limit') ?? 100)
  const next = from + limit < found.length ? String(from + limit) : null
  return { flows: found.slice(from, from + limit), next, complete: true, since: iso(question.since), until: iso(question.until), ms: 38 }
}

function histogram(question: Question, flows: readonly Flow[], losses: Lost[]) {
  const count = Number(question.url.searchParams.get('buckets') ?? 96)
  const stepMs = (question.until - question.since) / count
  const buckets: Bucket[] = Array.from({ length: count }, () => ({ forwarded: 0, translated: 0, dropped: 0, audit: 0, error: 0 }))
  for (const flow of inSpan(question, flows)) {
    const bucket = buckets[Math.floor((Date.parse(flow.time) - question.since) / stepMs)]
    if (bucket) bucket[flow.outcome]++
  }
  const lost = losses.filter((one) => Date.parse(one.since) < question.until && Date.parse(one.until) > question.since)
  return { since: iso(question.since), spanSince: iso(question.since), until: iso(question.until), stepMs, buckets, completeSince: iso(question.since), complete: true, source: 'flows', lost, ms: 21 }
}

function facets(question: Question, flows: readonly Flow[]) {
  const found = inSpan(question, flows)
  const fields = (question.url.searchParams.get('fields') ?? '').split(',')
  const facets = fields.map((field) => {
    const all = tally(found, field)
    const values = all.slice(0, 10)
    return { field, key: field, values, others: all.slice(10).reduce((sum, one) => sum + one.count, 0) }
  })
  return { facets, completeSince: iso(question.since), complete: true, ms: 30 }
}

function values(question: Question, flows: readonly Flow[]) {
  const key = question.url.searchParams.get('key') ?? ''
  const prefix = (question.url.searchParams.get('prefix') ?? '').toLowerCase()
  const found = tally(inSpan(question, flows), key).filter(({ value }) => value.toLowerCase().includes(prefix))
  return { key, values: found.slice(0, 10) }
}

/** Long flags with a value, which is enough to see a command become tokens. */
function commandOf(command: string) {
  const words = command.match(/'[^']*'|\S+/g)?.map((word) => word.replaceAll("'", '')) ?? []
  const read: CliFilters = { filters: [], since: null, until: null, follow: words.includes('-f') || words.includes('--follow') }
  words.forEach((word, at) => {
    const [key, value = ''] = [word.slice(2), words[at + 1]]
    if (!word.startsWith('--')) return
    if (key === 'since' || key === 'until') read[key] = value
    else if (keyNamed(key)) read.filters.push({ key, value, not: words[at - 1] === '--not' })
  })
  return read
}

function commandFor(params: URLSearchParams): string {
  const words = [...params].map(([key, value]) => (value.startsWith('!') ? `--not --${key} ${value.slice(1)}` : `--${key} ${value}`))
  return ['tidegate observe', ...words].join(' ')
}

function tally(flows: readonly Flow[], key: string): { value: string; count: number }[] {
  const counts = new Map<string, number>()
  for (const flow of flows) for (const value of valuesOf(key, flow)) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].map(([value, count]) => ({ value, count })).sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1))
}

function stream(question: Question, response: ServerResponse, request: IncomingMessage, flows: Flow[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  let position = Number(request.headers['last-event-id'] ?? question.url.searchParams.get('position') ?? flows.length)
  const send = (event: string, data: unknown) => response.write(`event: ${event}\nid: ${position}\ndata: ${JSON.stringify(data)}\n\n`)
  const next = random(position)
  const perSecond = Number(process.env.TIDEGATE_STREAM ?? 12)
  send('ping', {})
  const flood = setInterval(() => {
    const seen = Math.round(perSecond / 4)
    for (let i = 0; i < seen; i++) flows.push(flow(Date.now() - Math.floor(next() * 250), next))
    const fresh = flows.slice(position)
    position = flows.length
    send('flows', { flows: fresh.filter(question.matches), seen: fresh.length, sampled: perSecond > 200 ? 8 : null })
  }, 250)
  const ping = setInterval(() => send('ping', {}), 15_000)
  request.on('close', () => [flood, ping].forEach(clearInterval))
}

function status(flows: readonly Flow[], start: number): Status {
  return {
    cluster: 'prod-eu-1',
    version: '0.3.0',
    relay: { connected: true, message: null, address: 'localhost:4245' },
    nodes: NODES.map((name) => ({ name, state: 'connected', message: null, version: '0.3.0', flowsPerSecond: 28.4, recordedUntil: iso(start) })),
    store: {
      url: 'sqlite:///var/lib/tidegate/flows', flows: 1_284_306, bytes: 214_000_000, oldest: flows[0]?.time ?? null, newest: flows.at(-1)?.time ?? null,
      retentionAgeSeconds: 14 * 86_400, retentionBytes: 10 * 2 ** 30, segments: 31,
    },
    storeMessage: null,
  }
}

function json(response: ServerResponse, body: unknown): void {
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify(body))
}

function fail(response: ServerResponse, status: number, error: string, hint: string | null): void {
  response.statusCode = status
  json(response, { error, hint, requestId: '01JDDQ3M5T' })
}

function iso(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 23)}000000Z`
}
