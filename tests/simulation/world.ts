// Virtual time: one heap of planned events, one after the other, and nothing beside them. No real timer, no clock.
//
// An event runs to its end, then all promises that it settled run to theirs, then the checkers look, and only then
// comes the next one. So the same seed gives the same run, which the hash over all steps proves.
//
// It knows nothing of nodes, networks or Raft: those plan events here.

import { EventHeap } from './event-heap.ts'
import { type Streams, streamsOf } from './stream.ts'
import { Trace } from './trace.ts'

export const MS = 1_000
export const SECOND = 1_000_000

const SETTLED_BETWEEN_TURNS = 1_000
const QUIET_STEPS_MAX = 20

/** What somebody waits for; it must come true within a bound of virtual time. */
export class NeverHappened extends Error {
  override name = 'NeverHappened'
}

export class World {
  readonly seed: number
  readonly streams: Streams
  readonly trace: Trace
  nowUs = 0
  /** Events that have run. */
  steps = 0
  /** Looked at after each step; throws what it finds wrong. */
  afterStep: () => void = () => {}
  readonly #heap = new EventHeap()
  #sequence = 0
  #unsettled = true
  #failure: { error: unknown } | null = null
  #settled = 0
  #quietSteps = 0

  constructor(seed: number, trace = new Trace()) {
    this.seed = seed
    this.streams = streamsOf(seed)
    this.trace = trace
  }

  get nowMs(): number {
    return this.nowUs / MS
  }

  /** Plans an event; delays are whole microseconds. */
  after(delayUs: number, label: string, run: () => void): void {
    const atUs = this.nowUs + Math.max(0, Math.round(delayUs))
    this.#heap.push({ atUs, sequence: this.#sequence++, label, run })
  }

  /** Promises may have been settled or made in this step: they run before the next one. */
  unsettled(): void {
    this.#unsettled = true
  }

  /** Ends the run: `step` and what waits for it rejects with this error. */
  fail(error: unknown): void {
    this.#failure ??= { error }
  }

  /** Runs until the condition holds; rejects with NeverHappened when `withinUs` have passed first. */
  async until(condition: () => boolean, withinUs: number, what: string): Promise<void> {
    const deadlineUs = this.nowUs + withinUs
    await this.#settle()
    while (!condition()) {
      if (!this.#runNext(deadlineUs))
        throw new NeverHappened(`${what}: not within ${withinUs / SECOND} virtual seconds`)
      if (this.#mustSettle()) await this.#settle()
      this.#look()
    }
  }

  /** Lets this much virtual time pass. */
  async run(forUs: number): Promise<void> {
    const endUs = this.nowUs + forUs
    await this.#settle()
    while (this.#runNext(endUs)) {
      if (this.#mustSettle()) await this.#settle()
      this.#look()
    }
  }

  /** False: nothing is left to happen until then, and it is then now. */
  #runNext(endUs: number): boolean {
    const next = this.#heap.next
    if (next === undefined || next.atUs > endUs) {
      this.nowUs = endUs
      return false
    }
    this.#heap.pop()
    this.nowUs = next.atUs
    this.steps++
    this.trace.step(next.atUs, next.label)
    next.run()
    return true
  }

  /** A step that was called quiet may have settled a promise all the same: those wait for a few steps at most. */
  #mustSettle(): boolean {
    return this.#unsettled || ++this.#quietSteps > QUIET_STEPS_MAX
  }

  #look(): void {
    this.#throwFailure()
    this.afterStep()
    this.#throwFailure()
  }

  /**
   * All microtasks, and those they make, have run when it ends: Node.js runs a tick only when none is left. Now and then
   * a turn of the event loop, so that the thread also hears of the outside (a test's timeout, say).
   */
  async #settle(): Promise<void> {
    this.#unsettled = false
    this.#quietSteps = 0
    const breathes = ++this.#settled % SETTLED_BETWEEN_TURNS === 0
    await new Promise<void>((resolve) =>
      breathes ? setImmediate(resolve) : process.nextTick(resolve),
    )
    this.#throwFailure()
  }

  #throwFailure(): void {
    if (this.#failure !== null) throw this.#failure.error
  }
}
