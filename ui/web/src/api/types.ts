// What the API says, under the names that the page uses; the forms come from ui/openapi.json.

import type { components } from './schema.d.ts'

type Schemas = components['schemas']

export type Flow = Schemas['Flow']
export type Party = Schemas['Party']
export type Name = Schemas['Name']
export type Egress = Schemas['Egress']
export type Dns = Schemas['Dns']
export type Connection = Schemas['Connection']
export type Outcome = Schemas['Outcome']
export type FlowPage = Schemas['FlowPage']
export type FlowDetail = Schemas['FlowDetail']
export type Bucket = Schemas['Bucket']
export type Histogram = Schemas['Histogram']
export type Lost = Schemas['Lost']
export type Facet = Schemas['Facet']
export type Facets = Schemas['Facets']
export type StreamFlows = Schemas['StreamFlows']
export type Status = Schemas['Status']
export type NodeStatus = Schemas['NodeStatus']
export type StoreStatus = Schemas['StoreStatus']
export type Values = Schemas['Values']
export type CliCommand = Schemas['CliCommand']
export type CliFilters = Schemas['CliFilters']
