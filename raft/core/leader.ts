// What a node does while it leads: replicate, commit, confirm reads, hand over. It exists for one term.
//
// The core (raft.ts) owns term, vote and log and decides who leads; this file owns everything that is forgotten
// when leadership ends: progress of the followers, admitted proposals, waiting reads, a transfer under way.
//
// Keeps: leader append-only; commits by counting only entries of its own term (§5.4.2), and only members whose
// store is the pinned one; counts itself only for what its own disk holds; sends a commit index of at most
// min(match, commit), so that no follower commits what it has not matched (raft.md 4.3-b, c).

import type { LeaderLimits } from './config.ts'
import { encodePin, type Identities } from './identity.ts'
import { invariant } from './invariant.ts'
import { entryBytes, type RaftLog } from './log.ts'
import type { Outbox } from './outbox.ts'
import { Progress } from './progress.ts'
import { AdmittedProposals } from './proposals.ts'
import { committedByMajority, majority } from './quorum.ts'
import { LeaderReads } from './reads.ts'
import type {
  Bytes,
  Checkpoint,
  Entry,
  Index,
  NodeId,
  PeerStatus,
  ProposalId,
  ReadState,
  ReadTask,
  Refusal,
  Session,
  StoreId,
  Term,
} from './types.ts'

/** What leadership needs of the core around it. */
export interface Surroundings {
  readonly self: NodeId
  readonly members: readonly NodeId[]
  readonly term: Term
  readonly log: RaftLog
  readonly identities: Identities
  readonly limits: LeaderLimits
  readonly outbox: Outbox
}

export class Leader {
  readonly #core: Surroundings
  readonly #progress = new Map<NodeId, Progress>()
  readonly #admitted = new AdmittedProposals()
  readonly #reads: LeaderReads
  /** Where this term begins in the log. */
  readonly #firstIndex: Index
  #sessions = 0
  /** Entries of this term above commit: their sizes, so that the bound is kept without a walk. */
  #sizes: number[] = []
  #sizesFrom: Index
  /** Starts with what earlier terms left uncommitted. */
  #uncommittedBytes: number
  #inheritedBytes: number
  /** Store ids for which this leader has appended a config entry. */
  readonly #vouched = new Map<NodeId, StoreId>()
  #transfer: { to: NodeId; ticks: number; told: boolean } | null = null
  #ticks = 0
  #readTasks: ReadTask[] = []
  #offers: { peer: NodeId; session: Session }[] = []

  constructor(core: Surroundings) {
    this.#core = core
    this.#reads = new LeaderReads(core.members.length)
    this.#inheritedBytes = core.log.bytesAbove(core.log.commit)
    this.#uncommittedBytes = this.#inheritedBytes
    this.#sizesFrom = core.log.last.index + 1
    this.#firstIndex = core.log.last.index + 1
    for (const peer of this.#peers()) this.#renew(peer)
    // Its own first entry lets it commit, and settles every earlier proposal (DESIGN.md, rule 5).
    this.#append({ type: 'noop', proposal: null, data: new Uint8Array(0) })
    for (const pin of core.identities.suspects()) this.#vouchFor(pin.node, pin.store)
  }

  get transferringTo(): NodeId | null {
    return this.#transfer?.to ?? null
  }

  /** Until then the leader does not know the commit index of its predecessor. */
  get #commitsOwnTerm(): boolean {
    return this.#core.log.commit >= this.#firstIndex
  }

