// Consensus for tests of the API: one order, in this process, without a network or a disk. Everything behind it is real:
// each node has its own state machine and answers from its own apply.
//
// It can lose its leader (nothing is proposed) or stall (proposed, not committed): the two ways in which a publish
// may have to wait, with different answers at the deadline.

import type { Member, UnreadyReason } from '../../client/contract/state.ts'
import { SekaliError } from '../../client/errors.ts'
import { encodeCommand } from '../../node/command/format.ts'
import type { EdgeBatch } from '../../node/edge/edge-batch.ts'
import type { Backend, ProcessFacts, Standing } from '../../node/http/backend.ts'
import type { EntryOutcome, EventReader } from '../../node/store/types.ts'
import type { Checkpoint, Entry } from '../../raft/core/types.ts'
import type { StateMachine } from '../../raft/ports.ts'
import type { ManualClock } from './manual-clock.ts'

export type Machine = StateMachine<EntryOutcome> & EventReader

interface Waiting {
  readonly node: SequencedNode
  readonly batch: EdgeBatch
  readonly deadlineMs: number
  readonly resolve: (outcome: EntryOutcome) => void
  readonly reject: (error: SekaliError) => void
  /** Index of its entry; null: not proposed yet. */
  index: number | null
}

export class Sequencer {
  readonly nodes: SequencedNode[] = []
  /** All that was ever proposed, as the log on disk would hold it. */
  readonly entries: Entry[] = []
  readonly clock: ManualClock
  leader: string | null = 'n1'
  term = 1
  #committed = 0
  #stalled = false
  #waiting: Waiting[] = []

  constructor(clock: ManualClock) {
    this.clock = clock
    clock.onAdvance(() => this.#expire())
  }

  get committed(): number {
    return this.#committed
  }

  get pending(): number {
    return this.#waiting.length
  }

  /** What is in the log already was committed in an earlier life. */
  resume(): void {
    this.#committed = this.entries.length
  }

  loseLeader(): void {
    this.leader = null
  }

  stall(): void {
    this.#stalled = true
  }

  /** A leader of the next term; all that waited goes on. */
  heal(leader = 'n1'): void {
    this.#stalled = false
    this.leader = leader
    this.term += 1
    this.#turn()
  }

  propose(waiting: Omit<Waiting, 'index'>): void {
    this.#waiting.push({ ...waiting, index: null })
    // All that arrives in one turn becomes one entry, as it does in the replica.
    queueMicrotask(() => this.#turn())
  }

  #turn(): void {
    if (this.leader === null) return
    const fresh = this.#waiting.filter((waiting) => waiting.index === null)
    if (fresh.length > 0) {
      const batches = fresh.map((waiting) => waiting.batch)
      const data = encodeCommand(batches, this.clock.wallMs())
      const index = this.entries.length + 1
      this.entries.push({ index, term: this.term, type: 'normal', proposal: null, data })
      for (const waiting of fresh) waiting.index = index
    }
    if (!this.#stalled) this.#commit()
  }

  #commit(): void {
    for (const entry of this.entries.slice(this.#committed)) {
      this.#committed = entry.index
      const waiting = this.#waiting.filter((candidate) => candidate.index === entry.index)
      this.#waiting = this.#waiting.filter((candidate) => candidate.index !== entry.index)
      for (const node of this.nodes) {
        const applied = node.apply(entry)
        let from = 0
        for (const { batch, node: origin, resolve } of waiting) {
          const start = from
          from += batch.count
          if (origin === node) void applied.then((all) => resolve(part(all!, start, batch.count)))
        }
      }
    }
  }

  #expire(): void {
    const nowMs = this.clock.monotonicMs()
    const late = this.#waiting.filter((waiting) => waiting.deadlineMs <= nowMs)
    this.#waiting = this.#waiting.filter((waiting) => waiting.deadlineMs > nowMs)
    for (const { index, reject } of late) {
      reject(
        index === null
          ? new SekaliError('no_leader', 'no leader before the deadline')
          : new SekaliError('outcome_unknown', 'not committed before the deadline'),
      )
    }
  }
}

/** One node over the shared order: what the API sees of it. */
export class SequencedNode implements Backend {
  readonly id: string
  readonly events: Machine
  reasons: UnreadyReason[] = []
  readonly #sequencer: Sequencer
  #queue: Promise<unknown> = Promise.resolve()
  #applied: number
  #paused: { readonly promise: Promise<void>; readonly resolve: () => void } | null = null
  readonly #waiters = new Set<() => void>()
  readonly #listeners: (() => void)[] = []

