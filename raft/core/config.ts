// What a core is started with: the settings of its cluster, and what was found on disk.
//
// Times are ticks, sizes bytes. Nothing here is changed while the core runs.

import type {
  Checkpoint,
  Entry,
  EntryId,
  HardState,
  Identity,
  Index,
  NodeId,
  StoreId,
} from './types.ts'

export interface LeaderLimits {
  readonly electionTicks: number
  readonly messageBytesMax: number
  readonly inflightMessagesMax: number
  readonly inflightBytesMax: number
  /** So much may wait for a commit, and as much again, committed, for the state machine. */
  readonly uncommittedBytesMax: number
}

export interface RaftConfig extends LeaderLimits {
  readonly id: NodeId
  /** All members, this one included. */
  readonly members: readonly NodeId[]
  /** Drawn at each start; two lives never share one. */
  readonly life: number
  readonly seed: number
  readonly heartbeatTicks: number
  /** An own append unfinished for so long makes a leader hand over (DESIGN.md, rule 7). */
  readonly diskStallTicks: number
  readonly applyBytesMax: number
  /** Recent entries kept in memory for followers, in bytes. */
  readonly memoryBytesMax: number
  /** Becomes the store id if this store turns out to have lost something. */
  readonly spareStore: StoreId
}

/** What a start has found on disk. */
export interface RaftStart {
  readonly identity: Identity
  readonly hardState: HardState
  readonly checkpoint: Checkpoint | null
  readonly base: EntryId
  readonly terms: readonly EntryId[]
  readonly entries: readonly Entry[]
  /** Known to be committed: where the state machine was, as far as the log reaches. */
  readonly commit: Index
  /** The state machine had applied more than the log holds: the log has lost its end. */
  readonly lostEnd: boolean
  /** The state machine's store is lost: nothing is applied, and this node does not lead, until a snapshot is in. */
  readonly rebuilding: boolean
}
