// How many events each topic held at one position.
//
// A topic's index entries carry its running count, so the last one at or below the position knows it; what later
// batches left above the position is not looked at. A bounded number of counts is remembered, valid for the
// position that the caller advances to; forget() when it moves any other way.

import type { TouchedTopic } from './decide.ts'
import { positionIn, type TopicState, topicKey, topicState } from './keys.ts'
import { lastOf, type SortedStore } from './sorted-store.ts'
import { StoreDamagedError } from './store-errors.ts'

const TOPICS_REMEMBERED_MAX = 20_000
/** Look-ups under way at once. */
const SEEKS_MAX = 16

export class TopicCounts {
  readonly #store: SortedStore
  readonly #events = new Map<string, number>()

  constructor(store: SortedStore) {
    this.#store = store
  }

  /** Those whose count the store must be asked for. */
  unknown(topics: readonly TouchedTopic[]): TouchedTopic[] {
    return topics.filter((topic) => !this.#events.has(topic.key))
  }

  /** `names`: for each topic what stands under its name key. */
  async learn(
    topics: readonly TouchedTopic[],
    names: readonly (Uint8Array | undefined)[],
    position: number,
  ): Promise<void> {
    const seeks: TouchedTopic[] = []
    topics.forEach((topic, i) => {
      const name = names[i]
      if (name === undefined || positionIn(name) > position) this.#events.set(topic.key, 0)
      else seeks.push(topic)
    })
    for (let i = 0; i < seeks.length; i += SEEKS_MAX) {
      await Promise.all(
        seeks.slice(i, i + SEEKS_MAX).map(async (topic) => {
          const { events } = await topicStateAt(this.#store, topic.bytes, position)
          this.#events.set(topic.key, events)
        }),
      )
    }
  }

  /** Of a topic that is known. */
  of(topic: TouchedTopic): number {
    return this.#events.get(topic.key)!
  }

  /** The counts after what has just been decided. */
  advance(topics: readonly TouchedTopic[], events: readonly number[]): void {
    topics.forEach((topic, i) => {
      this.#events.set(topic.key, events[i]!)
    })
    for (const key of this.#events.keys()) {
      if (this.#events.size <= TOPICS_REMEMBERED_MAX) break
      this.#events.delete(key)
    }
  }

  forget(): void {
    this.#events.clear()
  }
}

/** Of a topic that has events at or below the position; its name in UTF-8. */
export async function topicStateAt(
  store: SortedStore,
  topic: Uint8Array,
  position: number,
): Promise<TopicState> {
  const range = { gte: topicKey(topic, 0), lte: topicKey(topic, position) }
  const found = await lastOf(store, range)
  if (found === undefined) throw new StoreDamagedError('a known topic has no index')
  return topicState(found[1])
}
