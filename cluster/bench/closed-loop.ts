// So many lanes, each with its next request as soon as its last was answered: the load of every raw HTTP mode.
//
// Knows nothing of what is asked; `work` makes requests and judges answers. Latencies go into a histogram of fixed size
// (three digits), so that nothing is kept for each request.

import { createHistogram, performance, type RecordableHistogram } from 'node:perf_hooks'
import { addressOf, Lane } from './lane.ts'

export interface Work {
  /** The next request of this lane; its bytes stay as they are until the answer has come. */
  next(lane: number): Buffer
  /** How many operations (events, pages) the answer settled; null: it is not what was asked for. */
  settle(lane: number, body: Buffer): number | null
}

/** What a stretch of load came to. */
export interface LoadFigures {
  readonly seconds: number
  /** Events acknowledged, or pages read. */
  readonly operations: number
  /** Of requests, in microseconds. */
  readonly latency: RecordableHistogram
  readonly failed: number
  readonly firstFailure: string | null
}

export interface Load {
  /** Rejects only for a fault of our own. */
  run(milliseconds: number): Promise<LoadFigures>
  close(): Promise<void>
}

/** Told of each answer as it comes. */
export type OnSettled = (operations: number, startedMs: number, nowMs: number) => void

export interface ClosedLoopOptions {
  /** URLs; lanes are dealt out to them in turn. */
  readonly targets: readonly string[]
  readonly inFlight: number
  readonly timeoutMs?: number
  readonly onSettled?: OnSettled
}

/** Above a node's own deadline of 10 s. */
const TIMEOUT_MS = 12_000
/** A node that is down refuses at once, and asking it without a pause would take the others' time. */
const FAILURE_PAUSE_MS = 5
const MICROSECONDS_MAX = 1_000_000_000
export const US_PER_MS = 1_000

export function latencyHistogram(): RecordableHistogram {
  return createHistogram({ lowest: 1, highest: MICROSECONDS_MAX, figures: 3 })
}

export class ClosedLoop implements Load {
  readonly #work: Work
  readonly #options: ClosedLoopOptions
  readonly #lanes: Lane[]
  readonly #startedMs: Float64Array
  #endMs = 0
  #busy = 0
  #operations = 0
  #failed = 0
  #firstFailure: string | null = null
  #latency = latencyHistogram()
  #idle: PromiseWithResolvers<void> | null = null

  constructor(work: Work, options: ClosedLoopOptions) {
    const { targets, inFlight, timeoutMs = TIMEOUT_MS } = options
    this.#work = work
    this.#options = options
    this.#startedMs = new Float64Array(inFlight)
    this.#lanes = Array.from({ length: inFlight }, (_, place) => {
      const handler = {
        answered: (_lane: Lane, status: number, body: Buffer) =>
          this.#answered(place, status, body),
        failed: (_lane: Lane, error: Error) => this.#fail(place, error.message),
      }
      return new Lane(addressOf(targets[place % targets.length]!), handler, timeoutMs)
    })
  }

  /** Events or pages since the run began. */
  get operations(): number {
    return this.#operations
  }

  async run(milliseconds: number): Promise<LoadFigures> {
    this.#operations = 0
    this.#failed = 0
    this.#firstFailure = null
    this.#latency = latencyHistogram()
    this.#idle = Promise.withResolvers<void>()
    this.#busy = this.#lanes.length
    const startMs = performance.now()
    this.#endMs = startMs + milliseconds
    for (const place of this.#lanes.keys()) this.#launch(place)
    await this.#idle.promise
    return {
      seconds: (performance.now() - startMs) / 1_000,
      operations: this.#operations,
      latency: this.#latency,
      failed: this.#failed,
      firstFailure: this.#firstFailure,
    }
  }

  /** Lets the run end with what is in flight. */
  end(): void {
    this.#endMs = 0
  }

  async close(): Promise<void> {
    for (const lane of this.#lanes) lane.close()
  }

  #launch(place: number): void {
    const nowMs = performance.now()
    if (nowMs >= this.#endMs) {
      this.#busy -= 1
      if (this.#busy === 0) this.#idle?.resolve()
      return
    }
    const request = this.#work.next(place)
    this.#startedMs[place] = nowMs
    this.#lanes[place]!.send(request)
  }

  #answered(place: number, status: number, body: Buffer): void {
    const operations = status === 200 ? this.#work.settle(place, body) : null
    if (operations === null) {
      this.#fail(place, `status ${status}: ${body.toString('utf8', 0, 200)}`)
      return
    }
    const nowMs = performance.now()
    const startedMs = this.#startedMs[place]!
    this.#operations += operations
    this.#latency.record(Math.max(1, Math.round(US_PER_MS * (nowMs - startedMs))))
    this.#options.onSettled?.(operations, startedMs, nowMs)
    this.#launch(place)
  }

  #fail(place: number, why: string): void {
    this.#failed += 1
    this.#firstFailure ??= why
    setTimeout(() => this.#launch(place), FAILURE_PAUSE_MS)
  }
}
