// Everything about the flow in the drawer, as it is stored.

import { api } from '../api/client.ts'
import type { FlowDetail } from '../api/types.ts'
import { Task } from './task.svelte.ts'

/** Going through rows by key does not ask for each of them. */
const REST = 120

export class Detail {
  found = $state.raw<FlowDetail | null>(null)
  readonly task = new Task()

  /** Fetches the flow unless it is here; returns what calls that off. */
  load(uuid: string): () => void {
    this.task.error = null
    const timer = setTimeout(() => {
      void this.task.run(async (signal) => {
        this.found = await api.flow(uuid, signal)
      })
    }, REST)
    return () => {
      clearTimeout(timer)
      this.task.cancel()
    }
  }
}
