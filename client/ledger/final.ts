// The last look, when faults are healed and nothing is in flight: the whole contents of each node beside everything
// that was acknowledged or shown. Nothing lost, nothing stored twice, nothing that nobody sent, contents unchanged,
// positions dense, and the counters what the ledger says they must be.
//
// Unknown publishes are settled here: one whose event stands nowhere was never applied, since applying it would have
// stored the event; one whose event stands somewhere was applied at most once a try. So they widen the bounds of
// `received` only for events that are stored.

import type { EventFacts, Facts } from './facts.ts'
import type { Counters, ShownEvent } from './history.ts'
import { named, type Violations } from './violations.ts'
import type { Witness } from './witness.ts'

/** Everything one node holds, in the order of positions, and its counters at the same applied index. */
export interface NodeContents {
  readonly node: string
  readonly counters: Counters
  readonly events: Iterable<ShownEvent>
}

/** What the nodes hold, in one look. */
export interface FinalResult {
  readonly lost: number
  readonly storedTwice: number
  readonly positionsDense: boolean
  /** The applied index at which all nodes that were read show one digest; null: they do not. */
  readonly digestsEqualAt: number | null
  readonly countersEqual: boolean
}

/** Takes in the contents of one node, page by page. */
export class NodeReading {
  readonly node: string
  counters: Counters | null = null
  count = 0
  last = 0
  dense = true
  readonly misplaced = new Set<EventFacts>()
  readonly storedTwice = new Set<EventFacts>()
  #held = new Uint8Array(1024)
  readonly #facts: Facts
  readonly #witness: Witness
  readonly #violations: Violations

  constructor(node: string, facts: Facts, witness: Witness, violations: Violations) {
    this.node = node
    this.#facts = facts
    this.#witness = witness
    this.#violations = violations
  }

  add(events: Iterable<ShownEvent>): void {
    for (const event of events) this.#add(event)
  }

  holds(event: EventFacts): boolean {
    const byte = this.#held[event.position >>> 3] ?? 0
    return (byte & (1 << (event.position & 7))) !== 0 || this.misplaced.has(event)
  }

  #add(shown: ShownEvent): void {
    const { position } = shown
    const place = `position ${position}, ${named(shown)}`
    if (position <= this.last) {
      this.dense = false
      this.#violations.add('list-order', `${this.node} shows ${place}, after ${this.last}.`)
      return
    }
    if (position !== this.last + 1) {
      this.dense = false
      this.#violations.add('hole', `${this.node} shows ${place}, right after ${this.last}.`)
    }
    this.last = position
    this.count += 1

