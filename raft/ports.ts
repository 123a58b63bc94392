// The three ports of a replica: its log on disk, its links to peers, the state machine it feeds.
//
// Each has one contract suite (tests/raft/*-contract.ts) that runs against the real implementation and the
// simulated one. An implementation that meets its suite may stand in the simulator's place and the reverse.

import type {
  AppendTask,
  Bytes,
  Checkpoint,
  Entry,
  EntryId,
  HardState,
  Identity,
  Index,
  NodeId,
  StoreId,
  WireMessage,
} from './core/types.ts'

/** What one write puts into the log: an AppendTask without its promises. */
export type LogWrite = Omit<AppendTask, 'seq' | 'thenSend'>

/** What a start finds. */
export interface LoadedLog {
  /** Never null: a new directory has drawn its store id, durably, before load() returns. */
  readonly identity: Identity
  readonly hardState: HardState
  /** Redo starts here; null: from the first entry. */
  readonly checkpoint: Checkpoint | null
  /** The entry just before the first one still held: ORIGIN in a young log. */
  readonly base: EntryId
  /** Where each term begins among the entries still held, ascending: term lookups need no entries. */
  readonly terms: readonly EntryId[]
  /** All entries behind the checkpoint (or base), ascending and without a hole. Older ones: read(). */
  readonly entries: readonly Entry[]
  /** What recovery did, one sentence each, for the start-up log ("cut a torn write of 312 bytes …"). */
  readonly notes: readonly string[]
}

export interface LogStorage {
  /** Once, first. A torn last write is cut; any other damage rejects with LogDamageError. */
  load(): Promise<LoadedLog>
  /**
   * Resolves when all of it is durable. One at a time: a second call before the first has settled is a
   * programming error. A rejection is final: the process must end, nothing may be tried again.
   */
  append(write: LogWrite): Promise<void>
  /** Entries from..to (inclusive), at least one, at most about bytesMax in all; 'compacted' if from is gone. */
  read(from: Index, to: Index, bytesMax: number): Promise<readonly Entry[] | 'compacted'>
  /**
   * Entries below `index` are owed to nobody. Deletes whole segments below it and below the last durable
   * checkpoint, keeping a tail for followers that lag. Answers the first index still held.
   */
  removeBefore(index: Index): Promise<Index>
  /** Bytes written since the last durable checkpoint record: tells when the next one is due. */
  bytesSinceCheckpoint(): number
  close(): Promise<void>
}

/** The log on disk is damaged beyond a torn last write. The node must not start; the message says what to do. */
export class LogDamageError extends Error {
  override name = 'LogDamageError'
}

export interface TransportEvents {
  message(message: WireMessage): void
  /**
   * The peer's link to us is up and it has shown this store id. Comes before any message on that link; and until the next
   * lost() or met() of this peer, every message of it comes from this very store.
   */
  met(peer: NodeId, store: StoreId): void
  /** The peer's link to us closed. */
  lost(peer: NodeId): void
}

/** May lose, repeat, reorder and delay messages; never corrupts one, and knows who speaks. */
export interface Transport {
  start(events: TransportEvents): Promise<void>
  /** Never blocks and never throws: a full queue, or no link, drops the message. */
  send(message: WireMessage): void
  /** The store id that our handshakes show; a change closes and renews our links. */
  announce(store: StoreId): void
  close(): Promise<void>
}

/**
 * The replicated state machine. Calls that change it come one at a time, in log order; `Result` is what apply answers for
 * one entry. Positions are the state machine's own dense numbering of what it stores.
 */
export interface StateMachine<Result> {
  /**
   * The last entry that the store shows as applied, ORIGIN if none: a hint of how far it got, never a proof (LevelDB may
   * have lost a part), but proof that this very entry was committed.
   */
  shownApplied(): EntryId
  /**
   * Counters, digest and position go back to the checkpoint (null: to nothing); entries behind it will be
   * applied again. Rejects with StoreBehindError if the store does not even hold the checkpoint.
   */
  redoFrom(checkpoint: Checkpoint | null): Promise<void>
  /** Everything stored is removed: what follows is redoFrom(null), or an install from position 0. */
  empty(): Promise<void>
  /**
   * Decides, in order; 'noop' and 'config' entries only move the applied index. What it answers holds, and shows in
   * whatever is read from now on; stored() follows.
   */
  apply(entries: readonly Entry[]): Promise<readonly (Result | null)[]>
  /** Resolves when all that apply() has answered is in the store: not durable, but nothing waits any more. */
  stored(): Promise<void>
  /** Everything applied so far made durable. */
  checkpoint(): Promise<Checkpoint>
  /** The present state as an offer to a follower: not made durable, nothing copied. */
  offer(): Checkpoint
  /** The values behind `after` and not beyond the offer, at least one, about bytesMax in all. next: `after` of the next call. */
  readChunk(
    offer: Checkpoint,
    after: number,
    bytesMax: number,
  ): Promise<{ next: number; data: Bytes }>
  /** Begins or goes on with a transfer towards `offer`; answers the position to ask from. */
  beginInstall(offer: Checkpoint): Promise<number>
  /** Answers the position to ask from next; the transfer is complete when it equals the offer's. */
  installChunk(data: Bytes): Promise<number>
  /** True when position reached the offer's. */
  installComplete(): boolean
  /** Compares the digest and makes all of it durable. False: it differed; the store was emptied, begin again. */
  verifyInstall(): Promise<boolean>
  /** The verified offer comes into force. */
  restore(checkpoint: Checkpoint): Promise<void>
  close(): Promise<void>
}

/** The store lacks what the log's checkpoint promises: it must be rebuilt from peers. */
export class StoreBehindError extends Error {
  override name = 'StoreBehindError'
}