  constructor(id: string, sequencer: Sequencer, machine: Machine) {
    this.id = id
    this.events = machine
    this.#sequencer = sequencer
    this.#applied = machine.stats().appliedIndex
    sequencer.nodes.push(this)
    sequencer.clock.onAdvance(() => this.#wake())
  }

  standing(): Standing {
    const { leader, term, committed } = this.#sequencer
    return {
      nodeId: this.id,
      role: leader === this.id ? 'leader' : 'follower',
      term,
      leader: leader === null ? null : { node_id: leader, url: `http://${leader}.test:8001` },
      commitIndex: committed,
      appliedIndex: this.#applied,
      lastPosition: this.events.stats().lastPosition,
    }
  }

  publish(batch: EdgeBatch, deadlineMs: number): Promise<EntryOutcome> {
    if (this.reasons.includes('stopping')) {
      return Promise.reject(new SekaliError('stopping', 'this node is stopping'))
    }
    return new Promise((resolve, reject) => {
      this.#sequencer.propose({ node: this, batch, deadlineMs, resolve, reject })
    })
  }

  /** Readers that wait for this node to catch up. */
  get readersWaiting(): number {
    return this.#waiters.size
  }

  /** In order, one at a time. */
  apply(entry: Entry): Promise<EntryOutcome | null> {
    const applied = this.#queue.then(async () => {
      await this.#paused?.promise
      const [outcome = null] = await this.events.apply([entry])
      this.#applied = entry.index
      this.#wake()
      return outcome
    })
    this.#queue = applied
    return applied
  }

  /** Committed entries wait from here on, as on a node that lags. */
  pauseApply(): void {
    this.#paused = Promise.withResolvers<void>()
  }

  resumeApply(): void {
    this.#paused?.resolve()
    this.#paused = null
  }

  onMoved(listener: () => void): void {
    this.#listeners.push(listener)
  }

  async settle(): Promise<void> {
    await this.#queue
  }

  linearize(deadlineMs: number): Promise<boolean> {
    return this.#until(() => {
      const { leader, committed } = this.#sequencer
      return leader !== null && this.#applied >= committed
    }, deadlineMs)
  }

  waitForPosition(position: number, deadlineMs: number): Promise<boolean> {
    return this.#until(() => this.events.stats().lastPosition >= position, deadlineMs)
  }

  waitForApplied(index: number, deadlineMs: number): Promise<boolean> {
    return this.#until(() => this.#applied >= index, deadlineMs)
  }

  process(): ProcessFacts {
    const uptimeSeconds = this.#sequencer.clock.monotonicMs() / 1_000
    const lastIndex = this.#sequencer.entries.length
    return {
      uptimeSeconds,
      fsync: true,
      forwarded: 0,
      standing: 'member',
      firstIndex: 1,
      lastIndex,
    }
  }

  members(): readonly Member[] {
    return this.#sequencer.nodes.map((node) => ({
      node_id: node.id,
      url: null,
      peer_url: `http://${node.id}.test:9001`,
      self: node === this,
      leader: this.#sequencer.leader === node.id,
      state: 'replicate',
      match_index: this.#sequencer.entries.length,
      lag: 0,
      counts: true,
      recently_active: true,
    }))
  }

  unready(): readonly UnreadyReason[] {
    return this.reasons
  }

  #until(holds: () => boolean, deadlineMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const look = (): void => {
        const held = holds()
        if (!held && this.#sequencer.clock.monotonicMs() < deadlineMs) return
        this.#waiters.delete(look)
        resolve(held)
      }
      this.#waiters.add(look)
      look()
    })
  }

  #wake(): void {
    for (const look of this.#waiters) look()
    for (const listener of this.#listeners) listener()
  }
}

/** Brings a machine that was just opened to the end of the log, as every start does. */
export async function redo(
  machine: Machine,
  checkpoint: Checkpoint | null,
  entries: readonly Entry[],
): Promise<void> {
  await machine.redoFrom(checkpoint)
  await machine.apply(entries.filter((entry) => entry.index > (checkpoint?.index ?? 0)))
}

function part(all: EntryOutcome, from: number, count: number): EntryOutcome {
  const flags = all.flags.subarray(from, from + count)
  return {
    count,
    positions: all.positions.subarray(from, from + count),
    flags,
    accepted: flags.reduce((sum, flag) => sum + (flag === 0 ? 1 : 0), 0),
  }
}
