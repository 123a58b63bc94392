// The nouns of consensus: what the core takes in, what it hands out, and nothing else.
//
// Everything here is plain data. The core reads and returns it; the log on disk, the peer transport and the
// simulator move it about. Words are the paper's (Ongaro and Ousterhout 2014) and the thesis's (Ongaro 2014).

export type NodeId = string
/** Safe, non-negative integers; the codec and the door of the core (check.ts) assert it. */
export type Term = number
export type Index = number
export type Bytes = Uint8Array
/** Drawn once for each data directory, 32 hexadecimal digits. Another id under the same node id: a lost disk. */
export type StoreId = string
/** One stretch of replication to one follower under one leader; replies of another session count for nothing. */
export type Session = number

export interface EntryId {
  readonly index: Index
  readonly term: Term
}

/** Before the first entry. */
export const ORIGIN: EntryId = { index: 0, term: 0 }

export interface ProposalId {
  readonly node: NodeId
  /** Drawn at each start of the node, so that two lives never share an id. */
  readonly life: number
  readonly count: number
}

export interface Entry extends EntryId {
  readonly type: 'normal' | 'noop' | 'config'
  /** Who waits for it; the same when it is proposed again. */
  readonly proposal: ProposalId | null
  /** Opaque for 'normal'; empty for 'noop'; for 'config' see identity.ts. */
  readonly data: Bytes
}

/** What a node must never forget: saved in one record, before anything that relies on it. */
export interface HardState {
  readonly term: Term
  readonly vote: NodeId | null
}

/** A store id that a node knows for a peer; see DESIGN.md, rule 4. */
export interface Pin {
  readonly node: NodeId
  readonly store: StoreId
}

/**
 * Who this node is, whom it knows, and whether it may vote. Saved in the same stream as the entries.
 */
export interface Identity {
  readonly store: StoreId
  /** Every node id of the cluster, this one included, sorted. */
  readonly members: readonly NodeId[]
  /** Of the other members, sorted by node. */
  readonly pins: readonly Pin[]
  /** True once every other member has pinned `store`: only then does this node vote and count. */
  readonly member: boolean
  /** Index of the last committed config entry that `pins` include; 0: none. */
  readonly configIndex: Index
}

/**
 * The state machine durable up to an index. `state` is the state machine's own (for sekali: counters, last
 * position, digest); consensus only carries it.
 */
export interface Checkpoint extends EntryId {
  readonly state: Bytes
}

export type Role = 'follower' | 'preCandidate' | 'candidate' | 'leader'

export type Refusal = 'noLeader' | 'otherTerm' | 'transferring' | 'uncommittedLimit' | 'stopped'

/** What a peer remembers of us: proof of a loss if we have less (see identity.ts). */
export interface Seen {
  readonly term: Term
  readonly match: EntryId
}

export interface Envelope {
  readonly from: NodeId
  readonly to: NodeId
  readonly term: Term
}

/** Messages of consensus between nodes. */
export type PeerMessage = Envelope &
  (
    | { readonly type: 'PreVote'; readonly last: EntryId; readonly force: boolean } // term = the sender's + 1
    | { readonly type: 'PreVoteResp'; readonly granted: boolean } // a grant echoes the asked term, a refusal has the own
    | { readonly type: 'Vote'; readonly last: EntryId; readonly force: boolean } // force: leadership transfer
    | { readonly type: 'VoteResp'; readonly granted: boolean }
    | {
        readonly type: 'Append'
        readonly session: Session
        readonly prev: EntryId
        readonly entries: readonly Entry[]
        readonly commit: Index
      }
    | { readonly type: 'AppendOk'; readonly session: Session; readonly match: Index } // prev + n, never the own last index
    | {
        readonly type: 'AppendConflict'
        readonly session: Session
        readonly prev: EntryId // the refused one, echoed
        readonly hint: EntryId // where the logs may still agree
      }
    | { readonly type: 'Commit'; readonly session: Session; readonly commit: Index } // eager, unanswered
    | {
        readonly type: 'Heartbeat'
        readonly session: Session
        readonly commit: Index
        readonly readSequence: number
        readonly matches: readonly (EntryId & { readonly node: NodeId })[] // what each member has acknowledged
      }
    | { readonly type: 'HeartbeatResp'; readonly session: Session; readonly readSequence: number }
    | {
        readonly type: 'SnapshotOffer'
        readonly session: Session
        readonly checkpoint: Checkpoint
        readonly pins: readonly Pin[] // what the checkpoint's config entries have pinned, the leader's own included
        readonly configIndex: Index
      }
    | { readonly type: 'NeedSnapshot' } // the sender's state machine lost its store; its log is intact
    | { readonly type: 'StaleTerm' } // to a deposed leader or candidate
    | { readonly type: 'TimeoutNow' }
    | { readonly type: 'ReadIndex'; readonly ticket: number }
    | { readonly type: 'ReadIndexResp'; readonly ticket: number; readonly index: Index | null } // null: ask elsewhere
    | {
        readonly type: 'Propose'
        readonly id: ProposalId
        readonly floor: number
        readonly data: Bytes
      }
    | { readonly type: 'ProposeRefused'; readonly id: ProposalId; readonly reason: Refusal }
    | { readonly type: 'Introduce' } // asks the receiver what it remembers of the sender
    | {
        readonly type: 'Remembered'
        readonly pinned: StoreId | null
        readonly seen: Seen | null
        readonly commit: Index
      }
  )

