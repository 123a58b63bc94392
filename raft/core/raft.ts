// One member of a Raft cluster, as a pure machine: messages, ticks and completions in, a Ready out.
//
//                   ┌────────────── higher term, or the term's leader heard ──────────────┐
//                   ▼                                                                     │
//   ──start──▶  follower ──timeout──▶ preCandidate ──majority──▶ candidate ──majority──▶ leader
//                                          (thesis §9.6)         (§5.2)
//
// It never waits, reads no clock and draws chance only from its seed: the same inputs give the same outputs, byte
// for byte. Saving before promising is a type: what promises something about the own disk leaves in
// `append.thenSend`, when that write is durable; everything else leaves in `messages`, at once (raft.md part 2).
// One append is handed out at a time; what comes meanwhile is the next one, so that one sync serves all.
//
// Here are terms, roles and votes, and the order of a turn. What each role does besides is in leader.ts,
// candidacy.ts and follower.ts; what is on its way to the disk in persistence.ts, to the peers in outbox.ts.
// Keeps: election safety (one vote a term, durable before it leaves; one leader a term).

import { Candidacy } from './candidacy.ts'
import { faultOf } from './check.ts'
import { Follower } from './follower.ts'
import { decodePin, Identities } from './identity.ts'
import { invariant } from './invariant.ts'
import { Leader, type LeaderLimits } from './leader.ts'
import { compareLogs, RaftLog } from './log.ts'
import { Outbox } from './outbox.ts'
import { Persistence } from './persistence.ts'
import { OwnProposals } from './proposals.ts'
import { Random } from './random.ts'
import { OwnReads } from './reads.ts'
import {
  type ApplyTask,
  type Bytes,
  type Checkpoint,
  type Entry,
  type EntryId,
  type HardState,
  type Identity,
  type Index,
  type LocalMessage,
  type NodeId,
  ORIGIN,
  type PeerMessage,
  type ProposalId,
  type ProposalOutcome,
  type ReadState,
  type Ready,
  type Refusal,
  type Role,
  type Status,
  type StoreId,
  type Term,
} from './types.ts'

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

/** These show that their sender's term, and what it acknowledges, is durable on its disk. */
const PROMISES: ReadonlySet<PeerMessage['type']> = new Set([
  'Vote',
  'VoteResp',
  'Append',
  'AppendOk',
  'AppendConflict',
  'Heartbeat',
])

export class Raft {
  readonly #config: RaftConfig
  readonly #peers: readonly NodeId[]
  readonly #random: Random
  readonly #log: RaftLog
  readonly #outbox: Outbox
  readonly #persistence: Persistence
  readonly #identities: Identities
  readonly #follower: Follower
  readonly #proposals: OwnProposals
  readonly #reads: OwnReads

  #leaderId: NodeId | null = null
  /** At most one of these two is there; with neither, the node follows. */
  #candidacy: Candidacy | null = null
  #leader: Leader | null = null

  #ticks = 0
  #electionElapsed = 0
  #electionTimeout = 0
  #heartbeatElapsed = 0

  #applying: { seq: number; upTo: Index } | null = null
  #applySeq = 0
  #appliedDone: Index
  /** A committed config entry names our store; it clears us once its leader is known. */
  #clearPending = false
  /** A new store id is not yet durable and announced: until then nothing is said under the old one. */
  #muted: boolean

  // What the next Ready carries.
  #restore: Checkpoint | null = null
  #removeBefore: Index | null = null
  #readStates: ReadState[] = []
  #outcomes: ProposalOutcome[] = []

