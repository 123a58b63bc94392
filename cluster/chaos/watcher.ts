// Looks at what every node says of itself, several times a second, and keeps what it saw: for the screen, for the
// timeline of the report, and for whoever waits until the cluster is whole again.
//
// A look that fails is a fact, too. It decides nothing about data; that is the ledger's.

import type { Stats } from '../../client/contract/state.ts'
import type { NodeClient } from '../http.ts'
import { agreedLeader } from '../processes.ts'
import type { Engine, NodeCondition } from './engine.ts'

/** What was seen of one node at one moment. */
export interface NodeLook {
  readonly condition: NodeCondition
  /** Null: it did not answer. */
  readonly stats: Stats | null
  /** When it was asked. */
  readonly atMs: number
}

export type Look = ReadonlyMap<string, NodeLook>

/** What a node was over some time, for the timeline: its role, or why it had none. */
export type Phase = Stats['role'] | 'no answer' | Exclude<NodeCondition, 'up'>

export interface Segment {
  readonly phase: Phase
  readonly fromMs: number
  readonly term: number
}

export interface WatcherPorts {
  readonly engine: Engine
  /** In the order of the engine's ids. */
  readonly nodes: readonly NodeClient[]
  now(): number
  sleep(ms: number): Promise<void>
}

const LOOK_EVERY_MS = 150
const ANSWER_MS_MAX = 400

export class Watcher {
  readonly #ports: WatcherPorts
  readonly #segments = new Map<string, Segment[]>()
  readonly #waiting: { holds: () => boolean; resolve: () => void }[] = []
  readonly #latest = new Map<string, NodeLook>()
  readonly #loops: Promise<void>[] = []
  #stopped = false

  constructor(ports: WatcherPorts) {
    this.#ports = ports
    for (const id of ports.engine.ids) {
      this.#segments.set(id, [])
      this.#latest.set(id, { condition: 'up', stats: null, atMs: Number.NEGATIVE_INFINITY })
    }
  }

  /** What was done to a node is known at once, whatever it said last. */
  get latest(): Look {
    const { engine } = this.#ports
    return new Map(
      [...this.#latest].map(([id, look]) => {
        const condition = engine.condition(id)
        return [id, condition === 'up' ? look : { ...look, condition, stats: null }]
      }),
    )
  }

  segments(id: string): readonly Segment[] {
    return this.#segments.get(id)!
  }

  /** Each node for itself: one that hangs does not hide what the others do. */
  start(): void {
    for (const [place, id] of this.#ports.engine.ids.entries()) {
      this.#loops.push(this.#watch(id, this.#ports.nodes[place]!))
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#loops)
  }

  /** Who leads, by the word of a majority; null while there is none. */
  leader(): string | null {
    return agreedLeader(this.#statsById(), this.#latest.size)
  }

  /** Resolves true once every node, asked from now on, follows one leader; false at the deadline. */
  async whole(timeoutMs: number): Promise<boolean> {
    const sinceMs = this.#ports.now()
    return this.#until(timeoutMs, () => {
      const leader = this.leader()
      const follows = ({ stats, atMs }: NodeLook) => atMs >= sinceMs && stats?.leader_id === leader
      return leader !== null && [...this.#latest.values()].every(follows)
    })
  }

  /** Resolves with the leader's id, or null at the deadline. */
  async anyLeader(timeoutMs: number): Promise<string | null> {
    await this.#until(timeoutMs, () => this.leader() !== null)
    return this.leader()
  }

  async #until(timeoutMs: number, holds: () => boolean): Promise<boolean> {
    if (holds()) return true
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const waiter = { holds, resolve: () => resolve(true) }
    this.#waiting.push(waiter)
    const timer = setTimeout(() => resolve(false), timeoutMs)
    const found = await promise
    clearTimeout(timer)
    const place = this.#waiting.indexOf(waiter)
    if (place >= 0) this.#waiting.splice(place, 1)
    return found
  }

  async #watch(id: string, node: NodeClient): Promise<void> {
    const { engine, now, sleep } = this.#ports
    while (!this.#stopped) {
      const startMs = now()
      const stats = await node.stats(ANSWER_MS_MAX).catch(() => null)
      const condition = engine.condition(id)
      this.#latest.set(id, { condition, stats: condition === 'up' ? stats : null, atMs: startMs })
      this.#note(id, now())
      for (const { holds, resolve } of [...this.#waiting]) if (holds()) resolve()
      const waitMs = startMs + LOOK_EVERY_MS - now()
      if (waitMs > 0) await sleep(waitMs)
    }
  }

  #note(id: string, nowMs: number): void {
    const segments = this.#segments.get(id)!
    const phase = phaseOf(this.#latest.get(id)!)
    const term = this.#latest.get(id)!.stats?.term ?? segments.at(-1)?.term ?? 0
    const last = segments.at(-1)
    if (last?.phase !== phase || last.term !== term) segments.push({ phase, fromMs: nowMs, term })
  }

  #statsById(): Map<string, Stats | null> {
    return new Map([...this.#latest].map(([id, { stats }]) => [id, stats]))
  }
}

export function phaseOf({ condition, stats }: NodeLook): Phase {
  if (condition !== 'up') return condition
  return stats === null ? 'no answer' : stats.role
}
