// Everything about the flow in the drawer, as it is stored.

import { api, type Params } from '../api/client.ts'
import type { FlowDetail } from '../api/types.ts'
import { after } from '../time/instant.ts'
import { Task } from './task.svelte.ts'

/** Going through rows by key does not ask for each of them. */
const REST = 120

export class Detail {
  found = $state.raw<FlowDetail | null>(null)
  readonly task = new Task()

  /** Fetches a flow, faster when its time is known; returns what calls that off. */
  load(uuid: string, time: string | null): () => void {
    this.task.error = null
    const bounds: Params = time === null ? [] : [['since', time], ['until', after(time)]]
    const timer = setTimeout(() => {
      void this.task.run(async (signal) => {
        this.found = await api.flow(uuid, bounds, signal)
      })
    }, REST)
    return () => {
      clearTimeout(timer)
      this.task.cancel()
    }
  }
}
