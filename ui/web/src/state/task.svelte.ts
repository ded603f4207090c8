// Work that one asks a server for: how long it takes, how it failed, and a way to call it off.

import { ApiError } from '../api/client.ts'

/** After this many milliseconds it is shown that something is asked for; later, that it can be cancelled. */
const SLOW = 300
const LONG = 2000

export class Task {
  running = $state(false)
  /** Running for longer than 300 ms. */
  slow = $state(false)
  /** Running for longer than 2 s. */
  long = $state(false)
  /** Called off by the reader, and not run again since. */
  cancelled = $state(false)
  error = $state.raw<ApiError | null>(null)
  #abort: AbortController | null = null

  /**
   * Runs `work`; what ran before is called off. Resolves when it is done, failed or was called off.
   * Quiet work is done behind the reader's back: that it takes long is not shown.
   */
  async run(work: (signal: AbortSignal) => Promise<void>, quiet = false): Promise<void> {
    this.#abort?.abort()
    const abort = new AbortController()
    this.#abort = abort
    this.running = true
    this.slow = this.long = this.cancelled = false
    const timers = quiet ? [] : [setTimeout(() => (this.slow = true), SLOW), setTimeout(() => (this.long = true), LONG)]
    abort.signal.addEventListener('abort', () => timers.forEach(clearTimeout))
    try {
      await work(abort.signal)
      if (!abort.signal.aborted) this.error = null
    } catch (error) {
      if (!abort.signal.aborted) this.error = asApiError(error)
    } finally {
      timers.forEach(clearTimeout)
      if (this.#abort === abort) this.#stop()
    }
  }

  cancel(): void {
    if (!this.#abort) return
    this.#abort.abort()
    this.#stop()
    this.cancelled = true
  }

  #stop(): void {
    this.#abort = null
    this.running = this.slow = this.long = false
  }
}

/** What is no answer of ours is a server that cannot be reached. */
function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  return new ApiError(0, error instanceof Error ? error.message : String(error), null, null)
}
