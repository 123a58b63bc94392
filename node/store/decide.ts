// What a group of commands does to the store: decided purely, from the commands and what the store knew before.
//
//   readSetOf(commands) → which keys to look up → decide(commands, view, totals) → outcomes, writes, totals
//
// Commands of one group share the view: later ones see what earlier ones decided. Every key and value written
// is a function of the log up to that entry, never of how entries were grouped, nor of what else the store holds.
//
// Redo. The store may hold any part of what later batches wrote. So a known position below the next one is a
// duplicate; the next one itself is this event, written before; above it the store belongs to another log.

import {
  COMMAND_HEAD_BYTES,
  type EventWalk,
  FINGERPRINT_AT,
  FINGERPRINT_BYTES,
  KEY_SPACE_AT,
  KEY_SPACE_SOURCE,
  KEY_SPACE_TOPIC,
  receivedAtMsOf,
  versionOf,
  writeCommandHead,
  writeUint48,
} from '../command/format.ts'
import {
  DEDUP_FINGERPRINT_AT,
  DEDUP_HEAD_BYTES,
  DEDUP_VALUE_BYTES,
  entryKey,
  nameKey,
  positionIn,
  positionValue,
  topicKey,
  topicValue,
  writeDedupHead,
} from './keys.ts'
import { ForeignStoreError } from './store-errors.ts'
import { addToDigest, type Totals } from './totals.ts'
import { ACCEPTED, CONFLICT, DUPLICATE, type EntryOutcome } from './types.ts'

/** What commands touch, each key once. Events are numbered through the whole group. */
export interface ReadSet {
  readonly dedupKeys: readonly Uint8Array[]
  /** For each event, which of dedupKeys is its own. */
  readonly dedupOf: readonly number[]
  readonly topics: readonly TouchedTopic[]
  /** For each event, which of topics is its own. */
  readonly topicOf: readonly number[]
}

export interface TouchedTopic {
  /** The name in UTF-8, and byte for byte as a string, for maps. */
  readonly bytes: Uint8Array
  readonly key: string
}

/** What the store knew before the group. */
export interface View {
  /** The values of ReadSet.dedupKeys. */
  readonly dedup: readonly (Uint8Array | undefined)[]
  /** Events so far in each of ReadSet.topics. */
  readonly topicEvents: readonly number[]
}

export interface Decision {
  readonly outcomes: readonly EntryOutcome[]
  /** After each command, and after the group. */
  readonly totals: readonly Totals[]
  readonly totalsAfter: Totals
  readonly keys: readonly Uint8Array[]
  /** The values to put under `keys`. */
  readonly values: readonly Uint8Array[]
  /** Those of `keys` that are dedup keys. */
  readonly dedupKeys: readonly Uint8Array[]
  readonly topics: readonly TouchedTopic[]
  /** For each of `topics`, its events after the group. */
  readonly topicEvents: readonly number[]
  readonly newTopics: readonly TouchedTopic[]
}

/** Keys are cut from buffers of this size; one that is larger gets its own. */
const ARENA_BYTES = 16 * 1024

