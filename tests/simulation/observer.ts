// What can be seen of a cluster while it runs. Checkers implement the parts that they judge by; the simulation calls.

import type { EntryOutcome, StoreStats } from '../../node/store/types.ts'
import type {
  Entry,
  Index,
  NodeId,
  Status,
  TraceEvent,
  WireMessage,
} from '../../raft/core/types.ts'
import type { LoadedLog, LogWrite } from '../../raft/ports.ts'

import type { Mark } from './marks.ts'

/** A node as a checker may look at it. */
export interface Observed {
  readonly id: NodeId
  readonly life: number
  /** Null while it is starting or down. */
  status(): Status | null
  stats(): StoreStats | null
  digestAt(index: Index): string | null
}

export interface Observer {
  /** A life has read its log. `store` may be another than before: the directory was lost or replaced. */
  loaded?(node: Observed, log: LoadedLog): void
  /** Handed to the disk: what is in flight now may or may not survive. */
  writing?(node: Observed, write: LogWrite): void
  /** Synced. */
  durable?(node: Observed, write: LogWrite): void
  removing?(node: Observed, before: Index): void
  /** Leaves the node now. */
  sent?(node: Observed, message: WireMessage): void
  applied?(
    node: Observed,
    entries: readonly Entry[],
    outcomes: readonly (EntryOutcome | null)[],
  ): void
  restored?(node: Observed, index: Index): void
  /** After each turn of its replica. */
  turned?(node: Observed, status: Status): void
  noted?(node: Observed, event: TraceEvent): void
  /** What only the world itself can see. */
  reached?(mark: Mark): void
  /** Just before: it can still be looked at. */
  died?(node: Observed, how: Death): void
  /** The directory was emptied or set back: what the node promised before is forgotten. */
  forgot?(node: Observed): void
}

/** kill: the operating system keeps what was written; power: only what was synced stays. */
export type Death = 'kill' | 'power' | 'stop'
