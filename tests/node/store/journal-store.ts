// A store in memory that remembers its batches, so that a test can lose some of them as a power cut would.

import { MemoryLevel } from 'memory-level'

import type {
  KeyRange,
  MakeDurable,
  SortedStore,
  StoreBatch,
  StoreIterator,
} from '../../../node/store/sorted-store.ts'

interface Operation {
  readonly key: Uint8Array
  /** null: deleted. */
  readonly value: Uint8Array | null
}

export class JournalStore implements SortedStore {
  readonly #level = new MemoryLevel<Uint8Array, Uint8Array>({
    keyEncoding: 'view',
    valueEncoding: 'view',
  })
  readonly #journal: (readonly Operation[])[] = []
  /** Batches that no crash can take. */
  durable = 0
  #held: Promise<void> = Promise.resolve()

  get batches(): number {
    return this.#journal.length
  }

  /** The next batches wait until this is resolved, or fail with it. */
  hold(): PromiseWithResolvers<void> {
    const held = Promise.withResolvers<void>()
    this.#held = held.promise
    return held
  }

  /** What another process finds after a crash: all durable batches, and of the later ones those kept. */
  async crashed(kept: (batch: number) => boolean): Promise<JournalStore> {
    const store = new JournalStore()
    for (const [i, operations] of this.#journal.entries()) {
      if (i < this.durable || kept(i)) await store.#write(operations)
    }
    store.durable = store.batches
    return store
  }

  getMany(keys: Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return this.#level.getMany(keys)
  }

  batch(): StoreBatch {
    const operations: Operation[] = []
    return {
      put: (key, value) => operations.push({ key, value }),
      del: (key) => operations.push({ key, value: null }),
      write: () => this.#held.then(() => this.#write(operations)),
    }
  }

  iterator(range: KeyRange): StoreIterator {
    return this.#level.iterator(range)
  }

  async clear(range: KeyRange): Promise<void> {
    for (const key of await this.#level.keys(range).all()) {
      await this.#write([{ key, value: null }])
    }
  }

  async close(): Promise<void> {}

  readonly makeDurable: MakeDurable = async () => {
    this.durable = this.batches
  }

  async #write(operations: readonly Operation[]): Promise<void> {
    this.#journal.push(operations)
    await this.#level.batch(
      operations.map(({ key, value }) =>
        value === null ? { type: 'del', key } : { type: 'put', key, value },
      ),
    )
  }
}

/** Every pair, in order, as text. */
export async function contentsOf(store: SortedStore): Promise<string[]> {
  const iterator = store.iterator({})
  const pairs: string[] = []
  for (let pair = await iterator.next(); pair !== undefined; pair = await iterator.next()) {
    pairs.push(pair.map((bytes) => Buffer.from(bytes).toString('latin1')).join(' → '))
  }
  await iterator.close()
  return pairs
}