/** The walks are at their beginnings, and are left there. */
export function readSetOf(commands: readonly EventWalk[]): ReadSet {
  let arena = Buffer.alloc(0)
  let arenaEnd = 0

  const dedupKeys: Uint8Array[] = []
  const dedupOf: number[] = []
  const dedupNumbers = new Map<string, number>()
  const topics: TouchedTopic[] = []
  const topicOf: number[] = []
  const topicNumbers = new Map<string, number>()

  for (const walk of commands) {
    while (walk.next()) {
      const isCloudEvent = walk.bytes[walk.start + KEY_SPACE_AT] === KEY_SPACE_SOURCE
      const write = isCloudEvent ? writeSourceKey : writeTopicKey
      // For the key, and for the topic behind it.
      const room = DEDUP_HEAD_BYTES + 2 * (walk.timestampAt - walk.topicAt)
      if (arenaEnd + room > arena.length) {
        arena = Buffer.allocUnsafe(Math.max(ARENA_BYTES, room))
        arenaEnd = 0
      }
      const keyAt = arenaEnd
      const keyEnd = write(arena, keyAt, walk)

      const dedup = arena.toString('latin1', keyAt, keyEnd)
      let number = dedupNumbers.get(dedup)
      if (number === undefined) {
        number = dedupKeys.length
        dedupNumbers.set(dedup, number)
        dedupKeys.push(arena.subarray(keyAt, keyEnd))
      }
      dedupOf.push(number)

      // Of an event of ours the topic stands in its key.
      const topicStart = isCloudEvent ? keyEnd : keyAt + DEDUP_HEAD_BYTES
      const topicEnd = topicStart + walk.eventIdAt - walk.topicAt
      if (isCloudEvent) arena.set(walk.bytes.subarray(walk.topicAt, walk.eventIdAt), topicStart)
      arenaEnd = isCloudEvent ? topicEnd : keyEnd
      const topic = arena.toString('latin1', topicStart, topicEnd)
      let topicNumber = topicNumbers.get(topic)
      if (topicNumber === undefined) {
        topicNumber = topics.length
        topicNumbers.set(topic, topicNumber)
        topics.push({ bytes: arena.subarray(topicStart, topicEnd), key: topic })
      }
      topicOf.push(topicNumber)
    }
    walk.rewind()
  }
  return { dedupKeys, dedupOf, topics, topicOf }
}

/** (topic, event_id), which stand side by side; answers the end of the key. */
function writeTopicKey(key: Uint8Array, start: number, walk: EventWalk): number {
  const { bytes, topicAt, eventIdAt, sourceAt } = walk
  writeDedupHead(key, start, KEY_SPACE_TOPIC, eventIdAt - topicAt)
  let end = start + DEDUP_HEAD_BYTES
  for (let at = topicAt; at < sourceAt; at++) key[end++] = bytes[at]!
  return end
}

/** (source, event_id); answers the end of the key. */
function writeSourceKey(key: Uint8Array, start: number, walk: EventWalk): number {
  const { bytes, eventIdAt, sourceAt, timestampAt } = walk
  writeDedupHead(key, start, KEY_SPACE_SOURCE, timestampAt - sourceAt)
  let end = start + DEDUP_HEAD_BYTES
  for (let at = sourceAt; at < timestampAt; at++) key[end++] = bytes[at]!
  for (let at = eventIdAt; at < sourceAt; at++) key[end++] = bytes[at]!
  return end
}

/** Throws ForeignStoreError; otherwise total. */
export function decide(
  commands: readonly EventWalk[],
  reads: ReadSet,
  view: View,
  before: Totals,
): Decision {
  const group = new Group(reads, view, before)
  for (const walk of commands) group.decideCommand(walk)
  return group
}

class Group implements Decision {
  readonly outcomes: EntryOutcome[] = []
  readonly totals: Totals[] = []
  readonly keys: Uint8Array[] = []
  readonly values: Uint8Array[] = []
  readonly dedupKeys: Uint8Array[] = []
  readonly topics: readonly TouchedTopic[]
  readonly topicEvents: number[]
  readonly newTopics: TouchedTopic[] = []
  totalsAfter: Totals

  readonly #reads: ReadSet
  readonly #topicsBefore: number
  #event = 0 // the number of the next one in the group
  /** For each dedup key what stands, or will stand, under it. */
  readonly #known: (Uint8Array | undefined)[]
  /** For each topic its last position in the command at hand; 0: none. */
  readonly #lastPosition: Float64Array

  constructor(reads: ReadSet, view: View, before: Totals) {
    this.#reads = reads
    this.totalsAfter = before
    this.topics = reads.topics
    this.#topicsBefore = before.topics
    this.topicEvents = [...view.topicEvents]
    this.#known = [...view.dedup]
    this.#lastPosition = new Float64Array(reads.topics.length)
  }

