// What a node does while it leads: append, commit, confirm reads, vouch, hand over. It exists for one term.
//
// The core (raft.ts) owns term, vote and log and decides who leads; this file owns everything that is forgotten
// when leadership ends: admitted proposals, waiting reads, a transfer under way; replication.ts the followers.
//
// Keeps: leader append-only; commits by counting only entries of its own term (§5.4.2), and only members whose
// store is the pinned one; counts itself only for what its own disk holds.

import { encodePins } from './identity.ts'
import { entryBytes } from './log.ts'
import { AdmittedProposals } from './proposals.ts'
import { committedByMajority } from './quorum.ts'
import { LeaderReads } from './reads.ts'
import { Replication, type Surroundings } from './replication.ts'
import type {
  Bytes,
  Entry,
  Index,
  NodeId,
  ProposalId,
  ReadState,
  Refusal,
  Session,
  StoreId,
} from './types.ts'

export class Leader {
  readonly #core: Surroundings
  readonly replication: Replication
  readonly #admitted = new AdmittedProposals()
  readonly #reads: LeaderReads
  /** Where this term begins in the log. */
  readonly #firstIndex: Index
  /** Entries of this term above commit: their sizes, so that the bound is kept without a walk. */
  #sizes: number[] = []
  #sizesFrom: Index
  /** Starts with what earlier terms left uncommitted. */
  #uncommittedBytes: number
  #inheritedBytes: number
  /** Store ids for which this leader has appended a config entry. */
  readonly #vouched = new Map<NodeId, StoreId>()
  #transfer: { to: NodeId; ticks: number; told: boolean } | null = null

  constructor(core: Surroundings) {
    this.#core = core
    this.replication = new Replication(core)
    this.#reads = new LeaderReads(core.members.length)
    this.#inheritedBytes = core.log.bytesAbove(core.log.commit)
    this.#uncommittedBytes = this.#inheritedBytes
    this.#sizesFrom = core.log.last.index + 1
    this.#firstIndex = core.log.last.index + 1
    // Its own first entry lets it commit, and settles every earlier proposal (DESIGN.md, rule 5).
    this.#append({ type: 'noop', proposal: null, data: new Uint8Array(0) })
  }

  get transferringTo(): NodeId | null {
    return this.#transfer?.to ?? null
  }

