// The first topics by name, kept in memory because every /stats shows them.
//
// Names are held byte for byte as latin1 strings, whose order is that of their UTF-8 bytes, as in the store.

import type { TouchedTopic } from './decide.ts'
import { CONTENT_RANGES, nameIn, positionIn } from './keys.ts'
import { pairsOf, type SortedStore } from './sorted-store.ts'

export const TOPICS_SHOWN_MAX = 1_000

export class FirstTopics {
  #keys: string[] = []

  /** What the store holds of topics first seen at or below the position. */
  async load(store: SortedStore, position: number): Promise<void> {
    this.#keys = []
    if (position === 0) return
    for await (const [key, value] of pairsOf(store, CONTENT_RANGES.name)) {
      if (positionIn(value) > position) continue
      this.#keys.push(Buffer.from(nameIn(key)).toString('latin1'))
      if (this.#keys.length === TOPICS_SHOWN_MAX) break
    }
  }

  add(topics: readonly TouchedTopic[]): void {
    if (topics.length === 0) return
    const keys = [...this.#keys, ...topics.map((topic) => topic.key)]
    this.#keys = keys.sort().slice(0, TOPICS_SHOWN_MAX)
  }

  names(): string[] {
    return this.#keys.map((key) => Buffer.from(key, 'latin1').toString())
  }
}