    const before = this.#facts.of(shown.topic, shown.eventId)
    if (before.position !== 0 && before.position !== position && this.holds(before)) {
      this.storedTwice.add(before)
      this.#violations.add(
        'stored-twice',
        `${this.node} holds ${named(shown)} at position ${before.position} and at position ${position}.`,
      )
      return
    }
    const event = this.#witness.present(shown, position, shown.hash, this.node)
    if (event.position === position && this.#facts.at(position) === event) this.#hold(position)
    else this.misplaced.add(event)
  }

  #hold(position: number): void {
    const byte = position >>> 3
    if (byte >= this.#held.length) {
      const grown = new Uint8Array(Math.max(byte + 1, 2 * this.#held.length))
      grown.set(this.#held)
      this.#held = grown
    }
    this.#held[byte]! |= 1 << (position & 7)
  }
}

/** What clients know of all publishes together. */
export interface Published {
  readonly answered: number
  readonly conflicts: number
}

export function judgeFinal(
  nodes: readonly NodeReading[],
  facts: Facts,
  published: Published,
  exclusive: boolean,
  violations: Violations,
): FinalResult {
  const lost = new Set<EventFacts>()
  let unseenInserts = 0
  let unknown = 0
  for (const event of facts.all()) {
    if (event.position === 0) continue
    if (!event.accepted) unseenInserts += 1
    unknown += event.unknown
    for (const node of nodes) {
      if (node.holds(event)) continue
      lost.add(event)
      violations.add(
        'lost',
        `${named(event)}, ${event.acknowledged ? 'acknowledged' : 'shown'} at position ${event.position}, ` +
          `is missing on ${node.node}.`,
      )
    }
  }
  for (const node of nodes) {
    const bounds = {
      receivedMin: published.answered + (exclusive ? unseenInserts : 0),
      receivedMax: exclusive ? published.answered + unknown : Number.POSITIVE_INFINITY,
      conflictsMin: published.conflicts,
      conflictsMax: exclusive ? published.conflicts + unknown : Number.POSITIVE_INFINITY,
    }
    judgeCounters(node, bounds, violations)
  }
  return {
    lost: lost.size,
    storedTwice: new Set(nodes.flatMap((node) => [...node.storedTwice])).size,
    positionsDense: nodes.every((node) => node.dense),
    ...compare(nodes, violations),
  }
}

interface Bounds {
  readonly receivedMin: number
  readonly receivedMax: number
  readonly conflictsMin: number
  readonly conflictsMax: number
}

function judgeCounters(node: NodeReading, bounds: Bounds, violations: Violations): void {
  const counters = node.counters
  if (counters === null) {
    violations.add('malformed', `The counters of ${node.node} were not read.`)
    return
  }
  const { received, unique, duplicates, conflicts, lastPosition } = counters
  if (received !== unique + duplicates || unique !== node.count || lastPosition !== node.last) {
    violations.add(
      'stats-sum',
      `${node.node} holds ${node.count} events up to position ${node.last}, and counts received ${received}, ` +
        `unique ${unique}, duplicates ${duplicates}, last position ${lastPosition}.`,
    )
  }
  if (received < bounds.receivedMin || received > bounds.receivedMax) {
    violations.add(
      'stats-bounds',
      `${node.node} counts ${received} received, outside ${bounds.receivedMin} to ${bounds.receivedMax}, ` +
        'which is what publishers were told and what they do not know.',
    )
  }
  if (conflicts < bounds.conflictsMin || conflicts > bounds.conflictsMax) {
    violations.add(
      'stats-bounds',
      `${node.node} counts ${conflicts} conflicts, outside ${bounds.conflictsMin} to ${bounds.conflictsMax}.`,
    )
  }
}

function compare(
  nodes: readonly NodeReading[],
  violations: Violations,
): Pick<FinalResult, 'digestsEqualAt' | 'countersEqual'> {
  const first = nodes[0]?.counters
  if (!first) return { digestsEqualAt: null, countersEqual: false }
  let digestsEqual = true
  let countersEqual = true
  for (const { node, counters } of nodes) {
    if (counters === null || counters.applied !== first.applied) {
      digestsEqual = false
      countersEqual = false
      violations.add(
        'not-converged',
        `${node} was read at applied index ${counters?.applied ?? 'none'}, ${nodes[0]!.node} at ${first.applied}: ` +
          'their digests cannot be compared.',
      )
      continue
    }
    if (counters.digest !== first.digest) {
      digestsEqual = false
      violations.add(
        'stats-differ',
        `At applied index ${first.applied} ${node} has digest ${counters.digest}, ` +
          `${nodes[0]!.node} has ${first.digest}.`,
      )
    }
    for (const count of [
      'received',
      'unique',
      'duplicates',
      'conflicts',
      'lastPosition',
    ] as const) {
      if (counters[count] === first[count]) continue
      countersEqual = false
      violations.add(
        'stats-differ',
        `At applied index ${first.applied} ${node} counts ${counters[count]} ${count}, ` +
          `${nodes[0]!.node} counts ${first[count]}.`,
      )
    }
  }
  return { digestsEqualAt: digestsEqual ? first.applied : null, countersEqual }
}