  decideCommand(walk: EventWalk): void {
    const positions = new Float64Array(walk.count)
    const flags = new Uint8Array(walk.count)
    const dedupValues = new Uint8Array(walk.count * DEDUP_VALUE_BYTES)
    const first = this.totalsAfter.position + 1
    const accepted: number[] = [] // where each begins and ends in the command
    const touched: number[] = [] // topics
    let next = first
    let conflicts = 0

    for (let place = 0; walk.next(); place++, this.#event++) {
      const dedup = this.#reads.dedupOf[this.#event]!
      const known = this.#known[dedup]
      const position = known === undefined ? next : positionIn(known)
      const differs = known !== undefined && !sameFingerprint(known, walk)
      positions[place] = position
      if (position < next) {
        flags[place] = differs ? CONFLICT : DUPLICATE
        if (differs) conflicts += 1
        continue
      }
      if (position > next || differs) {
        throw new ForeignStoreError(`the store holds something else at position ${position}`)
      }

      flags[place] = ACCEPTED
      const value = dedupValues.subarray(place * DEDUP_VALUE_BYTES, (place + 1) * DEDUP_VALUE_BYTES)
      writeDedupValue(value, next, walk)
      const key = this.#reads.dedupKeys[dedup]!
      this.dedupKeys.push(key)
      this.#put(key, value)
      this.#known[dedup] = value
      this.#touch(this.#reads.topicOf[this.#event]!, next, touched)
      accepted.push(walk.start, walk.end)
      next += 1
    }
    walk.rewind()

    const count = next - first
    let digest = this.totalsAfter.digest
    if (count > 0) {
      const value = count === walk.count ? walk.bytes : partOf(walk.bytes, accepted)
      this.#put(entryKey(first), value)
      for (const topic of touched) this.#indexTopic(topic, first)
      digest = addToDigest(digest, first, value)
    }
    this.totalsAfter = {
      position: next - 1,
      duplicates: this.totalsAfter.duplicates + walk.count - count,
      conflicts: this.totalsAfter.conflicts + conflicts,
      topics: this.#topicsBefore + this.newTopics.length,
      digest,
    }
    this.totals.push(this.totalsAfter)
    this.outcomes.push({ count: walk.count, positions, flags, accepted: count })
  }

  /** Counts an accepted event; a topic met for the first time gets its name key. */
  #touch(topic: number, position: number, touched: number[]): void {
    const { bytes } = this.#reads.topics[topic]!
    if (this.topicEvents[topic] === 0) {
      this.newTopics.push(this.#reads.topics[topic]!)
      this.#put(nameKey(bytes), positionValue(position))
    }
    if (this.#lastPosition[topic] === 0) touched.push(topic)
    this.#lastPosition[topic] = position
    this.topicEvents[topic]! += 1
  }

  #indexTopic(topic: number, first: number): void {
    const state = { events: this.topicEvents[topic]!, lastPosition: this.#lastPosition[topic]! }
    this.#put(topicKey(this.#reads.topics[topic]!.bytes, first), topicValue(state))
    this.#lastPosition[topic] = 0
  }

  #put(key: Uint8Array, value: Uint8Array): void {
    this.keys.push(key)
    this.values.push(value)
  }
}

/** A command of some of another's events; `extents` tells where each begins and ends. */
function partOf(command: Uint8Array, extents: readonly number[]): Uint8Array {
  let size = COMMAND_HEAD_BYTES
  for (let i = 0; i < extents.length; i += 2) size += extents[i + 1]! - extents[i]!

  const part = new Uint8Array(size)
  writeCommandHead(part, versionOf(command), receivedAtMsOf(command), extents.length / 2)
  let at = COMMAND_HEAD_BYTES
  for (let i = 0; i < extents.length; i += 2) {
    part.set(command.subarray(extents[i]!, extents[i + 1]!), at)
    at += extents[i + 1]! - extents[i]!
  }
  return part
}

function writeDedupValue(value: Uint8Array, position: number, walk: EventWalk): void {
  writeUint48(value, 0, position)
  for (let i = 0; i < FINGERPRINT_BYTES; i++) {
    value[DEDUP_FINGERPRINT_AT + i] = walk.bytes[walk.start + FINGERPRINT_AT + i]!
  }
}

function sameFingerprint(dedupValue: Uint8Array, walk: EventWalk): boolean {
  for (let i = 0; i < FINGERPRINT_BYTES; i++) {
    const own = walk.bytes[walk.start + FINGERPRINT_AT + i]
    if (dedupValue[DEDUP_FINGERPRINT_AT + i] !== own) return false
  }
  return true
}