  /** Until then the leader does not know the commit index of its predecessor. */
  get #commitsOwnTerm(): boolean {
    return this.#core.log.commit >= this.#firstIndex
  }

  // ---- Proposals ----

  /** Null: appended, now or before. */
  propose(id: ProposalId, floor: number, data: Bytes): Refusal | null {
    if (!this.#admitted.isNew(id, floor)) return null
    if (this.#transfer !== null) return 'transferring'
    const { log, limits } = this.#core
    // One proposal is always let in, however large, so that none can starve.
    const bytes = this.#uncommittedBytes === 0 ? 0 : this.#uncommittedBytes + data.length
    if (Math.max(bytes, log.waitingBytes) > limits.uncommittedBytesMax) return 'uncommittedLimit'
    this.#admitted.admit(id)
    this.#append({ type: 'normal', proposal: id, data })
    return null
  }

  #append(content: Pick<Entry, 'type' | 'proposal' | 'data'>): void {
    const entry: Entry = {
      ...content,
      index: this.#core.log.last.index + 1,
      term: this.#core.term,
    }
    this.#core.log.append(entry)
    const bytes = entryBytes(entry)
    this.#sizes.push(bytes)
    this.#uncommittedBytes += bytes
  }

  // ---- Commit ----

  maybeCommit(): void {
    const { log, identities, self } = this.#core
    const matches = this.#core.members
      .filter((node) => identities.counts(node))
      .map((node) => (node === self ? log.stable : this.replication.matchOf(node)))
    const index = committedByMajority(matches, this.#core.members.length)
    // §5.4.2: an older entry on a majority can still be overwritten (figure 8).
    if (index <= log.commit || log.term(index) !== this.#core.term) return
    const first = !this.#commitsOwnTerm
    log.commitTo(index)
    this.#settleSizes(index)
    if (first) this.#reads.releaseDeferred(log.commit)
    this.#core.outbox.note('commit', { index })
  }

  #settleSizes(commit: Index): void {
    if (commit < this.#sizesFrom) return
    const settled = this.#sizes.splice(0, commit + 1 - this.#sizesFrom)
    this.#sizesFrom += settled.length
    for (const bytes of settled) this.#uncommittedBytes -= bytes
    this.#uncommittedBytes -= this.#inheritedBytes
    this.#inheritedBytes = 0
  }

  /** Once a turn, so that what came together leaves together. */
  replicate(): void {
    this.replication.replicate()
    if (this.#reads.roundDue) this.heartbeat()
  }

  acknowledged(peer: NodeId, session: Session, match: Index): void {
    this.replication.acknowledged(peer, session, match)
    this.maybeCommit()
    this.#advanceTransfer()
  }

  // ---- Reads ----

  heartbeat(): void {
    this.#reads.roundDue = false
    this.replication.heartbeat(this.#reads.sequence)
  }

  heartbeatAnswered(peer: NodeId, session: Session, readSequence: number): void {
    if (this.replication.heartbeatAnswered(peer, session))
      this.#reads.acknowledged(peer, readSequence)
  }

  read(from: NodeId, ticket: number): void {
    this.#reads.add(from, ticket, this.#commitsOwnTerm ? this.#core.log.commit : null)
  }

  /** Those of other nodes are answered; the leader's own come back. */
  confirmedReads(): readonly ReadState[] {
    const own: ReadState[] = []
    const { identities, self } = this.#core
    for (const read of this.#reads.takeConfirmed((node) => identities.counts(node), self)) {
      if (read.from === self) own.push({ ticket: read.ticket, index: read.index })
      else
        this.#core.outbox.send(read.from, {
          type: 'ReadIndexResp',
          ticket: read.ticket,
          index: read.index,
        })
    }
    return own
  }

  // ---- Links and stores ----

  /**
   * A message of this term: so the store on its link is still there after all that this log pins from earlier terms. What a
   * link showed before proves nothing: the node may have lost that store, too, and the log may know the next one.
   */
  heard(peer: NodeId): void {
    const store = this.#core.identities.unpinned(peer)
    if (store !== null) this.#vouchFor(peer, store)
  }

  /**
   * Once this entry, appended after the announcement, is committed by a majority without the node, what the node
   * may have forgotten no longer matters (DESIGN.md, rule 4).
   */
  #vouchFor(peer: NodeId, store: StoreId): void {
    if (this.#vouched.get(peer) === store) return
    this.#vouched.set(peer, store)
    this.#core.outbox.note('vouch', { peer, store })
    const pins = this.#core.identities.pinsAtEnd().set(peer, { node: peer, store })
    this.#append({ type: 'config', proposal: null, data: encodePins(pins.values()) })
  }

  tick(): void {
    this.replication.tick()
    if (this.#transfer === null || ++this.#transfer.ticks < this.#core.limits.electionTicks) return
    this.#core.outbox.note('transfer given up', { to: this.#transfer.to })
    this.#transfer = null
  }

  // ---- Transfer (thesis §3.10) ----

  /** False: that one cannot take over. */
  transfer(to: NodeId): boolean {
    if (!this.replication.has(to) || !this.#core.identities.counts(to)) return false
    if (this.#transfer?.to === to) return true
    this.#core.outbox.note('transfer', { to })
    this.#transfer = { to, ticks: 0, told: false }
    this.#advanceTransfer()
    return true
  }

  #advanceTransfer(): void {
    const transfer = this.#transfer
    if (transfer === null || transfer.told) return
    if (this.replication.matchOf(transfer.to) < this.#core.log.last.index) return
    transfer.told = true
    this.#core.outbox.send(transfer.to, { type: 'TimeoutNow' })
  }
}
