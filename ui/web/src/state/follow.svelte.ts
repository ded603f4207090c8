// Flows as they are stored, by server-sent events. One stream; when it is cut it goes on at the
// position of its last event, so that nothing is missed; what comes twice is dropped by uuid.

import { address, type Params } from '../api/client.ts'
import type { Flow, Lost, Status, StreamFlows } from '../api/types.ts'

/** A ping comes every 15 s; a stream silent for longer than two of them is dead. */
const SILENCE = 35_000
/** A tab that nobody sees lets its stream go after this long, and takes it up when it is seen. */
const HIDDEN = 60_000
/** The span over which the rate of seen flows is taken. */
const RATE_SPAN = 10_000
const LONGEST_WAIT = 15_000

export interface Listener {
  /** The stream has its first position: what was stored before it is in pages asked for from now on. */
  begun(): void
  flows(flows: Flow[]): void
  lost(lost: Lost[]): void
  status(status: Status): void
}

export type Phase = 'off' | 'connecting' | 'live' | 'cut' | 'paused'

export class Follow {
  phase = $state<Phase>('off')
  /** Attempts to reconnect since the stream was cut. */
  attempt = $state(0)
  /** When following began, milliseconds since 1970. */
  since = $state(0)
  /** One of this many flows is shown; null when all are. */
  sampled = $state<number | null>(null)
  /** Whether flows were left out since following began: pages have them. */
  wasSampled = false
  /** Flows per second that were stored, matching or not; null before it is known. */
  seenRate = $state<number | null>(null)
  readonly #listener: Listener
  #filters: Params = []
  #position: string | null = null
  #source: EventSource | null = null
  #retry: ReturnType<typeof setTimeout> | undefined
  #whole: ReturnType<typeof setTimeout> | undefined
  #silence: ReturnType<typeof setTimeout> | undefined
  #hidden: ReturnType<typeof setTimeout> | undefined
  #seen: { at: number; count: number }[] = []

  constructor(listener: Listener) {
    this.#listener = listener
    document.addEventListener('visibilitychange', () => this.#visibility())
  }

  start(filters: Params): void {
    this.stop()
    this.#filters = filters
    this.#position = null
    this.#seen = []
    this.since = Date.now()
    this.attempt = 0
    this.sampled = this.seenRate = null
    this.wasSampled = false
    this.phase = 'connecting'
    this.#connect()
  }

  stop(): void {
    this.#close()
    clearTimeout(this.#hidden)
    clearTimeout(this.#whole)
    this.phase = 'off'
  }

  /** Tries again at once, when it would wait. */
  retry(): void {
    if (this.phase !== 'cut') return
    this.#close()
    this.#connect()
  }

  #connect(): void {
    const resume: Params = this.#position === null ? [] : [['position', this.#position]]
    const url = address('flows/stream', [...this.#filters, ...resume])
    const source = new EventSource(url)
    this.#source = source
    source.onopen = () => this.#opened()
    source.onerror = () => {
      if (this.phase !== 'live' && this.#position !== null) void this.#doubtPosition(url)
      this.#cut()
    }
    this.#on(source, 'flows', (data: StreamFlows) => {
      this.#thinned(data.sampled)
      this.#count(data.seen)
      if (data.flows.length > 0) this.#listener.flows(data.flows)
    })
    this.#on(source, 'lost', (data: Lost[]) => this.#listener.lost(data))
    this.#on(source, 'status', (data: Status) => this.#listener.status(data))
    this.#on(source, 'ping', () => undefined)
    this.#heard()
  }

  #on<T>(source: EventSource, name: string, take: (data: T) => void): void {
    source.addEventListener(name, (event: MessageEvent<string>) => {
      if (source !== this.#source) return
      const begins = this.#position === null && event.lastEventId !== ''
      if (event.lastEventId !== '') this.#position = event.lastEventId
      if (begins) this.#listener.begun()
      this.#heard()
      take((event.data === '' ? null : JSON.parse(event.data)) as T)
    })
  }

  #opened(): void {
    this.phase = 'live'
    this.attempt = 0
    this.#heard()
  }

  /** The browser's own retrying gives up on an HTTP error and hides its attempts, so ours is used. */
  #cut(): void {
    this.#close()
    this.phase = 'cut'
    this.attempt++
    const wait = Math.min(LONGEST_WAIT, 1000 * 2 ** (this.attempt - 1))
    this.#retry = setTimeout(() => this.#connect(), wait)
  }

  /** A position that the server refuses would be refused for ever; an EventSource does not tell why it failed. */
  async #doubtPosition(url: string): Promise<void> {
    const abort = new AbortController()
    const answer = await fetch(url, { signal: abort.signal }).catch(() => null)
    abort.abort()
    if (answer && answer.status >= 400 && answer.status < 500) this.#position = null
  }

  /** Some batches of a busy stream are whole; the reader is told of the thinnest of late. */
  #thinned(sampled: number | null): void {
    if (sampled === null || sampled < (this.sampled ?? 0)) return
    this.sampled = sampled
    this.wasSampled = true
    clearTimeout(this.#whole)
    this.#whole = setTimeout(() => (this.sampled = null), RATE_SPAN)
  }

  #heard(): void {
    clearTimeout(this.#silence)
    this.#silence = setTimeout(() => this.#cut(), SILENCE)
  }

  #close(): void {
    clearTimeout(this.#retry)
    clearTimeout(this.#silence)
    this.#source?.close()
    this.#source = null
  }

  #visibility(): void {
    clearTimeout(this.#hidden)
    if (document.hidden && this.phase !== 'off') {
      this.#hidden = setTimeout(() => {
        this.#close()
        this.phase = 'paused'
      }, HIDDEN)
    } else if (this.phase === 'paused') {
      this.phase = 'connecting'
      this.#connect()
    }
  }

  #count(seen: number): void {
    const now = Date.now()
    this.#seen.push({ at: now, count: seen })
    while ((this.#seen[0]?.at ?? now) < now - RATE_SPAN) this.#seen.shift()
    const span = Math.min(RATE_SPAN, now - this.since)
    const count = this.#seen.reduce((sum, one) => sum + one.count, 0)
    this.seenRate = span < 1000 ? null : (count * 1000) / span
  }
}
