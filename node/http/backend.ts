// What the HTTP API needs of the node behind it. HTTP depends on this interface only: the aggregator implements it over
// the replica, tests over one state machine in memory.
//
// Waiting is bounded by deadlines on the injected monotonic clock, kept by the backend (its tick sees all waiters at
// once; no timer a request). Operating errors are SekaliErrors; anything else is a bug and answered as 500.

import type { Member, Role, UnreadyReason } from '../../client/contract/state.ts'
import type { EdgeBatch } from '../edge/edge-batch.ts'
import type { EntryOutcome, EventReader } from '../store/types.ts'

export interface Backend {
  /** For the headers of every answer: plain fields of this moment, nothing computed. */
  standing(): Standing

  /**
   * Proposes the batch as one piece and answers its outcome, event by event in order, from this node's own apply.
   * Rejects with no_leader or stopping when it is certainly not stored, with outcome_unknown when the deadline came
   * first.
   */
  publish(batch: EdgeBatch, deadlineMs: number): Promise<EntryOutcome>

  /** True once reading here sees all that was acknowledged before the call; false: not confirmed in time. */
  linearize(deadlineMs: number): Promise<boolean>
  /** True once this node has applied that position; false at the deadline. */
  waitForPosition(position: number, deadlineMs: number): Promise<boolean>
  /** True once this node has applied that index; false at the deadline. */
  waitForApplied(index: number, deadlineMs: number): Promise<boolean>

  /** Calls back whenever anything here may have changed, and with each tick of the clock. Never undone. */
  onMoved(listener: () => void): void

  readonly events: EventReader
  process(): ProcessFacts
  /** Every node of the cluster, as this one knows it. */
  members(): readonly Member[]
  /** Why this node should get no requests now; empty: it is ready. */
  unready(): readonly UnreadyReason[]
}

/** Who this node is in the cluster, at this moment. */
export interface Standing {
  readonly nodeId: string
  readonly role: Role
  readonly term: number
  readonly leader: { readonly node_id: string; readonly url: string | null } | null
  readonly commitIndex: number
  readonly appliedIndex: number
  readonly lastPosition: number
}

/** What is true of this process alone. */
export interface ProcessFacts {
  readonly uptimeSeconds: number
  readonly fsync: boolean
  /** Proposals handed to the leader since the start. */
  readonly forwarded: number
  readonly standing: 'member' | 'forming' | 'suspect'
  /** Of the log: the first entry still held, and the last. */
  readonly firstIndex: number
  readonly lastIndex: number
}
