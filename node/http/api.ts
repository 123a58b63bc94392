// What the routes share: the node behind them, the limits in force, and the world as it is passed in.

import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import type { RequestLimits } from '../../client/contract/limits.ts'
import type { Followers } from '../follow/followers.ts'
import type { Log } from '../log.ts'
import type { Instruments } from '../metrics/instruments.ts'
import type { Meters } from '../metrics/meters.ts'
import type { ClusterView } from '../overview/cluster-view.ts'
import type { Backend } from './backend.ts'
import type { Door } from './door.ts'

export interface Api {
  readonly backend: Backend
  readonly view: Pick<ClusterView, 'overview'>
  readonly limits: Pick<RequestLimits, 'batchEventsMax' | 'bodyBytesMax' | 'eventBytesMax'>
  readonly door: Door
  /** What the node counts of itself; shown at GET /metrics. */
  readonly meters: Meters
  /** What is read off the machine when somebody asks. */
  readonly instruments: Instruments
  readonly followers: Followers
  /** Whose pages may read here; see cors.ts. */
  readonly corsOrigins: readonly string[]
  /** A publish waits so long for its outcome, a read for this node to catch up. */
  readonly publishDeadlineMs: number
  /** Milliseconds since 1970: stamped into publishes as their receive time. */
  readonly wallMs: () => number
  /** Milliseconds, never going back; deadlines are on this clock. */
  readonly monotonicMs: () => number
  /** From 0 up to 1; only for the jitter of what clients are told to wait. */
  readonly random: () => number
  readonly log: Pick<Log, 'error'>
}

/** In tests there is no socket: the request is all there is. */
export type Call = Context<{ Bindings: Partial<HttpBindings> }>
export type Handler = (call: Call) => Promise<Response> | Response

/**
 * The path as it was sent, percent-encoding, dots and all: nothing is normalised behind the router's back. Without a
 * socket, or in the absolute form that proxies use, it is that of the URL.
 */
export function rawPath(request: Request, options?: { env?: Partial<HttpBindings> }): string {
  const target = options?.env?.incoming?.url
  const isPath = target?.charCodeAt(0) === SLASH
  const url = isPath ? target! : request.url
  const start = isPath ? 0 : url.indexOf('/', url.indexOf('://') + 3)
  const end = url.search(/[?#]/)
  return end === -1 ? url.slice(start) : url.slice(start, end)
}

const SLASH = 0x2f
