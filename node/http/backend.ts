// What the HTTP API needs of the node behind it. HTTP depends on this interface only: the aggregator implements it over
// the replica, tests over one state machine in memory.
//
// Waiting is bounded by a deadline on the injected monotonic clock, kept by the backend (its tick sees all waiters at
// once; no timer a request). Operating errors are SekaliErrors; anything else is a bug and answered as 500.

import type { Cluster, Order, Role, UnreadyReason } from '../../client/index.ts'
import type { EdgeBatch } from '../edge/read-publish.ts'

export interface Backend {
  /** Read for the headers of every answer: plain fields, nothing computed. */
  standing(): Standing

  /**
   * Proposes the batch as one piece and answers one outcome an event, in order, from this node's own apply. Rejects
   * with no_leader or stopping when it is certainly not stored, outcome_unknown when the deadline came first.
   */
  publish(batch: EdgeBatch, deadlineMs: number): Promise<readonly PublishOutcome[]>

  /** True once reading here sees all that was acknowledged before the call; false: nobody confirmed it in time. */
  linearize(deadlineMs: number): Promise<boolean>
  /** True once this node has applied that position; false at the deadline. */
  waitForPosition(position: number, deadlineMs: number): Promise<boolean>
  /** True once this node has applied that index; false at the deadline. */
  waitForApplied(index: number, deadlineMs: number): Promise<boolean>

  readonly store: ReadableStore
  /** Replicated counters, digest and the rest of one instant. */
  counts(): Counts
  cluster(): Omit<Cluster, 'leader' | 'node_id' | 'role' | 'term'>
  /** Why this node should get no requests now; empty: it is ready. */
  unready(): readonly UnreadyReason[]
}

/** Who this node is in the cluster, at this moment. */
export interface Standing {
  readonly nodeId: string
  readonly role: Role
  readonly term: number
  readonly leader: { readonly nodeId: string; readonly url: string | null } | null
  readonly commitIndex: number
  readonly appliedIndex: number
  readonly lastPosition: number
}

export interface PublishOutcome {
  readonly outcome: 'accepted' | 'duplicate'
  readonly position: number
  readonly conflict: boolean
}

/** All read as of one instant, at `appliedIndex`. */
export interface Counts {
  readonly appliedIndex: number
  readonly received: number
  readonly uniqueProcessed: number
  readonly duplicateDropped: number
  readonly conflicts: number
  readonly lastPosition: number
  readonly digest: string
  readonly topics: readonly string[]
  readonly topicsTotal: number
  /** Of this process: proposals handed to the leader since the start. */
  readonly forwarded: number
  readonly uptimeSeconds: number
  readonly fsync: boolean
}

/** The queries of the dedup state machine; none looks beyond what is applied. */
export interface ReadableStore {
  page(query: EventsQuery): Promise<EventsFound>
  get(topic: string, eventId: string): Promise<EventRow | null>
  /** Positions in the order asked; null: never accepted. */
  positionsOf(
    ids: readonly { readonly topic: string; readonly event_id: string }[],
  ): Promise<readonly (number | null)[]>
  topics(after: string | null, limit: number): Promise<TopicsFound>
  /** Null: no longer kept, or not yet applied. */
  digestAt(index: number): string | null
}

export interface EventsQuery {
  /** A topic or a pattern; null: all topics. */
  readonly topic: string | null
  /** Positions strictly above (asc) or below (desc); null: from the end in question. */
  readonly after: number | null
  readonly limit: number
  readonly order: Order
  readonly source: string | null
  /** RFC 3339; both inclusive, compared with `timestamp` as instants. */
  readonly since: string | null
  readonly until: string | null
}

export interface EventRow {
  readonly position: number
  readonly topic: string
  readonly eventId: string
  readonly timestamp: string
  readonly source: string
  readonly receivedAtMs: number
  /** The very JSON text that was sent. */
  readonly payload: string
}

export interface EventsFound {
  readonly events: readonly EventRow[]
  /** `after` of the next page; null: nothing more at present. */
  readonly next: number | null
}

export interface TopicsFound {
  readonly topics: readonly {
    readonly topic: string
    readonly events: number
    readonly lastPosition: number
  }[]
  readonly next: string | null
}