/** Bytes of a snapshot: between drivers, past the core. Positions are the state machine's. */
export type BulkMessage = Envelope &
  (
    | { readonly type: 'ChunkAsk'; readonly session: Session; readonly after: number }
    | {
        readonly type: 'Chunk'
        readonly session: Session
        readonly after: number
        readonly next: number
        readonly data: Bytes
      }
  )

export type WireMessage = PeerMessage | BulkMessage

/** Completions and news of the links, fed through step() like any other input. */
export type LocalMessage =
  | { readonly type: 'AppendDone'; readonly seq: number }
  | { readonly type: 'ApplyDone'; readonly seq: number }
  | {
      readonly type: 'ReadDone'
      readonly peer: NodeId
      readonly session: Session
      readonly from: Index
      readonly entries: readonly Entry[] | 'compacted'
    }
  /** A peer has shown its present store id: its link is up, and what follows on it comes from that store. */
  | { readonly type: 'PeerMet'; readonly peer: NodeId; readonly store: StoreId }
  /** The link from this peer closed: its process is gone, or the network is. */
  | { readonly type: 'PeerLost'; readonly peer: NodeId }
  | { readonly type: 'CheckpointTaken'; readonly checkpoint: Checkpoint }
  /** First index the log on disk still holds. */
  | { readonly type: 'LogTrimmed'; readonly first: Index }
  | {
      readonly type: 'OfferReady'
      readonly peer: NodeId
      readonly session: Session
      readonly checkpoint: Checkpoint
    }
  /** The state machine holds and has verified all of the offered snapshot; null: it gave up. */
  | { readonly type: 'SnapshotVerified'; readonly checkpoint: Checkpoint | null }

/** One durable unit. The driver writes it with one sync; only then do its promises leave. */
export interface AppendTask {
  readonly seq: number
  readonly hardState: HardState | null
  /** If it has another store than before: announce it to the peers before AppendDone. */
  readonly identity: Identity | null
  /** With `base`: the log starts anew behind this checkpoint; entries at or below it are no longer owed. */
  readonly checkpoint: Checkpoint | null
  readonly base: boolean
  /** A record with index i cancels all earlier records with index >= i. */
  readonly entries: readonly Entry[]
  /** Looked at when the write is durable: until then the core may take promises back. */
  readonly thenSend: readonly PeerMessage[]
}

export interface ApplyTask {
  readonly seq: number
  readonly entries: readonly Entry[]
}

/** Entries that are no longer in memory, for a follower that lags. */
export interface ReadTask {
  readonly peer: NodeId
  readonly session: Session
  readonly from: Index
  readonly to: Index // inclusive
  readonly bytesMax: number
}

export interface ReadState {
  readonly ticket: number
  /** Apply this far, then read; null: no leader confirmed it. */
  readonly index: Index | null
}

/**
 * How a proposal ended without the driver seeing its entry in an ApplyTask. Committed ones are found there
 * by their id; dead ones are proposed again by the core itself (DESIGN.md, rule 5).
 */
export interface ProposalOutcome {
  readonly id: ProposalId
  readonly kind: 'unknown'
}

/** For people, tests and metrics: one line an action. */
export interface TraceEvent {
  readonly type: string
  readonly term: Term
  readonly detail: Readonly<Record<string, string | number | boolean | null>>
}

export interface Ready {
  readonly role: Role
  readonly leader: NodeId | null
  /** Promise nothing about the own disk: leave now. */
  readonly messages: readonly PeerMessage[]
  readonly append: AppendTask | null
  /** Before any apply of this turn: the state machine takes over this verified snapshot. */
  readonly restore: Checkpoint | null
  readonly apply: ApplyTask | null
  readonly reads: readonly ReadTask[]
  /** Peers that need a snapshot: answer with OfferReady. */
  readonly offers: readonly { readonly peer: NodeId; readonly session: Session }[]
  /** A snapshot to fetch from the leader: answer with SnapshotVerified. */
  readonly install: {
    readonly from: NodeId
    readonly session: Session
    readonly checkpoint: Checkpoint
  } | null
  /** Everything below this index is no longer owed to anybody. */
  readonly removeBefore: Index | null
  readonly readStates: readonly ReadState[]
  readonly outcomes: readonly ProposalOutcome[]
  readonly trace: readonly TraceEvent[]
}

export interface PeerStatus {
  readonly node: NodeId
  readonly state: 'probe' | 'replicate' | 'snapshot' | 'unknown'
  readonly match: Index
  readonly counts: boolean
  readonly recentlyActive: boolean
  /** What this node has seen it promise, and tells it when it introduces itself. */
  readonly seen: Seen | null
}

/** What a look at a node costs next to nothing to tell. */
export interface Glance {
  readonly id: NodeId
  readonly role: Role
  readonly term: Term
  readonly leader: NodeId | null
  readonly vote: NodeId | null
  readonly standing: 'member' | 'forming' | 'suspect'
  readonly store: StoreId
  readonly last: EntryId
  readonly firstIndex: Index
  readonly commit: Index
  readonly applied: Index
  readonly pendingProposals: number
  readonly transferringTo: NodeId | null
}

export interface Status extends Glance {
  readonly peers: readonly PeerStatus[]
}
