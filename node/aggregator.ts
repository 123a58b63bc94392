// One node as the HTTP API sees it: the replica, its state machine and its peers behind one interface.
//
// It decides nothing about events and nothing about consensus. What it adds is waiting (for an outcome, a leader,
// a position) within deadlines, and the picture of the cluster that this node has.

import type { Member, UnreadyReason } from '../client/contract/state.ts'
import { SekaliError } from '../client/errors.ts'
import type { Status } from '../raft/core/types.ts'
import type { Replica } from '../raft/replica.ts'
import type { EdgeBatch } from './edge/edge-batch.ts'
import type { Backend, ProcessFacts, Standing } from './http/backend.ts'
import { Publisher } from './publisher.ts'
import type { EntryOutcome, EventReader, StoreStats } from './store/types.ts'
import { Waiters } from './waiters.ts'

export interface AggregatorOptions {
  readonly nodeId: string
  readonly replica: Replica<EntryOutcome>
  readonly events: EventReader
  /** Peer URL of every member. */
  readonly peerUrls: ReadonlyMap<string, string>
  /** The client URL that a member has told, or null. */
  readonly clientUrl: (nodeId: string) => string | null
  readonly fsync: boolean
  readonly entryBytesTarget: number
  readonly readyGraceMs: number
  readonly readyLagEntriesMax: number
  readonly wallMs: () => number
  readonly monotonicMs: () => number
  readonly schedule: (work: () => void) => void
  /** Another leader is known than before, or the same in another term. */
  readonly onLeader?: () => void
}

export class Aggregator implements Backend {
  readonly events: EventReader
  readonly #options: AggregatorOptions
  readonly #replica: Replica<EntryOutcome>
  readonly #waiters = new Waiters()
  readonly #publisher: Publisher
  readonly #startedMs: number
  readonly #listeners: (() => void)[] = []
  #leaderSeenMs: number
  /** The newest term that this node knows the leader of. */
  #leaderTerm = 0
  #forwarded = 0
  #stopping = false
  /** Of this moment; computed when first asked for after a turn, or after what was applied since. */
  #standing: Standing | null = null
  #standingOf: StoreStats | null = null

  constructor(options: AggregatorOptions) {
    this.#options = options
    this.#replica = options.replica
    this.events = options.events
    this.#startedMs = options.monotonicMs()
    this.#leaderSeenMs = this.#startedMs
    const { replica, wallMs, entryBytesTarget, schedule } = options
    const proposer = {
      propose: (data: Uint8Array) => {
        if (this.standing().role !== 'leader') this.#forwarded++
        return replica.propose(data)
      },
      abandon: replica.abandon.bind(replica),
    }
    const waiters = this.#waiters
    this.#publisher = new Publisher({ proposer, waiters, wallMs, entryBytesTarget, schedule })
  }

