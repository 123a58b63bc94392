// Counters: sums that hold, bounds from what clients know, and one value for each applied index.
//
// Received lies between the publishes answered before the read was called and those called before it returned; a
// linearizable read counts the answers of all nodes, a local one those of its own node in this life. Because counters
// are replicated state, two reads at the same applied index, anywhere, are equal, and a larger index never shows less.

import type { Counters, Reading } from './history.ts'
import type { Owed } from './horizon.ts'
import type { Violations } from './violations.ts'

/** What was known when a read of counters was called. */
export interface StatsMark {
  readonly anywhere: Known
  readonly nodes: ReadonlyMap<string, Known & { readonly life: number }>
}

interface Known {
  /** Publishes told `accepted` or `duplicate`, and those of them told of a conflict. */
  readonly answered: number
  readonly conflicts: number
  readonly applied: number
}

interface KeptStats {
  readonly counters: Counters
  readonly node: string
  readonly calledAt: number
  readonly returnStep: number
  /** Publishes called until it returned, without those refused by then. */
  readonly attempted: number
  readonly eventsSent: number
}

const NOTHING: Known = { answered: 0, conflicts: 0, applied: 0 }
const COUNTS = ['received', 'unique', 'duplicates', 'conflicts', 'lastPosition'] as const

export class Stats {
  readonly #violations: Violations
  readonly #exclusive: boolean
  readonly #kept: KeptStats[] = []
  /** Tries beyond the first, each from the step of its call on: known only when the call is answered. */
  readonly #extraTries: { readonly callStep: number; readonly tries: number }[] = []
  #anywhere = NOTHING
  readonly #nodes = new Map<string, Known & { readonly life: number }>()
  #attempted = 0

  constructor(violations: Violations, exclusive: boolean) {
    this.#violations = violations
    this.#exclusive = exclusive
  }

  /** Publishes told `accepted` or `duplicate` so far, and those of them told of a conflict. */
  get answered(): number {
    return this.#anywhere.answered
  }

  get conflicts(): number {
    return this.#anywhere.conflicts
  }

  published(events: number): void {
    this.#attempted += events
  }

  answers(node: string, life: number, answered: number, conflicts: number, refused: number): void {
    this.#attempted -= refused
    this.#raise(node, life, (known) => ({
      ...known,
      answered: known.answered + answered,
      conflicts: known.conflicts + conflicts,
    }))
  }

  triedAgain(callStep: number, tries: number): void {
    this.#extraTries.push({ callStep, tries })
  }

  mark(): StatsMark {
    return { anywhere: this.#anywhere, nodes: new Map(this.#nodes) }
  }

  counted(
    reading: Reading,
    counters: Counters,
    mark: StatsMark,
    owed: Owed,
    from: {
      readonly node: string
      readonly life: number
      readonly calledAt: number
      readonly returnStep: number
      readonly eventsSent: number
    },
  ): void {
    const where = `Counters of ${from.node}, called at ${from.calledAt}`
    const { received, unique, duplicates, conflicts, lastPosition, applied } = counters
    if (received !== unique + duplicates || unique !== lastPosition || conflicts > duplicates) {
      this.#violations.add(
        'stats-sum',
        `${where}, do not add up: received ${received}, unique ${unique}, duplicates ${duplicates}, ` +
          `conflicts ${conflicts}, last position ${lastPosition}.`,
      )
    }
    if (lastPosition < owed.position) {
      this.#violations.add(
        owed.rule,
        `${where}, end at position ${lastPosition}, though ${owed.because}.`,
      )
    }
    const here = mark.nodes.get(from.node)
    const known =
      reading.consistency === 'linearizable'
        ? mark.anywhere
        : here?.life === from.life
          ? here
          : NOTHING
    if (received < known.answered || conflicts < known.conflicts) {
      this.#violations.add(
        'stats-bounds',
        `${where}, show ${received} received and ${conflicts} conflicts, ` +
          `though ${known.answered} publishes had been answered before, ${known.conflicts} with conflict.`,
      )
    }
    if (applied < known.applied) {
      this.#violations.add(
        'stats-went-back',
        `${where}, are of applied index ${applied}, though ${known.applied} had been shown before.`,
      )
    }
    this.#raise(from.node, from.life, (before) => ({
      ...before,
      applied: Math.max(before.applied, applied),
    }))
    this.#kept.push({
      counters,
      node: from.node,
      calledAt: from.calledAt,
      returnStep: from.returnStep,
      attempted: this.#attempted,
      eventsSent: from.eventsSent,
    })
  }

  /** Once, when nothing more will be told. */
  finish(): void {
    if (this.#exclusive) for (const kept of this.#kept) this.#judgeUpperBounds(kept)
    const byApplied = this.#kept.toSorted((a, b) => a.counters.applied - b.counters.applied)
    for (const [place, later] of byApplied.entries()) {
      if (place > 0) this.#judgePair(byApplied[place - 1]!, later)
    }
  }

  #judgeUpperBounds({
    counters,
    node,
    calledAt,
    returnStep,
    attempted,
    eventsSent,
  }: KeptStats): void {
    let receivedMax = attempted
    for (const again of this.#extraTries) {
      if (again.callStep < returnStep) receivedMax += again.tries
    }
    if (counters.received <= receivedMax && counters.unique <= eventsSent) return
    this.#violations.add(
      'stats-bounds',
      `Counters of ${node}, called at ${calledAt}, show ${counters.received} received and ${counters.unique} unique, ` +
        `though at most ${receivedMax} publishes of ${eventsSent} events had been sent.`,
    )
  }

  #judgePair(a: KeptStats, b: KeptStats): void {
    const equal = a.counters.applied === b.counters.applied
    const pair =
      `${a.node} at applied index ${a.counters.applied} (called at ${a.calledAt}) and ` +
      `${b.node} at ${b.counters.applied} (called at ${b.calledAt})`
    if (equal && a.counters.digest !== b.counters.digest) {
      this.#violations.add('stats-differ', `The digests differ: ${pair}.`)
    }
    for (const count of COUNTS) {
      const [from, to] = [a.counters[count], b.counters[count]]
      if (equal ? from === to : from <= to) continue
      this.#violations.add(
        equal ? 'stats-differ' : 'stats-went-back',
        `The counter ${count} ${equal ? 'differs' : 'falls'} from ${from} to ${to}: ${pair}.`,
      )
    }
  }

  #raise(node: string, life: number, change: (known: Known) => Known): void {
    this.#anywhere = change(this.#anywhere)
    const here = this.#nodes.get(node)
    if (here !== undefined && here.life > life) return
    const before = here?.life === life ? here : NOTHING
    this.#nodes.set(node, { ...change(before), life })
  }
}
