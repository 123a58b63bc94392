// Who leads, as this node sees it: roles, terms and votes.
//
//                   ┌────────────── higher term, or the term's leader heard ──────────────┐
//                   ▼                                                                     │
//   ──start──▶  follower ──timeout──▶ preCandidate ──majority──▶ candidate ──majority──▶ leader
//                                          (thesis §9.6)         (§5.2)
//
// It decides when a role changes; what a leader or follower then does is theirs (leader.ts, follower.ts). Keeps:
// election safety, that is one vote a term, durable before it leaves, and one leader a term.

import { Candidacy } from './candidacy.ts'
import type { RaftConfig } from './config.ts'
import type { Follower } from './follower.ts'
import type { Identities } from './identity.ts'
import { invariant } from './invariant.ts'
import { Leader } from './leader.ts'
import { compareLogs, type RaftLog } from './log.ts'
import type { Outbox } from './outbox.ts'
import type { Persistence } from './persistence.ts'
import { Random } from './random.ts'
import type { NodeId, PeerMessage, Role, Term } from './types.ts'

/** What roles need of the core around them. */
export interface RolesOptions {
  readonly config: RaftConfig
  readonly log: RaftLog
  readonly outbox: Outbox
  readonly persistence: Persistence
  readonly identities: Identities
  readonly follower: Follower
  /** A leader is known (again): what waits for one may go to it. */
  onLeaderKnown(): void
}

export class Roles {
  readonly #config: RaftConfig
  readonly #peers: readonly NodeId[]
  readonly #random: Random
  readonly #log: RaftLog
  readonly #outbox: Outbox
  readonly #persistence: Persistence
  readonly #identities: Identities
  readonly #follower: Follower
  readonly #onLeaderKnown: () => void

  leaderId: NodeId | null = null
  /** At most one of these two is there; with neither, the node follows. */
  leader: Leader | null = null
  #candidacy: Candidacy | null = null
  /**
   * Counted until the term has a leader or is over, whatever this node does meanwhile: where a write takes longer than an
   * election timeout, votes arrive when their candidate already asks for the next term.
   */
  #candidacyOfTerm: Candidacy | null = null
  #electionElapsed = 0
  #electionTimeout = 0
  #heartbeatElapsed = 0

  constructor(options: RolesOptions) {
    const { config } = options
    this.#config = config
    this.#peers = config.members.filter((node) => node !== config.id)
    this.#random = new Random(config.seed)
    this.#log = options.log
    this.#outbox = options.outbox
    this.#persistence = options.persistence
    this.#identities = options.identities
    this.#follower = options.follower
    this.#onLeaderKnown = options.onLeaderKnown
    this.#resetElectionTimer()
  }

