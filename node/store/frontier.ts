// A place in the store's history, and the one way on from it.
//
// Applying the log and installing a snapshot both move a frontier forward: what stands at or below its position is
// settled, what may stand above it is not looked at. Each step reads once, decides purely, and writes one
// atomic batch; only then does the frontier move.

import type { EventWalk } from '../command/format.ts'
import { type Decision, decide, readSetOf } from './decide.ts'
import { nameKey } from './keys.ts'
import type { SortedStore } from './sorted-store.ts'
import { TopicCounts } from './topic-counts.ts'
import type { Totals } from './totals.ts'

export class Frontier {
  readonly #store: SortedStore
  readonly #counts: TopicCounts
  #totals: Totals

  constructor(store: SortedStore, totals: Totals) {
    this.#store = store
    this.#counts = new TopicCounts(store)
    this.#totals = totals
  }

  get totals(): Totals {
    return this.#totals
  }

  async decide(commands: readonly EventWalk[]): Promise<Decision> {
    const reads = readSetOf(commands)
    const unknown = this.#counts.unknown(reads.topics)
    const nameKeys = unknown.map((topic) => nameKey(topic.bytes))
    const found = await this.#store.getMany([...reads.dedupKeys, ...nameKeys])
    const names = found.splice(reads.dedupKeys.length)
    await this.#counts.learn(unknown, names, this.#totals.position)

    const topicEvents = reads.topics.map((topic) => this.#counts.of(topic))
    return decide(commands, reads, { dedup: found, topicEvents }, this.#totals)
  }

  /** Stores a decision of this frontier, with a mark that tells of it, as one batch; then moves. */
  async advance(decision: Decision, mark: Uint8Array, markValue: Uint8Array): Promise<void> {
    const batch = this.#store.batch()
    const { keys, values } = decision
    for (let i = 0; i < keys.length; i++) batch.put(keys[i]!, values[i]!)
    batch.put(mark, markValue)
    await batch.write()

    this.#counts.advance(decision.topics, decision.topicEvents)
    this.#totals = decision.totalsAfter
  }
}
