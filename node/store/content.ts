// Taking content out of the store again: all of it, or what lies above a position.
//
// Deleting is done in steps that a crash may interrupt; the caller leaves a mark in the store before and takes it
// away after, so that the next start goes on.

import { openCommand } from '../command/format.ts'
import { readSetOf } from './decide.ts'
import { CONTENT_RANGES, entryKey, entryPosition, nameKey, positionIn, topicKey } from './keys.ts'
import { lastOf, pairsOf, type SortedStore } from './sorted-store.ts'

export async function clearContent(store: SortedStore): Promise<void> {
  for (const range of Object.values(CONTENT_RANGES)) await store.clear(range)
}

/** Deletes every value above the position and all keys that were made from it, one batch a value. */
export async function dropAbove(store: SortedStore, position: number): Promise<void> {
  const range = { gte: entryKey(position + 1), lte: CONTENT_RANGES.entry.lte }
  for await (const [key, value] of pairsOf(store, range)) {
    const reads = readSetOf([openCommand(value)])
    const named = [...reads.dedupKeys, ...reads.topics.map((topic) => nameKey(topic.bytes))]
    const found = await store.getMany([...named])
    const batch = store.batch()
    named.forEach((name, i) => {
      const names = found[i]
      if (names !== undefined && positionIn(names) > position) batch.del(name)
    })
    for (const topic of reads.topics) batch.del(topicKey(topic.bytes, entryPosition(key)))
    batch.del(key)
    await batch.write()
  }
}

/** Whether the newest value at or below the position ends exactly there. */
export async function endsAt(store: SortedStore, position: number): Promise<boolean> {
  if (position === 0) return true
  const last = await lastOf(store, { gte: entryKey(0), lte: entryKey(position) })
  return last !== undefined && entryPosition(last[0]) + openCommand(last[1]).count - 1 === position
}