  get role(): Role {
    return this.leader !== null ? 'leader' : (this.#candidacy?.role ?? 'follower')
  }

  tick(): void {
    this.#electionElapsed++
    if (this.leader !== null) this.#leaderTick(this.leader)
    else if (this.#candidacy !== null) this.#candidacyTick(this.#candidacy)
    else if (this.#electionElapsed >= this.#electionTimeout) this.#becomePreCandidate('timeout')
  }

  // ---- Changes of term and role ----

  /** Enters the message's higher term, unless it comes from a candidate that must not disturb. */
  adoptTerm(message: PeerMessage): boolean {
    if (message.type === 'Vote') {
      // Stickiness: while a leader is heard, candidates do not even raise our term (thesis §4.2.3).
      if (!message.force && this.#hearsLeader) return false
      if (!this.#identities.member) return false
    }
    this.#persistence.enterTerm(message.term, null)
    this.#termBegins()
    this.becomeFollower(null)
    return true
  }

  #termBegins(): void {
    this.#candidacyOfTerm = null
    this.#outbox.forgetOldPromises()
    this.#follower.newTerm()
  }

  followLeader(from: NodeId): void {
    invariant(this.leader === null, 'election safety: one leader in a term')
    if (this.#candidacy !== null || this.leaderId !== from) this.becomeFollower(from)
    this.#electionElapsed = 0
  }

  /** The leader's process, or the way to it, is gone: no need to wait for the timeout, nor to shield it. */
  lost(peer: NodeId): void {
    this.leader?.replication.lost(peer)
    if (peer !== this.leaderId) return
    this.leaderId = null
    this.#becomePreCandidate('link closed')
  }

  /** The leader hands over to this node (thesis §3.10). */
  onTimeoutNow(from: NodeId): void {
    if (from === this.leaderId && this.#mayStand) this.#becomeCandidate(true)
  }

  /** A candidate votes for itself only when its vote is durable (raft.md 4.1-e). */
  voteDurable(): void {
    if (this.#candidacyOfTerm !== null && this.#persistence.isDurable)
      this.#countVote(this.#candidacyOfTerm, this.#config.id, true)
  }

  get #hearsLeader(): boolean {
    if (this.leader !== null) return true
    return this.leaderId !== null && this.#electionElapsed < this.#config.electionTicks
  }

  get #mayLead(): boolean {
    return this.#identities.member && !this.#follower.rebuilding
  }

  /**
   * A stalled disk keeps no promise, so its node would only stand in the others' way (DESIGN.md, rule 7); and while
   * one term waits for the disk, raising the next one brings nobody nearer to a leader.
   */
  get #mayStand(): boolean {
    return this.#mayLead && this.#couldPromise
  }

  get #couldPromise(): boolean {
    const { isDurable, unfinishedTicks } = this.#persistence
    return isDurable && unfinishedTicks < this.#config.diskStallTicks
  }

  becomeFollower(leader: NodeId | null): void {
    if (this.role !== 'follower') this.#outbox.note('follower', { leader })
    this.leader = null
    this.#candidacy = null
    this.leaderId = leader
    this.#resetElectionTimer()
    if (leader === null) return
    this.#candidacyOfTerm = null
    // A node that may have forgotten its vote in this term has none left to give.
    if (!this.#identities.member && this.#persistence.vote === null)
      this.#persistence.voteFor(leader)
    this.#onLeaderKnown()
  }

  #becomePreCandidate(why: string): void {
    // Even so the leader is gone: who cannot take its place must not shield it.
    if (!this.#mayStand) return this.becomeFollower(null)
    this.#resetElectionTimer()
    this.leaderId = null
    this.#candidacy = new Candidacy('preCandidate', this.#config.members)
    this.#candidacy.count(this.#config.id, true)
    this.#outbox.note('preCandidate', { why })
    if (this.#candidacy.won) this.#becomeCandidate(false)
    else this.#askFor(this.#candidacy)
  }

  onPreVote(message: PeerMessage & { type: 'PreVote' }): void {
    const granted = this.#grantsPreVote(message)
    // A grant echoes the asked term; a refusal tells ours, in case the candidate is behind it.
    const term = granted ? message.term : this.#persistence.term
    this.#outbox.send(message.from, { type: 'PreVoteResp', granted }, term)
    // Of two pre-candidates one steps back, so that the usual failover has no split vote. It does so once in a term for
    // the same rival: one that asks again after a whole timeout does not win, and may not even hear the answers.
    if (!granted || this.#candidacy?.role !== 'preCandidate') return
    const { from, term: asked } = message
    if (this.#steppedBackFor?.rival === from && this.#steppedBackFor.term === asked) return
    this.#steppedBackFor = { rival: from, term: asked }
    this.becomeFollower(null)
  }
  #steppedBackFor: { rival: NodeId; term: Term } | null = null

  #grantsPreVote(message: PeerMessage & { type: 'PreVote' }): boolean {
    if (!this.#identities.member || message.term <= this.#persistence.term || this.#hearsLeader)
      return false
    // A vote that waits for the disk elects nobody: whoever is told to stand for it only raises term after term.
    if (!this.#couldPromise) return false
    const order = compareLogs(message.last, this.#log.last)
    if (order < 0) return false
    // A rival whose grant would not count here may be the only one that can win.
    const rival = this.#candidacy?.role === 'preCandidate' && this.#identities.counts(message.from)
    return !rival || order > 0 || message.from < this.#config.id
  }

  onPreVoteGranted(message: PeerMessage & { type: 'PreVoteResp' }): void {
    const candidacy = this.#candidacy
    if (candidacy?.role !== 'preCandidate' || message.term !== this.#persistence.term + 1) return
    this.#identities.voted(message.from)
    if (!this.#identities.counts(message.from)) return
    candidacy.count(message.from, true)
    if (candidacy.won) this.#becomeCandidate(false)
  }

  #becomeCandidate(force: boolean): void {
    invariant(this.#mayLead && this.leader === null, 'only members that follow stand for election')
    this.leaderId = null
    this.#persistence.enterTerm(this.#persistence.term + 1, this.#config.id)
    this.#termBegins()
    this.#resetElectionTimer()
    this.#outbox.note('candidate', { force })
    this.#candidacy = new Candidacy('candidate', this.#config.members, force)
    this.#candidacyOfTerm = this.#candidacy
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
        this.#outbox.send(peer, { type: 'PreVote', last, force: false }, this.#persistence.term + 1)
      else this.#outbox.send(peer, { type: 'Vote', last, force: candidacy.force })
    }
  }

  onVote(message: PeerMessage & { type: 'Vote' }): void {
    if (!this.#identities.member) return
    const { vote } = this.#persistence
    const free = vote === message.from || (vote === null && this.leaderId === null)
    // §5.4.1: a vote only for a log at least as up to date as ours.
    const granted = free && compareLogs(message.last, this.#log.last) >= 0
    if (granted) {
      this.#persistence.voteFor(message.from)
      this.#resetElectionTimer()
    }
    this.#outbox.note('vote', { for: message.from, granted })
    this.#outbox.promise(message.from, { type: 'VoteResp', granted })
  }

  onVoteResp({ from, granted }: PeerMessage & { type: 'VoteResp' }): void {
    if (granted) this.#identities.voted(from)
    if (this.#candidacyOfTerm !== null && this.#identities.counts(from))
      this.#countVote(this.#candidacyOfTerm, from, granted)
  }

  #countVote(candidacy: Candidacy, from: NodeId, granted: boolean): void {
    candidacy.count(from, granted)
    if (candidacy.won && this.#mayLead) this.#becomeLeader(candidacy)
    else if (candidacy.lost && candidacy === this.#candidacy) this.becomeFollower(null)
  }

  #becomeLeader(candidacy: Candidacy): void {
    const { id, members } = this.#config
    invariant(candidacy.has(id), 'a leader has its own term durable')
    this.#candidacy = null
    this.#candidacyOfTerm = null
    this.leaderId = id
    this.#heartbeatElapsed = 0
    this.#outbox.note('leader', { last: this.#log.last.index })
    this.leader = new Leader({
      self: id,
      members,
      term: this.#persistence.term,
      log: this.#log,
      identities: this.#identities,
      outbox: this.#outbox,
      limits: this.#config,
    })
    this.#onLeaderKnown()
  }

  #leaderTick(leader: Leader): void {
    leader.tick()
    if (!leader.replication.hearsMajority()) {
      this.#outbox.note('hears no majority')
      return this.becomeFollower(null)
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
    if (stalled < diskStallTicks || !leader.replication.advancedWithin(diskStallTicks)) return
    if (stalled >= diskStallTicks + electionTicks) {
      this.#outbox.note('disk stalled, silent')
      return this.becomeFollower(null)
    }
    const successor = leader.replication.bestSuccessor()
    if (leader.transferringTo === null && successor !== null) leader.transfer(successor)
  }

  #resetElectionTimer(): void {
    const { electionTicks } = this.#config
    this.#electionElapsed = 0
    this.#electionTimeout = electionTicks + this.#random.below(electionTicks)
  }
}
