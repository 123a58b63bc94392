// One member of a Raft cluster, as a pure machine: messages, ticks and completions in, a Ready out.
//
// It never waits, reads no clock and draws chance only from its seed: the same inputs give the same outputs, byte
// for byte. Saving before promising is a type: what promises something about the own disk leaves in
// `append.thenSend`, when that write is durable; everything else leaves in `messages`, at once (raft.md part 2).
// One append is handed out at a time; what comes meanwhile is the next one, so that one sync serves all.
//
// Here is the order of a turn, and who handles which input. Who leads is decided in roles.ts; what a leader does is in
// leader.ts, what a follower does in follower.ts; what is on its way to the disk in persistence.ts, to the peers in
// outbox.ts.

import { faultOf } from './check.ts'
import type { RaftConfig, RaftStart } from './config.ts'
import { Follower } from './follower.ts'
import { decodePins, Identities } from './identity.ts'
import { Introductions } from './introductions.ts'
import { invariant } from './invariant.ts'
import type { Leader } from './leader.ts'
import { RaftLog } from './log.ts'
import { Outbox } from './outbox.ts'
import { Persistence } from './persistence.ts'
import { OwnProposals } from './proposals.ts'
import { OwnReads } from './reads.ts'
import { Roles } from './roles.ts'
import {
  type ApplyTask,
  type Bytes,
  type Checkpoint,
  type Glance,
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
  type Status,
  type StoreId,
  type Term,
} from './types.ts'

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
  readonly #log: RaftLog
  readonly #outbox: Outbox
  readonly #persistence: Persistence
  readonly #identities: Identities
  readonly #follower: Follower
  readonly #proposals: OwnProposals
  readonly #reads: OwnReads

  readonly #introductions: Introductions
  readonly #roles: Roles

  #ticks = 0
  #applying: { seq: number; upTo: Index } | null = null
  #applySeq = 0

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
    const applied = start.checkpoint?.index ?? start.base.index
    const log = new RaftLog({ ...start, applied })
    this.#log = log
    this.#persistence = new Persistence(start.hardState)
    this.#outbox = new Outbox(id, () => this.#term)
    const { identity, hardState, lostEnd } = start
    this.#identities = new Identities({ self: id, identity, hardState, log, spareStore, lostEnd })
    this.#introductions = new Introductions({
      self: id,
      peers: this.#peers,
      identities: this.#identities,
      outbox: this.#outbox,
      persistence: this.#persistence,
      muted: lostEnd,
    })
    log.commitTo(start.commit)
    this.#follower = new Follower(log, this.#outbox, this.#persistence, config, start.rebuilding)
    this.#proposals = new OwnProposals(id, life, electionTicks, log.term(applied) ?? 0)
    this.#reads = new OwnReads(life, electionTicks)
    this.#roles = new Roles({
      config,
      log,
      outbox: this.#outbox,
      persistence: this.#persistence,
      identities: this.#identities,
      follower: this.#follower,
      onLeaderKnown: () => this.#reads.askAgain(),
    })
  }

  // ---- Inputs ----

  tick(): void {
    this.#ticks++
    this.#persistence.tick()
    this.#proposals.tick()
    this.#reads.tick()
    const { heartbeatTicks, electionTicks } = this.#config
    if (this.#ticks % (2 * heartbeatTicks) === 0) this.#introductions.ask()
    if (this.#ticks % electionTicks === 0) this.#askForSnapshot()
    this.#roles.tick()
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
    const successor = to ?? this.#leader?.replication.bestSuccessor() ?? null
    if (this.#leader === null || successor === null) return false
    return this.#leader.transfer(successor)
  }

  // ---- Output ----

  /** Everything that is to be done now. Handing it out counts as doing it. */
  ready(): Ready {
    // Apply first: it may show proposals dead, which then leave in this same turn.
    const restore = this.#restore
    this.#restore = null
    if (restore !== null) this.#follower.restored()
    const apply = this.#takeApply()
    this.#sendProposals()
    this.#sendReads()
    if (this.#leader !== null) {
      this.#leader.replicate()
      for (const state of this.#leader.confirmedReads()) this.#readAnswered(state)
    }
    const { task, now } = this.#persistence.take(this.#log, this.#identities, this.#outbox)
    this.#log.release(this.#config.memoryBytesMax)
    const ready: Ready = {
      role: this.#roles.role,
      leader: this.#leaderId,
      messages: this.#outbox.takeMessages(now),
      append: task,
      restore,
      apply,
      reads: this.#leader?.replication.takeReadTasks() ?? [],
      offers: this.#leader?.replication.takeOffers() ?? [],
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

  /** `applied`: how far the driver knows the state machine to be, if further than the core has been told. */
  status(applied = this.#log.done): Status {
    const peers =
      this.#leader?.replication.status() ??
      this.#peers.map((node) => this.#identities.statusOf(node))
    return { ...this.glance(applied), peers }
  }

  glance(applied = this.#log.done): Glance {
    return {
      id: this.#config.id,
      role: this.#roles.role,
      term: this.#term,
      leader: this.#leaderId,
      vote: this.#persistence.vote,
      standing: this.#identities.standing,
      store: this.#identities.current.store,
      last: this.#log.last,
      firstIndex: this.#log.firstIndex,
      commit: this.#log.commit,
      applied,
      pendingProposals: this.#proposals.size,
      transferringTo: this.#leader?.transferringTo ?? null,
    }
  }

  get #term(): Term {
    return this.#persistence.term
  }

  get #leader(): Leader | null {
    return this.#roles.leader
  }

  get #leaderId(): NodeId | null {
    return this.#roles.leaderId
  }

  #takeApply(): ApplyTask | null {
    if (this.#applying !== null || this.#follower.rebuilding) return null
    const entries = this.#log.takeApplicable(this.#config.applyBytesMax)
    if (entries.length === 0) return null
    for (const entry of entries) {
      this.#proposals.handedOut(entry)
      if (entry.type === 'config')
        this.#introductions.adopt(decodePins(entry.data), entry.index, this.#leaderId)
    }
    this.#introductions.caughtUp()
    // A node that counts from now on may have been the one that was lacking.
    this.#leader?.maybeCommit()
    this.#applying = { seq: ++this.#applySeq, upTo: entries.at(-1)!.index }
    return { seq: this.#applySeq, entries }
  }

  #sendProposals(): void {
    if (this.#leaderId === null || !this.#proposals.hasToSend) return
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
    if (this.#leaderId === null || this.#reads.size === 0) return
    for (const ticket of this.#reads.take()) {
      if (this.#leader === null) this.#outbox.send(this.#leaderId, { type: 'ReadIndex', ticket })
      else this.#leader.read(this.#config.id, ticket)
    }
  }

  #readAnswered(state: ReadState): void {
    if (this.#reads.answered(state.ticket, state.index)) this.#readStates.push(state)
  }

  #askForSnapshot(): void {
    if (this.#follower.wantsOffer && this.#leaderId !== null)
      this.#outbox.send(this.#leaderId, { type: 'NeedSnapshot' })
  }

  // ---- Completions and links ----

  #fromDriver(message: LocalMessage): void {
    switch (message.type) {
      case 'AppendDone':
        return this.#appendDone(message.seq)
      case 'ApplyDone':
        invariant(this.#applying?.seq === message.seq, 'applies complete one at a time')
        this.#log.markDone(this.#applying.upTo)
        this.#applying = null
        return
      case 'ReadDone':
        return this.#leader?.replication.readDone(
          message.peer,
          message.session,
          message.from,
          message.entries,
        )
      case 'PeerMet':
        return this.#peerMet(message.peer, message.store)
      case 'PeerLost':
        return this.#roles.lost(message.peer)
      case 'CheckpointTaken':
        if (message.checkpoint.index > this.#log.base.index)
          this.#persistence.save(message.checkpoint, false)
        return
      case 'LogTrimmed':
        return this.#log.trimmedTo(message.first)
      case 'OfferReady':
        return this.#leader?.replication.offerReady(
          message.peer,
          message.session,
          message.checkpoint,
        )
      case 'SnapshotVerified':
        if (message.checkpoint === null) return this.#follower.gaveUp()
        return this.#snapshotVerified(message.checkpoint)
      default:
        message satisfies never
    }
  }

  #appendDone(seq: number): void {
    const task = this.#persistence.done(seq, this.#log)
    if (task.identity !== null) this.#introductions.saved(task.identity)
    if (task.checkpoint !== null) {
      if (task.base) this.#restore = task.checkpoint
      const keepsFrom = this.#leader?.replication.keepsFrom ?? Number.MAX_SAFE_INTEGER
      this.#removeBefore = Math.min(task.checkpoint.index + 1, keepsFrom)
    }
    this.#roles.voteDurable()
    this.#leader?.maybeCommit()
  }

  #peerMet(peer: NodeId, store: StoreId): void {
    this.#identities.meet(peer, store)
    if (!this.#identities.counts(peer)) this.#outbox.note('peer is suspect', { peer, store })
    this.#introductions.tell(peer)
    this.#leader?.replication.renew(peer)
    if (peer !== this.#leaderId) return
    this.#proposals.resendAll()
    this.#reads.askAgain()
  }

  // ---- Messages of peers ----

  #fromPeer(message: PeerMessage): void {
    const { id, members } = this.#config
    const fault = faultOf(message, id, members, this.#term)
    if (fault !== null) return this.#outbox.note('refused', { from: message.from, fault })
    if (this.#introductions.muted) return
    if (message.type === 'Introduce') return this.#introductions.tell(message.from)
    if (message.type === 'Remembered') {
      if (this.#introductions.told(message)) this.#roles.becomeFollower(null)
      return
    }
    if (!this.#identities.mayPromise(message.from))
      return this.#outbox.send(message.from, { type: 'Introduce' })
    // Pre-votes speak of a term that nobody has entered yet.
    if (message.type === 'PreVote') return this.#roles.onPreVote(message)
    if (message.type === 'PreVoteResp' && message.granted)
      return this.#roles.onPreVoteGranted(message)
    if (message.term > this.#term && !this.#roles.adoptTerm(message)) return
    if (message.term < this.#term) return this.#answerStale(message)
    if (PROMISES.has(message.type))
      this.#identities.observe(message.from, { term: message.term, match: ORIGIN })
    this.#leader?.heard(message.from)
    this.#dispatch(message)
  }

  #dispatch(message: PeerMessage): void {
    const { from } = message
    switch (message.type) {
      case 'Vote':
        return this.#roles.onVote(message)
      case 'VoteResp':
        return this.#roles.onVoteResp(message)
      case 'Append':
        this.#roles.followLeader(from)
        return this.#follower.append(message)
      case 'Commit':
        this.#roles.followLeader(from)
        return this.#follower.commitUpTo(message.commit)
      case 'Heartbeat':
        return this.#onHeartbeat(message)
      case 'SnapshotOffer':
        this.#roles.followLeader(from)
        return this.#follower.offered(message)
      case 'AppendOk':
        return this.#leader?.acknowledged(from, message.session, message.match)
      case 'AppendConflict':
        return this.#leader?.replication.conflicted(
          from,
          message.session,
          message.prev,
          message.hint,
        )
      case 'HeartbeatResp':
        return this.#leader?.heartbeatAnswered(from, message.session, message.readSequence)
      case 'NeedSnapshot':
        return this.#leader?.replication.snapshotWanted(from)
      case 'TimeoutNow':
        return this.#roles.onTimeoutNow(from)
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

  // ---- Following ----

  #onHeartbeat(message: PeerMessage & { type: 'Heartbeat' }): void {
    const { from, session, readSequence } = message
    this.#roles.followLeader(from)
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
    // Otherwise it comes into force when its record is durable.
    if (taken.within) this.#restore = checkpoint
    const { offer } = taken
    this.#introductions.adopt(offer.pins, offer.configIndex, this.#leaderId)
    if (offer.from === this.#leaderId) this.#follower.inForce(offer, checkpoint)
  }
}
