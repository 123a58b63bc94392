// Reads everything that is stored and sums it again: what the digest claims, held against what is there.
//
// Reads and compaction of LevelDB verify no checksums, so damage shows only here: a value whose bytes changed, a hole,
// a dedup key that no longer names its event. Works through iterators, which bypass bloom filters for the values;
// lets other work through between reads.

import { type EventWalk, openCommand } from '../command/format.ts'
import { readSetOf } from './decide.ts'
import { entryKey, entryPosition, positionIn } from './keys.ts'
import { pairsOf, type SortedStore } from './sorted-store.ts'
import { addToDigest, digestText, EMPTY_TOTALS } from './totals.ts'
import type { Digest, DigestScan } from './types.ts'

/** Faults told of; the scan goes on, uncounted, behind them. */
const FAULTS_MAX = 10

/** `shown`: the digest at `position`. */
export async function scanDigest(
  store: SortedStore,
  position: number,
  shown: Digest,
): Promise<DigestScan> {
  let sum = EMPTY_TOTALS.digest
  let next = 1
  let events = 0
  const faults: string[] = []
  const fault = (text: string) => {
    if (faults.length < FAULTS_MAX) faults.push(text)
  }

  for await (const [key, value] of pairsOf(store, { gte: entryKey(0), lte: entryKey(position) })) {
    const first = entryPosition(key)
    if (first !== next) fault(`a value begins at position ${first}, where ${next} is due`)
    sum = addToDigest(sum, first, value)
    try {
      const walk = openCommand(value)
      await checkDedupKeys(store, walk, first, fault)
      events += walk.count
      next = first + walk.count
    } catch (error) {
      fault(`the value at position ${first} cannot be read: ${(error as Error).message}`)
    }
  }
  if (next !== position + 1) fault(`the values end at position ${next - 1}, not ${position}`)
  const found = digestText(sum)
  if (found !== shown.digest) fault(`the values add up to ${found}, not ${shown.digest}`)
  return { ...shown, found, events, faults }
}

async function checkDedupKeys(
  store: SortedStore,
  walk: EventWalk,
  first: number,
  fault: (text: string) => void,
): Promise<void> {
  const { dedupKeys, dedupOf } = readSetOf([walk])
  const found = await store.getMany([...dedupKeys])
  dedupOf.forEach((number, place) => {
    const value = found[number]
    const position = first + place
    if (value === undefined) fault(`position ${position} has no dedup key`)
    else if (positionIn(value) !== position) {
      fault(`the dedup key of position ${position} names ${positionIn(value)}`)
    }
  })
}
