// What state machines owe each other: the same decisions and the same counters, whoever applies an entry and how often.
// The invariants of faults.md part 5 that look at stores; equal-stores.ts compares them byte for byte at the end.

import { KEY_SPACE_AT, KEY_SPACE_SOURCE, openCommand } from '../../node/command/format.ts'
import { ACCEPTED, CONFLICT, DUPLICATE, type EntryOutcome } from '../../node/store/types.ts'
import type { Entry, Index, NodeId } from '../../raft/core/types.ts'
import { broken } from './broken.ts'
import type { Observed, Observer } from './observer.ts'

/** I12, I13: equal digests and counters at equal applied index; received is what was decided. */
export class EqualStates implements Observer {
  readonly #digests = new Map<Index, string>()
  readonly #counters = new Map<Index, string>()

  applied(node: Observed, entries: readonly Entry[]): void {
    for (const { index } of entries) this.#compareDigest(node, index)
    this.#compareCounters(node)
  }

  restored(node: Observed, index: Index): void {
    this.#compareDigest(node, index)
    this.#compareCounters(node)
  }

  #compareDigest(node: Observed, index: Index): void {
    const digest = node.digestAt(index)
    if (digest === null) return
    const known = this.#digests.get(index)
    if (known === undefined) this.#digests.set(index, digest)
    else if (known !== digest)
      broken(
        'I12',
        `at applied index ${index} ${node.id} has digest ${digest}, another had ${known}`,
      )
  }

  #compareCounters(node: Observed): void {
    const stats = node.stats()
    if (stats === null) return
    const { appliedIndex, received, unique, duplicates, conflicts, lastPosition } = stats
    if (received !== unique + duplicates || unique !== lastPosition)
      broken(
        'I13',
        `${node.id} counts ${received} received, ${unique} unique, ${duplicates} duplicates, position ${lastPosition}`,
      )
    const counters = `${received} ${unique} ${duplicates} ${conflicts} ${stats.topics.join()}`
    const known = this.#counters.get(appliedIndex)
    if (known === undefined) this.#counters.set(appliedIndex, counters)
    else if (known !== counters)
      broken(
        'I13',
        `at applied index ${appliedIndex} ${node.id} counts ${counters}, another counted ${known}`,
      )
  }
}

/** I11, I16: what apply decides is what a plain map over the whole history decides, whoever applies it and how often. */
export class DecidesAsTheModel implements Observer {
  readonly #stored = new Map<string, { position: number; fingerprint: string }>()
  readonly #decided: (string | undefined)[] = []
  readonly #waiting = new Map<Index, { node: NodeId; entry: Entry; outcome: string }>()
  #next: Index = 1

  applied(
    { id }: Observed,
    entries: readonly Entry[],
    outcomes: readonly (EntryOutcome | null)[],
  ): void {
    for (const [i, entry] of entries.entries()) {
      const outcome = textOf(outcomes[i] ?? null)
      const known = this.#decided[entry.index] ?? this.#waiting.get(entry.index)?.outcome
      if (known !== undefined && known !== outcome)
        broken('I11', `${id} decides ${outcome} at index ${entry.index}, others decided ${known}`)
      if (known === undefined) this.#waiting.set(entry.index, { node: id, entry, outcome })
    }
    for (let due = this.#waiting.get(this.#next); due !== undefined; ) {
      this.#waiting.delete(this.#next)
      const expected = textOf(this.#decide(due.entry))
      if (expected !== due.outcome)
        broken(
          'I11',
          `${due.node} decides ${due.outcome} at index ${this.#next}; the history says ${expected}`,
        )
      this.#decided[this.#next++] = expected
      due = this.#waiting.get(this.#next)
    }
  }

  #decide(entry: Entry): Pick<EntryOutcome, 'positions' | 'flags'> | null {
    if (entry.type !== 'normal') return null
    const walk = openCommand(entry.data)
    const positions = new Float64Array(walk.count)
    const flags = new Uint8Array(walk.count)
    while (walk.next()) {
      const { bytes, start, topicAt, eventIdAt, sourceAt, timestampAt, seen } = walk
      const text = (from: number, to: number) => Buffer.from(bytes.subarray(from, to)).toString()
      const isCloudEvent = bytes[start + KEY_SPACE_AT] === KEY_SPACE_SOURCE
      const scope = isCloudEvent ? text(sourceAt, timestampAt) : text(topicAt, eventIdAt)
      const key = JSON.stringify([isCloudEvent, scope, text(eventIdAt, sourceAt)])
      const fingerprint = Buffer.from(bytes.subarray(start + 5, start + 21)).toString('hex')
      let stored = this.#stored.get(key)
      flags[seen - 1] =
        stored === undefined ? ACCEPTED : stored.fingerprint === fingerprint ? DUPLICATE : CONFLICT
      if (stored === undefined) {
        stored = { position: this.#stored.size + 1, fingerprint }
        this.#stored.set(key, stored)
      }
      positions[seen - 1] = stored.position
    }
    return { positions, flags }
  }
}

function textOf(outcome: Pick<EntryOutcome, 'positions' | 'flags'> | null): string {
  if (outcome === null) return 'nothing'
  return Array.from(outcome.positions, (position, i) => `${position}:${outcome.flags[i]}`).join(' ')
}