  #peers(): readonly NodeId[] {
    return this.#core.members.filter((node) => node !== this.#core.self)
  }

  takeReadTasks(): readonly ReadTask[] {
    const tasks = this.#readTasks
    this.#readTasks = []
    return tasks
  }

  takeOffers(): readonly { peer: NodeId; session: Session }[] {
    const offers = this.#offers
    this.#offers = []
    return offers
  }

  // ---- Proposals ----

  /** Null: appended, now or before. */
  propose(id: ProposalId, floor: number, data: Bytes): Refusal | null {
    if (!this.#admitted.isNew(id, floor)) return null
    if (this.#transfer !== null) return 'transferring'
    // One proposal is always let in, however large, so that none can starve.
    if (
      this.#uncommittedBytes > 0 &&
      this.#uncommittedBytes + data.length > this.#core.limits.uncommittedBytesMax
    )
      return 'uncommittedLimit'
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

  // ---- Replication ----

  /** All that may leave now, to everybody; once a turn, so that what came together leaves together. */
  replicate(): void {
    for (const peer of this.#peers()) {
      const progress = this.#progress.get(peer)!
      while (progress.ready && this.#sendAppend(peer, progress)) {
        // until the window is full or nothing is left
      }
      this.#sendCommit(peer, progress)
    }
    if (this.#reads.roundDue) this.heartbeat()
  }

  /** Answers whether anything with entries left. */
  #sendAppend(peer: NodeId, progress: Progress): boolean {
    const { log, limits } = this.#core
    if (progress.next < log.firstIndex) {
      // One that is gone is offered a snapshot when it answers again, not anew each tick.
      if (this.#isActive(progress)) this.#needsSnapshot(peer, progress)
      return false
    }
    const probing = progress.state === 'probe'
    const nothingLeft = progress.next > log.last.index
    if (nothingLeft && !probing) return false
    const prevTerm = log.term(progress.next - 1)
    invariant(prevTerm !== null, 'the entry before the next one is known')
    const entries = log.slice(progress.next, log.last.index, limits.messageBytesMax)
    if (entries === null) {
      this.#readFromDisk(peer, progress)
      return false
    }
    this.#sendEntries(peer, progress, prevTerm, entries)
    return entries.length > 0
  }

  #sendEntries(peer: NodeId, progress: Progress, prevTerm: Term, entries: readonly Entry[]): void {
    const prev = { index: progress.next - 1, term: prevTerm }
    const commit = this.#core.log.commit
    this.#core.outbox.send(peer, {
      type: 'Append',
      session: progress.session,
      prev,
      entries,
      commit,
    })
    // A follower commits at most what this message lets it verify, so the whole commit index may travel.
    progress.sentCommit = Math.max(
      progress.sentCommit,
      Math.min(commit, prev.index + entries.length),
    )
    if (entries.length === 0 && progress.state !== 'probe') return
    let bytes = 0
    for (const entry of entries) bytes += entryBytes(entry)
    progress.sent(prev.index + entries.length, bytes)
  }

  #readFromDisk(peer: NodeId, progress: Progress): void {
    progress.reading = true
    this.#readTasks.push({
      peer,
      session: progress.session,
      from: progress.next,
      to: this.#core.log.last.index,
      bytesMax: this.#core.limits.messageBytesMax,
    })
  }

  readDone(
    peer: NodeId,
    session: Session,
    from: Index,
    entries: readonly Entry[] | 'compacted',
  ): void {
    const progress = this.#progressOf(peer, session)
    if (progress === null) return
    progress.reading = false
    if (progress.state === 'snapshot' || progress.next !== from) return
    if (entries === 'compacted') {
      this.#needsSnapshot(peer, progress)
      return
    }
    const prevTerm = this.#core.log.term(from - 1)
    const first = entries[0]
    // The log may have been trimmed meanwhile; a leader's own entries never change.
    if (prevTerm === null || first === undefined || first.index !== from) return
    if (!progress.ready) return
    this.#sendEntries(peer, progress, prevTerm, entries)
  }

  /** Eager commit: answers are given on the node that took the request, so its apply must not wait a heartbeat. */
  #sendCommit(peer: NodeId, progress: Progress): void {
    if (progress.state !== 'replicate') return
    const commit = Math.min(this.#core.log.commit, progress.match)
    if (commit <= progress.sentCommit) return
    progress.sentCommit = commit
    this.#core.outbox.send(peer, { type: 'Commit', session: progress.session, commit })
  }

  heartbeat(): void {
    this.#reads.roundDue = false
    const { log, self, identities } = this.#core
    // Evidence of what each has promised in this term: nothing is said of those that have not yet, nor where the
    // log is gone, or they would be taken for having lost it.
    const matches = this.#core.members.flatMap((node) => {
      const index = node === self ? log.stable : this.#progress.get(node)!.match
      const term = log.term(index)
      return identities.counts(node) && index > 0 && term !== null ? [{ node, index, term }] : []
    })
    for (const peer of this.#peers()) {
      const progress = this.#progress.get(peer)!
      const commit = Math.min(log.commit, progress.match)
      this.#core.outbox.send(peer, {
        type: 'Heartbeat',
        session: progress.session,
        commit,
        readSequence: this.#reads.sequence,
        matches,
      })
    }
  }

  heartbeatAnswered(peer: NodeId, session: Session, readSequence: number): void {
    const progress = this.#progressOf(peer, session)
    if (progress === null) return
    progress.heard()
    progress.resume()
    this.#reads.acknowledged(peer, readSequence)
    // Nothing acknowledged for two heartbeats though more was sent: it may be lost. An empty append finds out.
    const stalled = progress.state === 'replicate' && progress.match < this.#core.log.last.index
    if (stalled && progress.ticksSinceAdvance > this.#core.limits.electionTicks / 5)
      this.#askAboutLost(peer, progress)
  }

  /** Without entries, so that it passes a full window: a follower that lacks what was sent refuses it. */
  #askAboutLost(peer: NodeId, progress: Progress): void {
    const prevTerm = this.#core.log.term(progress.next - 1)
    if (prevTerm === null) this.#needsSnapshot(peer, progress)
    else this.#sendEntries(peer, progress, prevTerm, [])
  }

  acknowledged(peer: NodeId, session: Session, match: Index): void {
    const progress = this.#progressOf(peer, session)
    if (progress === null) return
    progress.heard()
    const { log } = this.#core
    if (match > log.last.index) return // another life of the log: never believed
    if (progress.acknowledged(match)) {
      const term = log.term(match)
      if (term !== null)
        this.#core.identities.observe(peer, {
          term: this.#core.term,
          match: { index: match, term },
        })
    }
    this.maybeCommit()
    this.#advanceTransfer()
  }

  conflicted(
    peer: NodeId,
    session: Session,
    prev: { index: Index; term: Term },
    hint: { index: Index; term: Term },
  ): void {
    const progress = this.#progressOf(peer, session)
    if (progress === null) return
    progress.heard()
    // Conflict back-tracking by term (§5.3, last paragraphs): skip all of our entries of terms later than the
    // follower's at the hinted place, so that one round trip serves a term, not an entry.
    let agrees = Math.min(hint.index, this.#core.log.last.index)
    while (agrees > this.#core.log.base.index && (this.#core.log.term(agrees) ?? 0) > hint.term)
      agrees--
    if (progress.refused(prev, agrees))
      this.#core.outbox.note('conflict', { peer, agreesUpTo: agrees })
  }

  #progressOf(peer: NodeId, session: Session): Progress | null {
    const progress = this.#progress.get(peer)
    return progress?.session === session ? progress : null
  }

  #renew(peer: NodeId): void {
    const { log, limits } = this.#core
    const window = {
      messagesMax: limits.inflightMessagesMax,
      bytesMax: limits.inflightBytesMax,
    }
    this.#progress.set(peer, new Progress(++this.#sessions, log.last.index + 1, window))
  }

  // ---- Commit ----

  maybeCommit(): void {
    const { log, identities, self } = this.#core
    const matches = this.#core.members
      .filter((node) => identities.counts(node))
      .map((node) => (node === self ? log.stable : this.#progress.get(node)!.match))
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

  // ---- Reads ----

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

  // ---- Snapshots ----

  #needsSnapshot(peer: NodeId, progress: Progress): void {
    progress.becomeSnapshot()
    this.#core.outbox.note('snapshot needed', { peer, next: progress.next })
    this.#offers.push({ peer, session: progress.session })
  }

  /** A follower whose log is intact has lost its state machine's store. */
  snapshotWanted(peer: NodeId): void {
    const progress = this.#progress.get(peer)!
    progress.heard()
    if (progress.state !== 'snapshot') this.#needsSnapshot(peer, progress)
  }

  offerReady(peer: NodeId, session: Session, checkpoint: Checkpoint): void {
    const progress = this.#progressOf(peer, session)
    if (progress === null || progress.state !== 'snapshot') return
    progress.offer = checkpoint
    this.#sendOffer(peer, progress)
  }

  #sendOffer(peer: NodeId, progress: Progress): void {
    if (progress.offer === null) return
    this.#core.outbox.send(peer, {
      type: 'SnapshotOffer',
      session: progress.session,
      checkpoint: progress.offer,
      pins: this.#core.identities.pinsAndOwn,
      configIndex: this.#core.identities.current.configIndex,
    })
  }

  /** The log above an offer on its way is kept until the follower has it. */
  get keepsFrom(): Index {
    let from = Number.MAX_SAFE_INTEGER
    for (const progress of this.#progress.values())
      if (progress.state === 'snapshot' && progress.offer !== null)
        from = Math.min(from, progress.offer.index + 1)
    return from
  }

  // ---- Links and stores ----

  met(peer: NodeId, store: StoreId): void {
    // Another life or another store: what was in flight is lost, old sessions are void.
    this.#renew(peer)
    if (this.#core.identities.mayBeVouchedFor(peer, store)) this.#vouchFor(peer, store)
  }

  lost(peer: NodeId): void {
    const progress = this.#progress.get(peer)!
    progress.unheard()
    progress.becomeProbe()
  }

  /**
   * Once this entry, appended after the announcement, is committed by a majority without the node, what the node
   * may have forgotten no longer matters (DESIGN.md, rule 4).
   */
  #vouchFor(peer: NodeId, store: StoreId): void {
    if (this.#vouched.get(peer) === store) return
    this.#vouched.set(peer, store)
    this.#core.outbox.note('vouch', { peer, store })
    this.#append({ type: 'config', proposal: null, data: encodePin({ node: peer, store }) })
  }

  // ---- Time ----

  tick(): void {
    this.#ticks++
    for (const [peer, progress] of this.#progress) {
      progress.tick()
      if (progress.state !== 'snapshot') continue
      // The log is not kept for a follower that is gone; the offer, or its answer, may also have been lost.
      if (!this.#isActive(progress)) progress.becomeProbe()
      else if (this.#ticks % this.#core.limits.electionTicks === 0) this.#sendOffer(peer, progress)
    }
    if (this.#transfer !== null && ++this.#transfer.ticks >= this.#core.limits.electionTicks) {
      this.#core.outbox.note('transfer given up', { to: this.#transfer.to })
      this.#transfer = null
    }
  }

  /** Check-quorum (thesis §6.2): was a majority heard within an election timeout? */
  hearsMajority(): boolean {
    const { identities, self } = this.#core
    let count = identities.counts(self) ? 1 : 0
    for (const [peer, progress] of this.#progress)
      if (this.#isActive(progress) && identities.counts(peer)) count++
    return count >= majority(this.#core.members.length)
  }

  #isActive(progress: Progress): boolean {
    return progress.ticksSinceHeard < this.#core.limits.electionTicks
  }

  /** Followers whose disks still answer: only then is a stalled own disk a reason to go (DESIGN.md, rule 7). */
  advancedWithin(ticks: number): boolean {
    for (const [peer, progress] of this.#progress)
      if (this.#core.identities.counts(peer) && progress.ticksSinceAdvance < ticks) return true
    return false
  }

  // ---- Transfer (thesis §3.10) ----

  /** The follower best suited to take over, or null. */
  bestSuccessor(): NodeId | null {
    let best: NodeId | null = null
    let bestMatch = -1
    for (const [peer, progress] of this.#progress) {
      if (!this.#core.identities.counts(peer) || progress.state === 'snapshot') continue
      if (!this.#isActive(progress)) continue
      if (progress.match > bestMatch) {
        best = peer
        bestMatch = progress.match
      }
    }
    return best
  }

  /** False: that one cannot take over. */
  transfer(to: NodeId): boolean {
    if (!this.#progress.has(to) || !this.#core.identities.counts(to)) return false
    if (this.#transfer?.to === to) return true
    this.#core.outbox.note('transfer', { to })
    this.#transfer = { to, ticks: 0, told: false }
    this.#advanceTransfer()
    return true
  }

  #advanceTransfer(): void {
    const transfer = this.#transfer
    if (transfer === null || transfer.told) return
    if (this.#progress.get(transfer.to)!.match < this.#core.log.last.index) return
    transfer.told = true
    this.#core.outbox.send(transfer.to, { type: 'TimeoutNow' })
  }

  status(): readonly PeerStatus[] {
    return [...this.#progress].map(([node, progress]) => ({
      node,
      state: progress.state,
      match: progress.match,
      counts: this.#core.identities.counts(node),
      recentlyActive: this.#isActive(progress),
    }))
  }
}