  /** Called with each tick of the replica. */
  tick(): void {
    const nowMs = this.#options.monotonicMs()
    const { leader, term } = this.standing()
    if (leader !== null) {
      this.#leaderSeenMs = nowMs
      if (term > this.#leaderTerm) this.#options.onLeader?.()
      this.#leaderTerm = term // there is one leader in a term
    }
    this.#publisher.expire(nowMs)
    this.#waiters.expire(nowMs)
    for (const listener of this.#listeners) listener()
  }

  /** Called after each turn of the replica. */
  moved(): void {
    this.#standing = null
    if (this.#waiters.size > 0) this.#waiters.check()
    for (const listener of this.#listeners) listener()
  }

  onMoved(listener: () => void): void {
    this.#listeners.push(listener)
  }

  standing(): Standing {
    const stats = this.events.stats()
    if (this.#standing === null || this.#standingOf !== stats) {
      this.#standing = this.#lookAround(stats)
      this.#standingOf = stats
    }
    return this.#standing
  }

  #lookAround({ appliedIndex, lastPosition }: StoreStats): Standing {
    const { nodeId, clientUrl } = this.#options
    const { role, term, leader, commit } = this.#replica.glance()
    return {
      nodeId,
      role,
      term,
      leader: leader === null ? null : { node_id: leader, url: clientUrl(leader) },
      commitIndex: Math.max(commit, appliedIndex),
      appliedIndex,
      lastPosition,
    }
  }

  publish(batch: EdgeBatch, deadlineMs: number): Promise<EntryOutcome> {
    // The answer would wait for this node's own apply, which waits for the store.
    if (this.#replica.rebuilding) return Promise.reject(rebuilding())
    return this.#publisher.publish(batch, deadlineMs)
  }

  /** Publishes whose outcome is not known yet. */
  get pending(): number {
    return this.#publisher.pending
  }

  /** No new publishes; this node is no longer ready. */
  stopTaking(): void {
    this.#stopping = true
    this.#publisher.stop()
  }

  /** Nobody waits any longer. */
  giveUp(): void {
    this.#waiters.giveUp()
  }

  async linearize(deadlineMs: number): Promise<boolean> {
    const controller = new AbortController()
    const cancel = this.#waiters.at(deadlineMs, () => controller.abort())
    try {
      const index = await this.#replica.readIndex(controller.signal)
      await this.#replica.whenApplied(index, controller.signal)
      return true
    } catch {
      return false // the deadline, or the node stops
    } finally {
      cancel()
    }
  }

  waitForPosition(position: number, deadlineMs: number): Promise<boolean> {
    return this.#waiters.until(deadlineMs, () => this.events.stats().lastPosition >= position)
  }

  waitForApplied(index: number, deadlineMs: number): Promise<boolean> {
    return this.#waiters.until(deadlineMs, () => this.events.stats().appliedIndex >= index)
  }

  process(): ProcessFacts {
    const { monotonicMs, fsync } = this.#options
    const { standing, firstIndex, last } = this.#replica.status()
    return {
      uptimeSeconds: (monotonicMs() - this.#startedMs) / 1_000,
      fsync,
      forwarded: this.#forwarded,
      standing,
      firstIndex,
      lastIndex: last.index,
    }
  }

  members(): readonly Member[] {
    const status = this.#replica.status()
    const { nodeId, peerUrls } = this.#options
    return [...peerUrls].map(([id, peerUrl]) => ({
      node_id: id,
      url: this.#options.clientUrl(id),
      peer_url: peerUrl,
      self: id === nodeId,
      leader: id === status.leader,
      ...(id === nodeId ? ownProgress(status) : peerProgress(status, id)),
    }))
  }

  unready(): readonly UnreadyReason[] {
    const reasons: UnreadyReason[] = []
    const { readyGraceMs, readyLagEntriesMax, monotonicMs } = this.#options
    const { leader, commitIndex, appliedIndex } = this.standing()
    if (this.#stopping) reasons.push('stopping')
    if (this.#replica.rebuilding) reasons.push('rebuilding')
    if (leader === null && monotonicMs() - this.#leaderSeenMs >= readyGraceMs)
      reasons.push('no_leader')
    if (commitIndex - appliedIndex > readyLagEntriesMax) reasons.push('behind')
    return reasons
  }
}

const rebuilding = () =>
  new SekaliError('rebuilding', 'this node is building its store again from a peer; ask another')

type Progress = Pick<Member, 'state' | 'match_index' | 'lag' | 'counts' | 'recently_active'>

function ownProgress({ commit, applied, last, standing }: Status): Progress {
  return {
    state: 'replicate',
    match_index: last.index,
    lag: Math.max(0, commit - applied),
    counts: standing === 'member',
    recently_active: true,
  }
}

function peerProgress({ commit, peers }: Status, id: string): Progress {
  const peer = peers.find(({ node }) => node === id)!
  const { state, match, counts, recentlyActive } = peer
  const known = match > 0
  return {
    state,
    match_index: known ? match : null,
    lag: known ? Math.max(0, commit - match) : null,
    counts,
    recently_active: recentlyActive,
  }
}
