// A leader's side of the log's way to its followers: what each is sent, and what each has acknowledged.
//
// progress.ts knows how far one follower is; this file sends accordingly, in appends, heartbeats and offers of
// snapshots. What an acknowledgement means for commit, leader.ts decides. Keeps: a commit index sent is at most
// min(match, commit), or travels with the entries that verify it, so that no follower commits what it has not
// matched (raft.md 4.3-b, c); replies of an earlier session count for nothing.

import type { LeaderLimits } from './config.ts'
import type { Identities } from './identity.ts'
import { invariant } from './invariant.ts'
import { entryBytes, type RaftLog } from './log.ts'
import type { Outbox } from './outbox.ts'
import { Progress } from './progress.ts'
import { majority } from './quorum.ts'
import type {
  Checkpoint,
  Entry,
  Index,
  NodeId,
  PeerStatus,
  ReadTask,
  Session,
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

/**
 * Sessions of different terms never share a number: bulk messages travel past the core and its check of terms, and an
 * offer of a node's earlier leadership must not be answered from its present one.
 */
const SESSIONS_PER_TERM = 2 ** 20

export class Replication {
  readonly #core: Surroundings
  readonly #progress = new Map<NodeId, Progress>()
  #sessions: number
  #ticks = 0
  #readTasks: ReadTask[] = []
  #offers: { peer: NodeId; session: Session }[] = []

  constructor(core: Surroundings) {
    this.#core = core
    this.#sessions = core.term * SESSIONS_PER_TERM
    for (const peer of this.#peers()) this.renew(peer)
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
      to: this.#core.log.stable, // what is not durable yet is not on the disk, but in memory
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

  heartbeat(readSequence: number): void {
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
        readSequence,
        matches,
      })
    }
  }

  /** Answers whether it belongs to the present session. */
  heartbeatAnswered(peer: NodeId, session: Session): boolean {
    const progress = this.#progressOf(peer, session)
    if (progress === null) return false
    progress.heard()
    progress.resume()
    // Nothing acknowledged for two heartbeats though more was sent: it may be lost. An empty append finds out.
    const stalled = progress.state === 'replicate' && progress.match < this.#core.log.last.index
    if (stalled && progress.ticksSinceAdvance > this.#core.limits.electionTicks / 5)
      this.#askAboutLost(peer, progress)
    return true
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

  /** Another life or another store: what was in flight is lost, old sessions are void. */
  renew(peer: NodeId): void {
    const { log, limits } = this.#core
    const window = {
      messagesMax: limits.inflightMessagesMax,
      bytesMax: limits.inflightBytesMax,
    }
    this.#progress.set(peer, new Progress(++this.#sessions, log.last.index + 1, window))
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

  // ---- Who is there ----

  tick(): void {
    this.#ticks++
    for (const [peer, progress] of this.#progress) {
      progress.tick()
      if (progress.state !== 'snapshot') continue
      // The log is not kept for a follower that is gone; the offer, or its answer, may also have been lost.
      if (!this.#isActive(progress)) progress.becomeProbe()
      else if (this.#ticks % this.#core.limits.electionTicks === 0) this.#sendOffer(peer, progress)
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

  has(peer: NodeId): boolean {
    return this.#progress.has(peer)
  }

  /** What is known to be durable there. */
  matchOf(peer: NodeId): Index {
    return this.#progress.get(peer)!.match
  }

  lost(peer: NodeId): void {
    const progress = this.#progress.get(peer)!
    progress.unheard()
    progress.becomeProbe()
  }

  status(): readonly PeerStatus[] {
    return [...this.#progress].map(([node, progress]) => ({
      node,
      state: progress.state,
      match: progress.match,
      counts: this.#core.identities.counts(node),
      recentlyActive: this.#isActive(progress),
      seen: this.#core.identities.seen(node),
    }))
  }
}
