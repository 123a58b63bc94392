// A place in the store's history, and the one way on from it.
//
// Applying the log and installing a snapshot both move a frontier forward: what stands at or below its position is
// settled, what may stand above it is not looked at. Each step reads once, decides purely, and writes one atomic batch. The
// frontier moves when all is decided; who looks into the store waits for the batch.

import type { EventWalk } from '../command/format.ts'
import { type Decision, decide, readSetOf } from './decide.ts'
import type { KeyFilter } from './key-filter.ts'
import { nameKey } from './keys.ts'
import type { SortedStore } from './sorted-store.ts'
import { TopicCounts } from './topic-counts.ts'
import type { Totals } from './totals.ts'

export class Frontier {
  readonly #store: SortedStore
  readonly #filter: KeyFilter
  readonly #counts: TopicCounts
  #totals: Totals

  /** `filter`: the store's own, so that it hears of every key. */
  constructor(store: SortedStore, filter: KeyFilter, totals: Totals) {
    this.#store = store
    this.#filter = filter
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
    const asked = reads.dedupKeys.filter((key) => this.#filter.mayHold(key))
    const found = await this.#store.getMany([...asked, ...nameKeys])
    await this.#counts.learn(unknown, found.slice(asked.length), this.#totals.position)
    let next = 0
    const dedup = reads.dedupKeys.map((key) => (key === asked[next] ? found[next++] : undefined))

    const topicEvents = reads.topics.map((topic) => this.#counts.of(topic))
    return decide(commands, reads, { dedup, topicEvents }, this.#totals)
  }

  /** Moves by a decision of this frontier; resolves when it stands in the store, with a mark that tells of it. */
  advance(decision: Decision, mark: Uint8Array, markValue: Uint8Array): Promise<void> {
    for (const key of decision.dedupKeys) this.#filter.add(key)
    const batch = this.#store.batch()
    const { keys, values } = decision
    for (let i = 0; i < keys.length; i++) batch.put(keys[i]!, values[i]!)
    batch.put(mark, markValue)

    this.#counts.advance(decision.topics, decision.topicEvents)
    this.#totals = decision.totalsAfter
    return batch.write()
  }
}
