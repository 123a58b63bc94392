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
// Here are roles, terms, votes and what a follower does; leader.ts has what a leader does. Keeps: election safety
// (one vote a term, durable before it leaves), log matching, and that commit never moves back.

import { faultOf } from './check.ts'
import { decodePin, Identities, type Standing } from './identity.ts'
import { invariant } from './invariant.ts'
import { Leader, type LeaderLimits } from './leader.ts'
import { compareLogs, RaftLog } from './log.ts'
import { OwnProposals } from './proposals.ts'
import { majority } from './quorum.ts'
import { Random } from './random.ts'
import { OwnReads } from './reads.ts'
import {
  type AppendTask,
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
  type Role,
  type Session,
  type Status,
  type StoreId,
  type Term,
  type TraceEvent,
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

type Unaddressed<M> = M extends unknown ? Omit<M, 'from' | 'to' | 'term'> : never

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
  readonly #random: Random
  readonly #log: RaftLog
  readonly #identities: Identities
  readonly #proposals: OwnProposals
  readonly #reads: OwnReads

  #hardState: HardState
  #role: Role = 'follower'
  #leaderId: NodeId | null = null
  #leader: Leader | null = null
  /** Votes, or pre-votes, of the present candidacy. */
  #votes = new Map<NodeId, boolean>()
  /** Leadership transfer: our vote requests overrule the stickiness of the others. */
  #force = false
  #electionElapsed = 0
  #electionTimeout = 0
  #heartbeatElapsed = 0
  /** The highest index known to match this term's leader: only that far may commit move. */
  #verified: Index

  // What is on its way to the disk and the state machine.
  #savedHardState: HardState
  #promises: PeerMessage[] = []
  #appending: { task: AppendTask; stableAfter: Index } | null = null
  #appendTicks = 0
  #appendSeq = 0
  #checkpointToSave: { checkpoint: Checkpoint; base: boolean } | null = null
  #applying: { seq: number; upTo: Index } | null = null
  #applySeq = 0
  #appliedDone: Index
  #installing: { from: NodeId; session: Session; checkpoint: Checkpoint } | null = null
  #clearPending = false
  /** A new store id is not yet durable and announced: until then nothing is said under the old one. */
  #muted: boolean
  #rebuilding: boolean
  #ticks = 0

  // What the next Ready carries.
  #messages: PeerMessage[] = []
  #install: Ready['install'] = null
  #restore: Checkpoint | null = null
  #removeBefore: Index | null = null
  #readStates: ReadState[] = []
  #outcomes: ProposalOutcome[] = []
  #trace: TraceEvent[] = []

  constructor(config: RaftConfig, start: RaftStart) {
    invariant(
      config.electionTicks > config.heartbeatTicks,
      'heartbeats come more often than elections',
    )
    this.#config = config
    this.#random = new Random(config.seed)
    const applied = start.checkpoint?.index ?? start.base.index
    this.#log = new RaftLog({ ...start, applied })
    this.#hardState = start.hardState
    this.#savedHardState = start.hardState
    this.#identities = new Identities({
      self: config.id,
      identity: start.identity,
      hardState: start.hardState,
      log: this.#log,
      spareStore: config.spareStore,
      lostEnd: start.lostEnd,
    })
    this.#muted = start.lostEnd
    this.#rebuilding = start.rebuilding
    this.#log.commitTo(start.commit)
    this.#verified = this.#log.commit
    this.#appliedDone = applied
    const settledTerm = this.#log.term(applied) ?? 0
    this.#proposals = new OwnProposals(config.id, config.life, config.electionTicks, settledTerm)
    this.#reads = new OwnReads(config.life, config.electionTicks)
    this.#resetElectionTimer()
  }

  // ---- Inputs ----

  tick(): void {
    this.#electionElapsed++
    this.#proposals.tick()
    this.#reads.tick()
    if (this.#appending !== null) this.#appendTicks++
    this.#introduceTick()
    if (this.#rebuilding) this.#rebuildTick()
    if (this.#leader !== null) this.#leaderTick(this.#leader)
    else if (this.#role === 'preCandidate') this.#preCandidateTick()
    else if (this.#role === 'candidate') this.#candidateTick()
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

  /** Hands leadership over, to the best suited follower if none is named. Answers false if nobody can take it. */
  transferLeadership(to: NodeId | null = null): boolean {
    const successor = to ?? this.#leader?.bestSuccessor() ?? null
    if (this.#leader === null || successor === null) return false
    this.#leader.transfer(successor)
    return true
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
      this.#readStates.push(...this.#takeOwnReads(this.#leader.confirmedReads()))
    }
    const append = this.#takeAppend()
    this.#log.release(this.#appliedDone, this.#config.memoryBytesMax)
    const ready: Ready = {
      role: this.#role,
      leader: this.#leaderId,
      messages: this.#messages,
      append,
      restore,
      apply,
      reads: this.#leader?.readTasks ?? [],
      offers: this.#leader?.offers ?? [],
      install: this.#install,
      removeBefore: this.#removeBefore,
      readStates: this.#readStates,
      outcomes: this.#outcomes,
      trace: this.#trace,
    }
    this.#messages = []
    this.#install = null
    this.#removeBefore = null
    this.#readStates = []
    this.#outcomes = []
    this.#trace = []
    if (this.#leader !== null) {
      this.#leader.readTasks = []
      this.#leader.offers = []
    }
    return ready
  }

  status(): Status {
    return {
      id: this.#config.id,
      role: this.#role,
      term: this.#hardState.term,
      leader: this.#leaderId,
      vote: this.#hardState.vote,
      standing: this.#identities.standing as Standing,
      store: this.#identities.current.store,
      last: this.#log.last,
      firstIndex: this.#log.firstIndex,
      commit: this.#log.commit,
      applied: this.#appliedDone,
      pendingProposals: this.#proposals.size,
      transferringTo: this.#leader?.transferringTo ?? null,
      peers:
        this.#leader?.status() ??
        this.#peers().map((node) => ({
          node,
          state: 'unknown',
          match: this.#identities.remembered(node).seen?.match.index ?? 0,
          counts: this.#identities.counts(node),
          recentlyActive: this.#identities.hasMet(node),
        })),
    }
  }

  #takeAppend(): AppendTask | null {
    if (this.#appending !== null) return null
    const entries = this.#log.unstable()
    const hardState = this.#hardState === this.#savedHardState ? null : this.#hardState
    const identity = this.#identities.takeChanged() ? this.#identities.current : null
    const promises = this.#promises
    this.#promises = []
    if (!hardState && !identity && !this.#checkpointToSave && entries.length === 0) {
      // Nothing is left to save, so what is promised is durable already.
      this.#messages.push(...promises)
      return null
    }
    const task: AppendTask = {
      seq: ++this.#appendSeq,
      hardState,
      identity,
      checkpoint: this.#checkpointToSave?.checkpoint ?? null,
      base: this.#checkpointToSave?.base ?? false,
      entries,
      thenSend: promises,
    }
    this.#savedHardState = this.#hardState
    this.#checkpointToSave = null
    this.#appending = { task, stableAfter: this.#log.last.index }
    this.#appendTicks = 0
    return task
  }

  #takeApply(): ApplyTask | null {
    if (this.#applying !== null || this.#rebuilding) return null
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
    for (const pending of this.#proposals.take(this.#hardState.term)) {
      const { id, data } = pending
      const floor = this.#proposals.floor
      if (this.#leader === null) {
        this.#send(this.#leaderId, { type: 'Propose', id, floor, data })
        continue
      }
      const refusal = this.#leader.propose(id, floor, data)
      if (refusal !== null) this.#proposals.refused(id, true, this.#retryTicks(refusal))
    }
  }

  #retryTicks(reason: string): number {
    return reason === 'uncommittedLimit' ? 1 : this.#config.heartbeatTicks
  }

  #sendReads(): void {
    if (this.#leaderId === null) return
    for (const ticket of this.#reads.take()) {
      if (this.#leader === null) this.#send(this.#leaderId, { type: 'ReadIndex', ticket })
      else this.#leader.reads.add(this.#config.id, ticket, this.#commitOfOwnTerm(this.#leader))
    }
  }

  #takeOwnReads(states: readonly ReadState[]): readonly ReadState[] {
    return states.filter((state) => this.#reads.answered(state.ticket, state.index))
  }

  #commitOfOwnTerm(leader: Leader): Index | null {
    return leader.commitsOwnTerm ? this.#log.commit : null
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
        if (message.checkpoint.index > this.#log.base.index && !this.#checkpointToSave?.base)
          this.#checkpointToSave = { checkpoint: message.checkpoint, base: false }
        return
      case 'LogTrimmed':
        return this.#log.trimmedTo(message.first)
      case 'OfferReady':
        return this.#leader?.offerReady(message.peer, message.session, message.checkpoint)
      case 'SnapshotVerified':
        return this.#snapshotVerified(message.checkpoint)
      default:
        message satisfies never
    }
  }

  #appendDone(seq: number): void {
    const appending = this.#appending
    invariant(appending?.task.seq === seq, 'appends complete one at a time')
    this.#appending = null
    const { task } = appending
    if (task.identity?.store === this.#identities.current.store) this.#muted = false
    // Lowered where a later term has cut off what this write held (raft.md 4.5-a).
    if (appending.stableAfter > this.#log.stable) this.#log.setStable(appending.stableAfter)
    if (task.checkpoint !== null) {
      if (task.base) this.#restore = task.checkpoint
      const keepsFrom = this.#leader?.keepsFrom ?? Number.MAX_SAFE_INTEGER
      this.#removeBefore = Math.min(task.checkpoint.index + 1, keepsFrom)
    }
    // A candidate votes for itself only now that its vote is durable (raft.md 4.1-e).
    if (this.#role === 'candidate' && this.#hardState === this.#savedHardState)
      this.#countVote(this.#config.id, true)
    if (this.#leader?.maybeCommit()) this.#committed()
  }

  #peerMet(peer: NodeId, store: StoreId): void {
    const other = this.#identities.meet(peer, store)
    if (other || this.#identities.suspects().some((pin) => pin.node === peer))
      this.#note('peer shows another store', { peer, store })
    this.#remember(peer)
    this.#leader?.met(peer, store)
    if (peer === this.#leaderId) {
      this.#proposals.resendAll()
      this.#reads.askAgain()
    }
  }

  /** The leader's process, or the way to it, is gone: no need to wait for the timeout, nor to shield it. */
  #peerLost(peer: NodeId): void {
    this.#leader?.lost(peer)
    if (peer !== this.#leaderId) return
    this.#leaderId = null
    this.#becomePreCandidate('link closed')
  }

  // ---- Who promises what ----

  #rebuildTick(): void {
    if (this.#installing !== null || this.#leaderId === null) return
    if (this.#ticks % this.#config.electionTicks === 0)
      this.#send(this.#leaderId, { type: 'NeedSnapshot' })
  }

  #introduceTick(): void {
    if (++this.#ticks % (2 * this.#config.heartbeatTicks) !== 0) return
    for (const peer of this.#peers())
      if (!this.#identities.mayPromise(peer)) this.#send(peer, { type: 'Introduce' })
  }

  /** Tells a peer what we remember of it; only when its pin is durable. */
  #remember(peer: NodeId): void {
    const { pinned, seen } = this.#identities.remembered(peer)
    this.#promise(peer, { type: 'Remembered', pinned, seen, commit: this.#log.commit })
  }

  #told(message: PeerMessage & { type: 'Remembered' }): void {
    const commit = { theirs: message.commit, own: this.#log.commit }
    const outcome = this.#identities.told(message.from, message, commit)
    if (outcome === 'nothing') return
    this.#note(outcome, { told: message.from, store: this.#identities.current.store })
    if (outcome === 'lost') {
      // Whatever was promised under the old id and has not left is not promised.
      this.#promises = []
      this.#muted = true
      this.#becomeFollower(this.#hardState.term, null)
    }
  }

  /** A config entry is committed: everybody pins the new store id of the node it names. */
  #configCommitted(entry: Entry): void {
    const pin = decodePin(entry.data)
    if (pin === null) return
    this.#note('pinned', { peer: pin.node, store: pin.store })
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
    this.#voteForLeader(this.#leaderId)
    this.#identities.cleared()
    this.#note('cleared', { store: this.#identities.current.store })
  }

  #voteForLeader(leader: NodeId): void {
    if (this.#identities.member || this.#hardState.vote !== null) return
    this.#hardState = { term: this.#hardState.term, vote: leader }
  }

  // ---- Messages of peers ----

  #fromPeer(message: PeerMessage): void {
    const { id, members } = this.#config
    const fault = faultOf(message, id, members, this.#hardState.term)
    if (fault !== null) return this.#note('refused', { from: message.from, fault })
    if (this.#muted) return
    if (message.type === 'Introduce') return this.#remember(message.from)
    if (message.type === 'Remembered') return this.#told(message)
    if (!this.#identities.mayPromise(message.from))
      return this.#send(message.from, { type: 'Introduce' })
    if (message.term > this.#hardState.term && !this.#adoptTerm(message)) return
    if (message.term < this.#hardState.term) return this.#answerStale(message)
    if (PROMISES.has(message.type))
      this.#identities.observe(message.from, { term: message.term, match: ORIGIN })
    this.#dispatch(message)
  }

  #dispatch(message: PeerMessage): void {
    switch (message.type) {
      case 'PreVote':
        return this.#onPreVote(message)
      case 'PreVoteResp':
        return this.#onPreVoteResp(message)
      case 'Vote':
        return this.#onVote(message)
      case 'VoteResp':
        return this.#onVoteResp(message)
      case 'Append':
        return this.#onAppend(message)
      case 'Commit':
        this.#followLeader(message.from)
        return this.#commitUpTo(message.commit)
      case 'Heartbeat':
        return this.#onHeartbeat(message)
      case 'SnapshotOffer':
        return this.#onSnapshotOffer(message)
      case 'AppendOk':
        this.#leader?.acknowledged(message.from, message.session, message.match)
        if (this.#leader?.maybeCommit()) this.#committed()
        return
      case 'AppendConflict':
        return this.#leader?.conflicted(message.from, message.session, message.prev, message.hint)
      case 'HeartbeatResp':
        return this.#leader?.heartbeatAnswered(message.from, message.session, message.readSequence)
      case 'NeedSnapshot':
        return this.#leader?.snapshotWanted(message.from)
      case 'TimeoutNow':
        if (message.from === this.#leaderId && this.#mayLead) this.#becomeCandidate(true)
        return
      case 'ReadIndex':
        if (this.#leader === null)
          return this.#send(message.from, {
            type: 'ReadIndexResp',
            ticket: message.ticket,
            index: null,
          })
        return this.#leader.reads.add(
          message.from,
          message.ticket,
          this.#commitOfOwnTerm(this.#leader),
        )
      case 'ReadIndexResp':
        if (this.#reads.answered(message.ticket, message.index))
          this.#readStates.push({ ticket: message.ticket, index: message.index })
        return
      case 'Propose':
        return this.#onPropose(message)
      case 'ProposeRefused':
        return this.#proposals.refused(message.id, false, this.#retryTicks(message.reason))
      case 'StaleTerm':
      case 'Introduce':
      case 'Remembered':
        return
      default:
        message satisfies never
    }
  }

  /** Answers whether the message is to be handled further, now in its term (or, for pre-votes, in ours). */
  #adoptTerm(message: PeerMessage): boolean {
    switch (message.type) {
      case 'PreVote':
        this.#onPreVote(message)
        return false
      case 'PreVoteResp':
        if (!message.granted) break
        this.#onPreVoteResp(message)
        return false
      case 'Vote':
        // Stickiness: while a leader is heard, candidates do not even raise our term (thesis §4.2.3).
        if (!message.force && this.#hearsLeader()) return false
        if (!this.#identities.member) return false
        break
    }
    const leads =
      message.type === 'Append' ||
      message.type === 'Heartbeat' ||
      message.type === 'Commit' ||
      message.type === 'SnapshotOffer'
    this.#becomeFollower(message.term, leads ? message.from : null)
    return true
  }

  #answerStale(message: PeerMessage): void {
    switch (message.type) {
      case 'Append':
      case 'Heartbeat':
      case 'Commit':
      case 'SnapshotOffer':
      case 'Vote':
        // A deposed leader or an outrun candidate learns the term, so that nobody stays stuck in it.
        return this.#send(message.from, { type: 'StaleTerm' })
      case 'PreVote':
        return this.#send(message.from, { type: 'PreVoteResp', granted: false })
      case 'Propose':
        return this.#send(message.from, {
          type: 'ProposeRefused',
          id: message.id,
          reason: 'otherTerm',
        })
      case 'ReadIndex':
        return this.#send(message.from, {
          type: 'ReadIndexResp',
          ticket: message.ticket,
          index: null,
        })
    }
  }

  #onPropose(message: PeerMessage & { type: 'Propose' }): void {
    const refusal =
      this.#leader === null
        ? 'noLeader'
        : this.#leader.propose(message.id, message.floor, message.data)
    if (refusal !== null)
      this.#send(message.from, { type: 'ProposeRefused', id: message.id, reason: refusal })
  }

  // ---- Elections ----

  #hearsLeader(): boolean {
    if (this.#leader !== null) return true
    return this.#leaderId !== null && this.#electionElapsed < this.#config.electionTicks
  }

  #becomeFollower(term: Term, leader: NodeId | null): void {
    const fell = this.#leader !== null
    if (term > this.#hardState.term) {
      this.#hardState = { term, vote: null }
      this.#promises = this.#promises.filter((message) => message.type === 'Remembered')
      this.#verified = this.#log.commit
    }
    if (fell || this.#role !== 'follower') this.#note('follower', { leader })
    this.#role = 'follower'
    this.#leader = null
    this.#votes.clear()
    this.#force = false
    this.#resetElectionTimer()
    if (leader !== this.#leaderId) {
      this.#leaderId = leader
      if (leader !== null) {
        this.#reads.askAgain()
        this.#voteForLeader(leader)
      }
    }
    this.#maybeClear()
  }

  get #mayLead(): boolean {
    return this.#identities.member && !this.#rebuilding
  }

  #becomePreCandidate(why: string): void {
    this.#resetElectionTimer()
    if (!this.#mayLead) return
    this.#role = 'preCandidate'
    this.#leaderId = null
    this.#votes.clear()
    this.#note('preCandidate', { why })
    this.#votes.set(this.#config.id, true)
    if (this.#wins()) return this.#becomeCandidate(false)
    this.#askPreVotes()
  }

  /** Asks again each tick: a peer that still hears the old leader may know better in a moment. */
  #preCandidateTick(): void {
    if (this.#electionElapsed >= this.#electionTimeout) return this.#becomePreCandidate('again')
    this.#askPreVotes()
  }

  #askPreVotes(): void {
    const term = this.#hardState.term + 1
    for (const peer of this.#peers()) {
      if (this.#votes.get(peer) === true) continue
      const message = { type: 'PreVote', last: this.#log.last, force: false } as const
      this.#messages.push({ ...message, from: this.#config.id, to: peer, term })
    }
  }

  #onPreVote(message: PeerMessage & { type: 'PreVote' }): void {
    const granted = this.#grantsPreVote(message)
    const term = granted ? message.term : this.#hardState.term
    const answer = { type: 'PreVoteResp', granted } as const
    this.#messages.push({ ...answer, from: this.#config.id, to: message.from, term })
    // Of two pre-candidates one steps back, so that the usual failover has no split vote.
    if (granted && this.#role === 'preCandidate') this.#becomeFollower(this.#hardState.term, null)
  }

  #grantsPreVote(message: PeerMessage & { type: 'PreVote' }): boolean {
    if (!this.#identities.member || message.term <= this.#hardState.term) return false
    if (this.#hearsLeader()) return false
    const order = compareLogs(message.last, this.#log.last)
    if (order < 0) return false
    return this.#role !== 'preCandidate' || order > 0 || message.from < this.#config.id
  }

  #onPreVoteResp(message: PeerMessage & { type: 'PreVoteResp' }): void {
    if (this.#role !== 'preCandidate') return
    if (message.granted && message.term !== this.#hardState.term + 1) return
    if (!this.#identities.counts(message.from)) return
    this.#votes.set(message.from, message.granted)
    if (this.#wins()) this.#becomeCandidate(false)
  }

  #becomeCandidate(force: boolean): void {
    invariant(this.#identities.member, 'only members stand for election')
    invariant(this.#leader === null, 'a leader does not stand for election')
    this.#role = 'candidate'
    this.#leaderId = null
    this.#hardState = { term: this.#hardState.term + 1, vote: this.#config.id }
    this.#promises = this.#promises.filter((message) => message.type === 'Remembered')
    this.#verified = this.#log.commit
    this.#votes.clear()
    this.#force = force
    this.#resetElectionTimer()
    this.#note('candidate', { force })
    this.#askVotes((to, message) => this.#promise(to, message))
  }

  #candidateTick(): void {
    if (this.#electionElapsed >= this.#electionTimeout) {
      // Not a new term at once: the pre-vote tells first whether one could be won.
      this.#becomeFollower(this.#hardState.term, null)
      return this.#becomePreCandidate('election without a winner')
    }
    const durable = this.#votes.has(this.#config.id)
    if (durable && this.#electionElapsed % this.#config.heartbeatTicks === 0)
      this.#askVotes((to, message) => this.#send(to, message))
  }

  #askVotes(out: (to: NodeId, message: Unaddressed<PeerMessage>) => void): void {
    for (const peer of this.#peers())
      if (!this.#votes.has(peer))
        out(peer, { type: 'Vote', last: this.#log.last, force: this.#force })
  }

  #onVote(message: PeerMessage & { type: 'Vote' }): void {
    if (!this.#identities.member) return
    const { vote } = this.#hardState
    const free = vote === null && this.#leaderId === null
    // §5.4.1: a vote only for a log at least as up to date as ours.
    const granted =
      (free || vote === message.from) && compareLogs(message.last, this.#log.last) >= 0
    if (granted) {
      if (vote === null) this.#hardState = { term: this.#hardState.term, vote: message.from }
      this.#resetElectionTimer()
    }
    this.#note('vote', { for: message.from, granted })
    this.#promise(message.from, { type: 'VoteResp', granted })
  }

  #onVoteResp(message: PeerMessage & { type: 'VoteResp' }): void {
    if (this.#role !== 'candidate' || !this.#identities.counts(message.from)) return
    this.#countVote(message.from, message.granted)
  }

  #countVote(from: NodeId, granted: boolean): void {
    this.#votes.set(from, granted)
    if (this.#wins()) return this.#becomeLeader()
    const refusals = [...this.#votes.values()].filter((vote) => !vote).length
    if (refusals >= majority(this.#config.members.length))
      this.#becomeFollower(this.#hardState.term, null)
  }

  #wins(): boolean {
    const grants = [...this.#votes.values()].filter((vote) => vote).length
    return grants >= majority(this.#config.members.length)
  }

  #becomeLeader(): void {
    invariant(
      this.#votes.get(this.#config.id) === true && this.#hardState === this.#savedHardState,
      'a leader has its own term durable',
    )
    this.#role = 'leader'
    this.#leaderId = this.#config.id
    this.#heartbeatElapsed = 0
    this.#note('leader', { last: this.#log.last.index })
    this.#leader = new Leader({
      self: this.#config.id,
      members: this.#config.members,
      term: this.#hardState.term,
      log: this.#log,
      identities: this.#identities,
      limits: this.#config,
      send: (to, message) => this.#send(to, message),
      trace: (type, detail) => this.#note(type, detail),
    })
    this.#reads.askAgain()
  }

  #leaderTick(leader: Leader): void {
    leader.tick()
    if (!leader.hearsMajority()) {
      this.#note('hears no majority')
      return this.#becomeFollower(this.#hardState.term, null)
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
    if (this.#appendTicks < diskStallTicks || !leader.advancedWithin(diskStallTicks)) return
    if (this.#appendTicks >= diskStallTicks + electionTicks) {
      this.#note('disk stalled, silent')
      return this.#becomeFollower(this.#hardState.term, null)
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
    if (this.#role !== 'follower' || this.#leaderId !== from)
      this.#becomeFollower(this.#hardState.term, from)
    this.#electionElapsed = 0
  }

  #onAppend(message: PeerMessage & { type: 'Append' }): void {
    this.#followLeader(message.from)
    const { session, prev, entries } = message
    if (prev.index < this.#log.commit) {
      // Committed entries are the leader's too: it may go on behind them.
      return this.#promise(message.from, { type: 'AppendOk', session, match: this.#log.commit })
    }
    if (!this.#log.matches(prev)) {
      const hint = this.#conflictHint(prev)
      this.#note('append refused', { prev: prev.index, hint: hint.index })
      return this.#promise(message.from, { type: 'AppendConflict', session, prev, hint })
    }
    if (this.#log.merge(entries)) this.#overwritten()
    const match = prev.index + entries.length
    this.#verified = Math.max(this.#verified, match)
    this.#commitUpTo(message.commit)
    this.#promise(message.from, { type: 'AppendOk', session, match })
  }

  /** An unfinished write may hold what was just cut off: it makes nothing behind the cut durable. */
  #overwritten(): void {
    this.#note('suffix overwritten', { stable: this.#log.stable })
    if (this.#appending !== null)
      this.#appending.stableAfter = Math.min(this.#appending.stableAfter, this.#log.stable)
  }

  /** The last place where our log can still agree with one that has prev.term at prev.index. */
  #conflictHint(prev: EntryId): EntryId {
    let index = Math.min(prev.index, this.#log.last.index)
    while (index > this.#log.commit && (this.#log.term(index) ?? 0) > prev.term) index--
    return { index, term: this.#log.term(index) ?? 0 }
  }

  #commitUpTo(commit: Index): void {
    if (this.#log.commitTo(Math.min(commit, this.#verified))) this.#committed()
  }

  #committed(): void {
    this.#note('commit', { index: this.#log.commit })
  }

  #onHeartbeat(message: PeerMessage & { type: 'Heartbeat' }): void {
    this.#followLeader(message.from)
    this.#commitUpTo(message.commit)
    for (const { node, index, term } of message.matches)
      if (node !== this.#config.id)
        this.#identities.observe(node, { term: message.term, match: { index, term } })
    const { session, readSequence } = message
    this.#send(message.from, { type: 'HeartbeatResp', session, readSequence })
  }

  // ---- Snapshots ----

  #onSnapshotOffer(message: PeerMessage & { type: 'SnapshotOffer' }): void {
    this.#followLeader(message.from)
    const { session, checkpoint } = message
    if (!this.#isOfUse(checkpoint))
      return this.#promise(message.from, { type: 'AppendOk', session, match: this.#log.commit })
    this.#offeredPins = { pins: message.pins, configIndex: message.configIndex }
    const known = this.#installing
    this.#installing = { from: message.from, session, checkpoint }
    const same = known?.from === message.from && known.session === session
    if (same && known.checkpoint.index === checkpoint.index) return
    this.#note('snapshot offered', { from: message.from, index: checkpoint.index })
    this.#install = this.#installing
  }
  #offeredPins: { pins: Identity['pins']; configIndex: Index } | null = null

  /** An offer not above the own commit is old; but a lost store is refilled from any that goes on. */
  #isOfUse(checkpoint: Checkpoint): boolean {
    return checkpoint.index > (this.#rebuilding ? this.#appliedDone : this.#log.commit)
  }

  /** The state machine holds it: the log starts anew behind it, in one record that is checkpoint and base. */
  #snapshotVerified(checkpoint: Checkpoint | null): void {
    const installing = this.#installing
    this.#installing = null
    if (checkpoint === null || !this.#isOfUse(checkpoint)) return
    this.#note('snapshot in force', { index: checkpoint.index })
    for (const id of this.#proposals.jumpedOver(checkpoint.term))
      this.#outcomes.push({ id, kind: 'unknown' })
    // A rebuilt store may lie within the log: then nothing of the log is given up.
    const within =
      this.#rebuilding && checkpoint.index <= this.#log.stable && this.#log.matches(checkpoint)
    this.#rebuilding = false
    if (within) {
      this.#log.skipTo(checkpoint.index)
      this.#restore = checkpoint
    } else {
      this.#log.restore(checkpoint)
      if (this.#appending !== null) this.#appending.stableAfter = 0
    }
    this.#checkpointToSave = { checkpoint, base: !within }
    this.#verified = Math.max(this.#verified, checkpoint.index)
    this.#appliedDone = checkpoint.index
    if (this.#offeredPins !== null) {
      const { pins, configIndex } = this.#offeredPins
      if (this.#identities.adopt(pins, configIndex)) this.#clearPending = true
      this.#offeredPins = null
      this.#maybeClear()
    }
    if (installing !== null && installing.from === this.#leaderId) {
      const { session } = installing
      this.#promise(installing.from, { type: 'AppendOk', session, match: checkpoint.index })
    }
  }

  // ---- Small things ----

  #peers(): readonly NodeId[] {
    return this.#config.members.filter((node) => node !== this.#config.id)
  }

  /** Leaves now. */
  #send(to: NodeId, message: Unaddressed<PeerMessage>): void {
    this.#messages.push(this.#address(to, message))
  }

  /** Leaves when everything decided so far is durable. */
  #promise(to: NodeId, message: Unaddressed<PeerMessage>): void {
    this.#promises.push(this.#address(to, message))
  }

  #address(to: NodeId, message: Unaddressed<PeerMessage>): PeerMessage {
    return { ...message, from: this.#config.id, to, term: this.#hardState.term } as PeerMessage
  }

  #note(type: string, detail: TraceEvent['detail'] = {}): void {
    this.#trace.push({ type, term: this.#hardState.term, detail })
  }
}
