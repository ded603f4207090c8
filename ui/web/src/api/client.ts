// The HTTP interface. Paths are relative to the page, so that it works below any path.

import type { CliCommand, CliFilters, Facets, FlowDetail, FlowPage, Histogram, Status, Values } from './types.ts'

export type Params = readonly (readonly [string, string])[]

/** An answer that is an error, with what the server says about it. */
export class ApiError extends Error {
  readonly status: number
  readonly hint: string | null
  readonly requestId: string | null

  constructor(status: number, message: string, hint: string | null, requestId: string | null) {
    super(message)
    this.status = status
    this.hint = hint
    this.requestId = requestId
  }
}

const BASE = new URL('api/v1/', new URL('.', document.baseURI))

/** The address of a call, for streams and downloads. */
export function address(path: string, params: Params): string {
  const url = new URL(path, BASE)
  url.search = new URLSearchParams(params as [string, string][]).toString()
  return url.href
}

export const api = {
  flows: (params: Params, signal: AbortSignal) => get<FlowPage>('flows', params, signal),
  histogram: (params: Params, signal: AbortSignal) => get<Histogram>('flows/histogram', params, signal),
  facets: (params: Params, signal: AbortSignal) => get<Facets>('flows/facets', params, signal),
  flow: (uuid: string, params: Params, signal: AbortSignal) => get<FlowDetail>(`flows/${encodeURIComponent(uuid)}`, params, signal),
  values: (params: Params, signal: AbortSignal) => get<Values>('values', params, signal),
  command: (params: Params, signal: AbortSignal) => get<CliCommand>('cli', params, signal),
  parseCommand: (command: string, signal: AbortSignal) => get<CliFilters>('cli/parse', [['command', command]], signal),
  status: (signal: AbortSignal) => get<Status>('status', [], signal),
}

async function get<T>(path: string, params: Params, signal: AbortSignal): Promise<T> {
  const response = await fetch(address(path, params), { signal, headers: { accept: 'application/json' } })
  if (response.ok) return (await response.json()) as T
  const body: unknown = await response.json().catch(() => null)
  throw errorOf(response, body)
}

/** A proxy in front may answer with a page of its own instead of our words. */
function errorOf(response: Response, body: unknown): ApiError {
  const said = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : null)
  const message = text(said.error) ?? `${response.status} ${response.statusText}`.trim()
  return new ApiError(response.status, message, text(said.hint), text(said.requestId) ?? response.headers.get('x-request-id'))
}