  constructor(config: RaftConfig, start: RaftStart) {
    const { id, members, life, electionTicks, heartbeatTicks, spareStore } = config
    invariant(electionTicks > heartbeatTicks, 'heartbeats come more often than elections')
    this.#config = config
    this.#peers = members.filter((node) => node !== id)
    this.#random = new Random(config.seed)
    const applied = start.checkpoint?.index ?? start.base.index
    const log = new RaftLog({ ...start, applied })
    this.#log = log
    this.#persistence = new Persistence(start.hardState)
    this.#outbox = new Outbox(id, () => this.#term)
    const { identity, lostEnd } = start
    this.#identities = new Identities({ self: id, identity, log, spareStore, lostEnd })
    this.#muted = lostEnd
    log.commitTo(start.commit)
    this.#follower = new Follower(log, this.#outbox, this.#persistence, start.rebuilding)
    this.#appliedDone = applied
    this.#proposals = new OwnProposals(id, life, electionTicks, log.term(applied) ?? 0)
    this.#reads = new OwnReads(life, electionTicks)
    this.#resetElectionTimer()
  }

  // ---- Inputs ----

  tick(): void {
    this.#ticks++
    this.#electionElapsed++
    this.#persistence.tick()
    this.#proposals.tick()
    this.#reads.tick()
    this.#askToBeKnown()
    if (this.#leader !== null) this.#leaderTick(this.#leader)
    else if (this.#candidacy !== null) this.#candidacyTick(this.#candidacy)
    else if (this.#electionElapsed >= this.#electionTimeout) this.#becomePreCandidate('timeout')
  }

  /** Throws InvariantError, and nothing else. */
  step(message: PeerMessage | LocalMessage): void {
    if ('from' in message && 'to' in message) this.#fromPeer(message)
    else this.#fromDriver(message)
  }

  /** Takes a proposal on; it ends as an entry in an ApplyTask, or as an outcome. */
  propose(data: Bytes): ProposalId {
    return this.#proposals.add(data)
  }

  /** Gives a proposal up. True: it is in no log and never will be; false: nobody knows. */
  abandon(id: ProposalId): boolean {
    return this.#proposals.abandon(id)
  }

  /** Answers the ticket under which a ReadState will come, once a leader has confirmed it. */
  readIndex(): number {
    return this.#reads.add()
  }

  cancelRead(ticket: number): void {
    this.#reads.cancel(ticket)
  }

  /** To the best suited follower if none is named. False: this node does not lead, or nobody can take over. */
  transferLeadership(to: NodeId | null = null): boolean {
    const successor = to ?? this.#leader?.bestSuccessor() ?? null
    if (this.#leader === null || successor === null) return false
    return this.#leader.transfer(successor)
  }

  // ---- Output ----

  /** Everything that is to be done now. Handing it out counts as doing it. */
  ready(): Ready {
    // Apply first: it may show proposals dead, which then leave in this same turn.
    const restore = this.#restore
    this.#restore = null
    const apply = this.#takeApply()
    this.#sendProposals()
    this.#sendReads()
    if (this.#leader !== null) {
      this.#leader.replicate()
      for (const state of this.#leader.confirmedReads()) this.#readAnswered(state)
    }
    const { task, now } = this.#persistence.take(this.#log, this.#identities, this.#outbox)
    this.#log.release(this.#appliedDone, this.#config.memoryBytesMax)
    const ready: Ready = {
      role: this.#role,
      leader: this.#leaderId,
      messages: this.#outbox.takeMessages(now),
      append: task,
      restore,
      apply,
      reads: this.#leader?.takeReadTasks() ?? [],
      offers: this.#leader?.takeOffers() ?? [],
      install: this.#follower.takeInstall(),
      removeBefore: this.#removeBefore,
      readStates: this.#readStates,
      outcomes: this.#outcomes,
      trace: this.#outbox.takeTrace(),
    }
    this.#removeBefore = null
    this.#readStates = []
    this.#outcomes = []
    return ready
  }

  status(): Status {
    return {
      id: this.#config.id,
      role: this.#role,
      term: this.#term,
      leader: this.#leaderId,
      vote: this.#persistence.vote,
      standing: this.#identities.standing,
      store: this.#identities.current.store,
      last: this.#log.last,
      firstIndex: this.#log.firstIndex,
      commit: this.#log.commit,
      applied: this.#appliedDone,
      pendingProposals: this.#proposals.size,
      transferringTo: this.#leader?.transferringTo ?? null,
      peers: this.#leader?.status() ?? this.#peers.map((node) => this.#identities.statusOf(node)),
    }
  }

  get #term(): Term {
    return this.#persistence.term
  }

  get #role(): Role {
    return this.#leader !== null ? 'leader' : (this.#candidacy?.role ?? 'follower')
  }

  #takeApply(): ApplyTask | null {
    if (this.#applying !== null || this.#follower.rebuilding) return null
    const entries = this.#log.takeApplicable(this.#config.applyBytesMax)
    if (entries.length === 0) return null
    for (const entry of entries) {
      this.#proposals.handedOut(entry)
      if (entry.type === 'config') this.#configCommitted(entry)
    }
    this.#applying = { seq: ++this.#applySeq, upTo: entries.at(-1)!.index }
    return { seq: this.#applySeq, entries }
  }

  #sendProposals(): void {
    if (this.#leaderId === null) return
    for (const { id, data } of this.#proposals.take(this.#term)) {
      const { floor } = this.#proposals
      if (this.#leader === null)
        this.#outbox.send(this.#leaderId, { type: 'Propose', id, floor, data })
      else {
        const refusal = this.#leader.propose(id, floor, data)
        if (refusal !== null) this.#proposals.refused(id, true, this.#retryTicks(refusal))
      }
    }
  }

  #retryTicks(reason: Refusal): number {
    return reason === 'uncommittedLimit' ? 1 : this.#config.heartbeatTicks
  }

  #sendReads(): void {
    if (this.#leaderId === null) return
    for (const ticket of this.#reads.take()) {
      if (this.#leader === null) this.#outbox.send(this.#leaderId, { type: 'ReadIndex', ticket })
      else this.#leader.read(this.#config.id, ticket)
    }
  }

  #readAnswered(state: ReadState): void {
    if (this.#reads.answered(state.ticket, state.index)) this.#readStates.push(state)
  }

  // ---- Completions and links ----

  #fromDriver(message: LocalMessage): void {
    switch (message.type) {
      case 'AppendDone':
        return this.#appendDone(message.seq)
      case 'ApplyDone':
        invariant(this.#applying?.seq === message.seq, 'applies complete one at a time')
        this.#appliedDone = Math.max(this.#appliedDone, this.#applying.upTo)
        this.#applying = null
        return
      case 'ReadDone':
        return this.#leader?.readDone(message.peer, message.session, message.from, message.entries)
      case 'PeerMet':
        return this.#peerMet(message.peer, message.store)
      case 'PeerLost':
        return this.#peerLost(message.peer)
      case 'CheckpointTaken':
        if (message.checkpoint.index > this.#log.base.index)
          this.#persistence.save(message.checkpoint, false)
        return
      case 'LogTrimmed':
        return this.#log.trimmedTo(message.first)
      case 'OfferReady':
        return this.#leader?.offerReady(message.peer, message.session, message.checkpoint)
      case 'SnapshotVerified':
        if (message.checkpoint === null) return this.#follower.gaveUp()
        return this.#snapshotVerified(message.checkpoint)
      default:
        message satisfies never
    }
  }

  #appendDone(seq: number): void {
    const task = this.#persistence.done(seq, this.#log)
    if (task.identity?.store === this.#identities.current.store) this.#muted = false
    if (task.checkpoint !== null) {
      if (task.base) this.#restore = task.checkpoint
      const keepsFrom = this.#leader?.keepsFrom ?? Number.MAX_SAFE_INTEGER
      this.#removeBefore = Math.min(task.checkpoint.index + 1, keepsFrom)
    }
    // A candidate votes for itself only now that its vote is durable (raft.md 4.1-e).
    if (this.#candidacy?.role === 'candidate' && this.#persistence.isDurable)
      this.#countVote(this.#candidacy, this.#config.id, true)
    this.#leader?.maybeCommit()
  }

  #peerMet(peer: NodeId, store: StoreId): void {
    this.#identities.meet(peer, store)
    if (!this.#identities.counts(peer)) this.#outbox.note('peer is suspect', { peer, store })
    this.#remember(peer)
    this.#leader?.met(peer, store)
    if (peer !== this.#leaderId) return
    this.#proposals.resendAll()
    this.#reads.askAgain()
  }

  /** The leader's process, or the way to it, is gone: no need to wait for the timeout, nor to shield it. */
  #peerLost(peer: NodeId): void {
    this.#leader?.lost(peer)
    if (peer !== this.#leaderId) return
    this.#leaderId = null
    this.#becomePreCandidate('link closed')
  }

  // ---- Who may promise (identity.ts) ----

  #askToBeKnown(): void {
    const { heartbeatTicks, electionTicks } = this.#config
    if (this.#ticks % (2 * heartbeatTicks) === 0)
      for (const peer of this.#peers)
        if (!this.#identities.mayPromise(peer)) this.#outbox.send(peer, { type: 'Introduce' })
    const { wantsOffer } = this.#follower
    if (wantsOffer && this.#leaderId !== null && this.#ticks % electionTicks === 0)
      this.#outbox.send(this.#leaderId, { type: 'NeedSnapshot' })
  }

  /** Tells a peer what we remember of it; only when its pin is durable. */
  #remember(peer: NodeId): void {
    this.#outbox.promise(peer, { type: 'Remembered', ...this.#identities.remembered(peer) })
  }

  #told(message: PeerMessage & { type: 'Remembered' }): void {
    const outcome = this.#identities.told(message.from, message, this.#term)
    if (outcome === 'nothing') return
    this.#outbox.note(outcome, { told: message.from, store: this.#identities.current.store })
    if (outcome !== 'lost') return
    this.#outbox.forgetAllPromises()
    this.#muted = true
    this.#becomeFollower(null)
  }

  /** A config entry is committed: everybody pins the new store id of the node it names. */
  #configCommitted(entry: Entry): void {
    const pin = decodePin(entry.data)
    if (pin === null) return
    this.#outbox.note('pinned', { peer: pin.node, store: pin.store })
    if (this.#identities.commitPin(pin, entry.index)) this.#clearPending = true
    this.#maybeClear()
  }

  /**
   * This node may vote again, once it knows the leader whose commit clears it: it then holds its term with its vote
   * for that leader, so that nothing it has forgotten can be contradicted (DESIGN.md, rule 4).
   */
  #maybeClear(): void {
    if (!this.#clearPending || this.#leaderId === null) return
    this.#clearPending = false
    if (this.#persistence.vote === null) this.#persistence.voteFor(this.#leaderId)
    this.#identities.cleared()
    this.#outbox.note('cleared', { store: this.#identities.current.store })
  }

  // ---- Messages of peers ----

  #fromPeer(message: PeerMessage): void {
    const { id, members } = this.#config
    const fault = faultOf(message, id, members, this.#term)
    if (fault !== null) return this.#outbox.note('refused', { from: message.from, fault })
    if (this.#muted) return
    if (message.type === 'Introduce') return this.#remember(message.from)
    if (message.type === 'Remembered') return this.#told(message)
    if (!this.#identities.mayPromise(message.from))
      return this.#outbox.send(message.from, { type: 'Introduce' })
    // Pre-votes speak of a term that nobody has entered yet.
    if (message.type === 'PreVote') return this.#onPreVote(message)
    if (message.type === 'PreVoteResp' && message.granted) return this.#onPreVoteGranted(message)
    if (message.term > this.#term && !this.#adoptTerm(message)) return
    if (message.term < this.#term) return this.#answerStale(message)
    if (PROMISES.has(message.type))
      this.#identities.observe(message.from, { term: message.term, match: ORIGIN })
    this.#dispatch(message)
  }

  #dispatch(message: PeerMessage): void {
    const { from } = message
    switch (message.type) {
      case 'Vote':
        return this.#onVote(message)
      case 'VoteResp':
        if (this.#candidacy?.role === 'candidate' && this.#identities.counts(from))
          this.#countVote(this.#candidacy, from, message.granted)
        return
      case 'Append':
        this.#followLeader(from)
        return this.#follower.append(message)
      case 'Commit':
        this.#followLeader(from)
        return this.#follower.commitUpTo(message.commit)
      case 'Heartbeat':
        return this.#onHeartbeat(message)
      case 'SnapshotOffer':
        this.#followLeader(from)
        return this.#follower.offered(message)
      case 'AppendOk':
        return this.#leader?.acknowledged(from, message.session, message.match)
      case 'AppendConflict':
        return this.#leader?.conflicted(from, message.session, message.prev, message.hint)
      case 'HeartbeatResp':
        return this.#leader?.heartbeatAnswered(from, message.session, message.readSequence)
      case 'NeedSnapshot':
        return this.#leader?.snapshotWanted(from)
      case 'TimeoutNow':
        if (from === this.#leaderId && this.#mayStand) this.#becomeCandidate(true)
        return
      case 'ReadIndex':
        if (this.#leader !== null) return this.#leader.read(from, message.ticket)
        return this.#outbox.send(from, {
          type: 'ReadIndexResp',
          ticket: message.ticket,
          index: null,
        })
      case 'ReadIndexResp':
        return this.#readAnswered({ ticket: message.ticket, index: message.index })
      case 'Propose':
        return this.#onPropose(message)
      case 'ProposeRefused':
        return this.#proposals.refused(message.id, false, this.#retryTicks(message.reason))
      case 'PreVote':
      case 'PreVoteResp':
      case 'StaleTerm':
      case 'Introduce':
      case 'Remembered':
        return
      default:
        message satisfies never
    }
  }

  /** Enters the message's higher term, unless it comes from a candidate that must not disturb. */
  #adoptTerm(message: PeerMessage): boolean {
    if (message.type === 'Vote') {
      // Stickiness: while a leader is heard, candidates do not even raise our term (thesis §4.2.3).
      if (!message.force && this.#hearsLeader) return false
      if (!this.#identities.member) return false
    }
    this.#persistence.enterTerm(message.term, null)
    this.#termBegins()
    this.#becomeFollower(null)
    return true
  }

  #termBegins(): void {
    this.#outbox.forgetOldPromises()
    this.#follower.newTerm()
  }

  #answerStale(message: PeerMessage): void {
    const { from } = message
    switch (message.type) {
      case 'Append':
      case 'Heartbeat':
      case 'Commit':
      case 'SnapshotOffer':
      case 'Vote':
        // A deposed leader or an outrun candidate learns the term, so that nobody stays stuck in it.
        return this.#outbox.send(from, { type: 'StaleTerm' })
      case 'Propose':
        return this.#outbox.send(from, {
          type: 'ProposeRefused',
          id: message.id,
          reason: 'otherTerm',
        })
      case 'ReadIndex':
        return this.#outbox.send(from, {
          type: 'ReadIndexResp',
          ticket: message.ticket,
          index: null,
        })
    }
  }

  #onPropose(message: PeerMessage & { type: 'Propose' }): void {
    const { from, id, floor, data } = message
    const reason = this.#leader === null ? 'noLeader' : this.#leader.propose(id, floor, data)
    if (reason !== null) this.#outbox.send(from, { type: 'ProposeRefused', id, reason })
  }

  // ---- Elections ----

  get #hearsLeader(): boolean {
    if (this.#leader !== null) return true
    return this.#leaderId !== null && this.#electionElapsed < this.#config.electionTicks
  }

  get #mayLead(): boolean {
    return this.#identities.member && !this.#follower.rebuilding
  }

  /** A stalled disk keeps no promise, so its node would only stand in the others' way (DESIGN.md, rule 7). */
  get #mayStand(): boolean {
    return this.#mayLead && this.#persistence.unfinishedTicks < this.#config.diskStallTicks
  }

  #becomeFollower(leader: NodeId | null): void {
    if (this.#role !== 'follower') this.#outbox.note('follower', { leader })
    this.#leader = null
    this.#candidacy = null
    this.#leaderId = leader
    this.#resetElectionTimer()
    if (leader === null) return
    this.#reads.askAgain()
    // A node that may have forgotten its vote in this term has none left to give.
    if (!this.#identities.member && this.#persistence.vote === null)
      this.#persistence.voteFor(leader)
    this.#maybeClear()
  }

  #becomePreCandidate(why: string): void {
    // Even so the leader is gone: who cannot take its place must not shield it.
    if (!this.#mayStand) return this.#becomeFollower(null)
    this.#resetElectionTimer()
    this.#leaderId = null
    this.#candidacy = new Candidacy('preCandidate', this.#config.members)
    this.#candidacy.count(this.#config.id, true)
    this.#outbox.note('preCandidate', { why })
    if (this.#candidacy.won) this.#becomeCandidate(false)
    else this.#askFor(this.#candidacy)
  }

  #onPreVote(message: PeerMessage & { type: 'PreVote' }): void {
    const granted = this.#grantsPreVote(message)
    // A grant echoes the asked term; a refusal tells ours, in case the candidate is behind it.
    const term = granted ? message.term : this.#term
    this.#outbox.send(message.from, { type: 'PreVoteResp', granted }, term)
    // Of two pre-candidates one steps back, so that the usual failover has no split vote.
    if (granted && this.#candidacy?.role === 'preCandidate') this.#becomeFollower(null)
  }

  #grantsPreVote(message: PeerMessage & { type: 'PreVote' }): boolean {
    if (!this.#identities.member || message.term <= this.#term || this.#hearsLeader) return false
    const order = compareLogs(message.last, this.#log.last)
    if (order < 0) return false
    // A rival whose grant would not count here may be the only one that can win.
    const rival = this.#candidacy?.role === 'preCandidate' && this.#identities.counts(message.from)
    return !rival || order > 0 || message.from < this.#config.id
  }

  #onPreVoteGranted(message: PeerMessage & { type: 'PreVoteResp' }): void {
    const candidacy = this.#candidacy
    if (candidacy?.role !== 'preCandidate' || message.term !== this.#term + 1) return
    if (!this.#identities.counts(message.from)) return
    candidacy.count(message.from, true)
    if (candidacy.won) this.#becomeCandidate(false)
  }

  #becomeCandidate(force: boolean): void {
    invariant(this.#mayLead && this.#leader === null, 'only members that follow stand for election')
    this.#leaderId = null
    this.#persistence.enterTerm(this.#term + 1, this.#config.id)
    this.#termBegins()
    this.#resetElectionTimer()
    this.#outbox.note('candidate', { force })
    this.#candidacy = new Candidacy('candidate', this.#config.members, force)
    // Requests show the new term and vote, so they wait for the disk like any promise (raft.md 4.1-e).
    for (const peer of this.#peers)
      this.#outbox.promise(peer, { type: 'Vote', last: this.#log.last, force })
  }

  #candidacyTick(candidacy: Candidacy): void {
    // Not a new term at once: the pre-vote tells first whether one could be won.
    if (this.#electionElapsed >= this.#electionTimeout)
      return this.#becomePreCandidate('election without a winner')
    // Asked again each tick: a peer that still hears the old leader may know better in a moment.
    if (candidacy.role === 'preCandidate') return this.#askFor(candidacy)
    const durable = candidacy.has(this.#config.id)
    if (durable && this.#electionElapsed % this.#config.heartbeatTicks === 0)
      this.#askFor(candidacy)
  }

  #askFor(candidacy: Candidacy): void {
    const { last } = this.#log
    for (const peer of candidacy.undecided()) {
      if (candidacy.role === 'preCandidate')
        this.#outbox.send(peer, { type: 'PreVote', last, force: false }, this.#term + 1)
      else this.#outbox.send(peer, { type: 'Vote', last, force: candidacy.force })
    }
  }

  #onVote(message: PeerMessage & { type: 'Vote' }): void {
    if (!this.#identities.member) return
    const { vote } = this.#persistence
    const free = vote === message.from || (vote === null && this.#leaderId === null)
    // §5.4.1: a vote only for a log at least as up to date as ours.
    const granted = free && compareLogs(message.last, this.#log.last) >= 0
    if (granted) {
      this.#persistence.voteFor(message.from)
      this.#resetElectionTimer()
    }
    this.#outbox.note('vote', { for: message.from, granted })
    this.#outbox.promise(message.from, { type: 'VoteResp', granted })
  }

  #countVote(candidacy: Candidacy, from: NodeId, granted: boolean): void {
    candidacy.count(from, granted)
    if (candidacy.won) this.#becomeLeader(candidacy)
    else if (candidacy.lost) this.#becomeFollower(null)
  }

  #becomeLeader(candidacy: Candidacy): void {
    const { id, members } = this.#config
    invariant(candidacy.has(id), 'a leader has its own term durable')
    this.#candidacy = null
    this.#leaderId = id
    this.#heartbeatElapsed = 0
    this.#outbox.note('leader', { last: this.#log.last.index })
    this.#leader = new Leader({
      self: id,
      members,
      term: this.#term,
      log: this.#log,
      identities: this.#identities,
      outbox: this.#outbox,
      limits: this.#config,
    })
    this.#reads.askAgain()
  }

  #leaderTick(leader: Leader): void {
    leader.tick()
    if (!leader.hearsMajority()) {
      this.#outbox.note('hears no majority')
      return this.#becomeFollower(null)
    }
    if (++this.#heartbeatElapsed >= this.#config.heartbeatTicks) {
      this.#heartbeatElapsed = 0
      leader.heartbeat()
    }
    this.#watchDisk(leader)
  }

  /**
   * A leader whose disk stalls hands over, and goes silent if nobody takes over in time; but not while the
   * followers' disks stand still too, for then an election mends nothing (DESIGN.md, rule 7).
   */
  #watchDisk(leader: Leader): void {
    const { diskStallTicks, electionTicks } = this.#config
    const stalled = this.#persistence.unfinishedTicks
    if (stalled < diskStallTicks || !leader.advancedWithin(diskStallTicks)) return
    if (stalled >= diskStallTicks + electionTicks) {
      this.#outbox.note('disk stalled, silent')
      return this.#becomeFollower(null)
    }
    const successor = leader.bestSuccessor()
    if (leader.transferringTo === null && successor !== null) leader.transfer(successor)
  }

  #resetElectionTimer(): void {
    const { electionTicks } = this.#config
    this.#electionElapsed = 0
    this.#electionTimeout = electionTicks + this.#random.below(electionTicks)
  }

  // ---- Following ----

  #followLeader(from: NodeId): void {
    invariant(this.#leader === null, 'election safety: one leader in a term')
    if (this.#candidacy !== null || this.#leaderId !== from) this.#becomeFollower(from)
    this.#electionElapsed = 0
  }

  #onHeartbeat(message: PeerMessage & { type: 'Heartbeat' }): void {
    const { from, session, readSequence } = message
    this.#followLeader(from)
    this.#follower.commitUpTo(message.commit)
    for (const { node, index, term } of message.matches)
      if (node !== this.#config.id)
        this.#identities.observe(node, { term: message.term, match: { index, term } })
    this.#outbox.send(from, { type: 'HeartbeatResp', session, readSequence })
  }

  #snapshotVerified(checkpoint: Checkpoint): void {
    const taken = this.#follower.verified(checkpoint)
    if (taken === null) return
    for (const id of this.#proposals.jumpedOver(checkpoint.term))
      this.#outcomes.push({ id, kind: 'unknown' })
    this.#appliedDone = checkpoint.index
    // Otherwise it comes into force when its record is durable.
    if (taken.within) this.#restore = checkpoint
    const { offer } = taken
    if (this.#identities.adopt(offer.pins, offer.configIndex)) this.#clearPending = true
    this.#maybeClear()
    if (offer.from === this.#leaderId) this.#follower.inForce(offer, checkpoint)
  }
}
