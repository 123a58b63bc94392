// What the state machine asks of its database: the small part of abstract-level that it uses.
//
// classic-level and memory-level have this shape when they are opened with the `view` encoding for keys and
// values; the simulator's store, which loses what LevelDB may lose, has it too. Values handed to a batch are
// never changed afterwards, so that a store in memory may keep them as they are.

export interface SortedStore {
  /** undefined where there is no such key; also after damage: absence is no evidence. */
  getMany(keys: Uint8Array[]): Promise<(Uint8Array | undefined)[]>
  /** Atomic. One at a time: two batches under way could arrive in either order. */
  batch(): StoreBatch
  iterator(range: KeyRange): StoreIterator
  /** Deletes a range in steps: neither atomic nor durable. */
  clear(range: KeyRange): Promise<void>
  close(): Promise<void>
}

export interface StoreBatch {
  put(key: Uint8Array, value: Uint8Array): unknown
  del(key: Uint8Array): unknown
  write(): Promise<void>
}

export interface KeyRange {
  gte?: Uint8Array
  lte?: Uint8Array
  reverse?: boolean
  limit?: number
  /** False: the values are of no interest, and need not be fetched. */
  values?: boolean
}

export interface StoreIterator {
  next(): Promise<[Uint8Array, Uint8Array] | undefined>
  nextv(size: number): Promise<[Uint8Array, Uint8Array][]>
  close(): Promise<void>
}

/**
 * Resolves when all written before the call is durable. Writes `value` under `key`, where it stands already, as the
 * proof that the store still takes writes. Batches may be under way beside it; they need not be durable.
 */
export type MakeDurable = (key: Uint8Array, value: Uint8Array) => Promise<void>

/** The pairs of a range, one after the other; the iterator is closed however the loop ends. */
export async function* pairsOf(
  store: SortedStore,
  range: KeyRange,
): AsyncGenerator<[Uint8Array, Uint8Array]> {
  const iterator = store.iterator(range)
  try {
    for (let pair = await iterator.next(); pair !== undefined; pair = await iterator.next()) {
      yield pair
    }
  } finally {
    await iterator.close()
  }
}

/** The last pair of a range, or undefined. */
export async function lastOf(
  store: SortedStore,
  range: KeyRange,
): Promise<[Uint8Array, Uint8Array] | undefined> {
  const iterator = store.iterator({ ...range, reverse: true, limit: 1 })
  try {
    return await iterator.next()
  } finally {
    await iterator.close()
  }
}
