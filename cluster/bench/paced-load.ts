// Publishing at a steady rate, one event a request, whether or not the cluster keeps up: latency is counted from the instant
// at which an event was due, so that waiting for a free connection is not left out.

import { performance } from 'node:perf_hooks'
import type { Acknowledged } from './acknowledged.ts'
import { type Load, type LoadFigures, latencyHistogram, US_PER_MS } from './closed-loop.ts'
import { addressOf, Lane } from './lane.ts'
import { PublishWork } from './publish-work.ts'

const LANES = 128
const TICK_MS = 2
const TIMEOUT_MS = 12_000

export class PacedLoad implements Load {
  readonly #work: PublishWork
  readonly #rate: number
  readonly #lanes: Lane[]
  /** Lane → when its event was due. */
  readonly #dueMs = new Float64Array(LANES)
  readonly #free: number[]
  #latency = latencyHistogram()
  #failed = 0
  #firstFailure: string | null = null
  #wake: (() => void) | null = null
  operations = 0

  /** `rate`: events a second. */
  constructor(acknowledged: Acknowledged, target: string, rate: number) {
    this.#work = new PublishWork(acknowledged, 1, LANES)
    this.#rate = rate
    this.#free = Array.from({ length: LANES }, (_, place) => place)
    this.#lanes = this.#free.map((place) => {
      const handler = {
        answered: (_: Lane, status: number, body: Buffer) => this.#answered(place, status, body),
        failed: (_: Lane, error: Error) => this.#fail(place, error.message),
      }
      return new Lane(addressOf(target), handler, TIMEOUT_MS)
    })
  }

  async run(milliseconds: number): Promise<LoadFigures> {
    this.operations = 0
    this.#failed = 0
    this.#firstFailure = null
    this.#latency = latencyHistogram()
    const startMs = performance.now()
    const total = Math.round((this.#rate * milliseconds) / 1_000)
    for (let sent = 0; sent < total; ) {
      const dueMs = startMs + (1_000 * sent) / this.#rate
      if (dueMs > performance.now()) await this.#wait(TICK_MS)
      else if (this.#free.length === 0) await this.#wait(null)
      else {
        this.#send(this.#free.pop()!, dueMs)
        sent += 1
      }
    }
    while (this.#free.length < LANES) await this.#wait(null)
    return {
      ...{ operations: this.operations, latency: this.#latency },
      ...{ failed: this.#failed, firstFailure: this.#firstFailure },
      seconds: (performance.now() - startMs) / 1_000,
    }
  }

  async close(): Promise<void> {
    for (const lane of this.#lanes) lane.close()
  }

  /** For so long; null: for the next answer. */
  #wait(milliseconds: number | null): Promise<void> {
    return new Promise((resolve) => {
      if (milliseconds === null) this.#wake = resolve
      else setTimeout(resolve, milliseconds)
    })
  }

  #send(place: number, dueMs: number): void {
    this.#dueMs[place] = dueMs
    this.#lanes[place]!.send(this.#work.next(place))
  }

  #answered(place: number, status: number, body: Buffer): void {
    const operations = status === 200 ? this.#work.settle(place, body) : null
    if (operations === null) {
      this.#fail(place, `status ${status}: ${body.toString('utf8', 0, 200)}`)
      return
    }
    const lateMs = performance.now() - this.#dueMs[place]!
    this.operations += operations
    this.#latency.record(Math.max(1, Math.round(US_PER_MS * lateMs)))
    this.#release(place)
  }

  #fail(place: number, why: string): void {
    this.#failed += 1
    this.#firstFailure ??= why
    this.#release(place)
  }

  #release(place: number): void {
    this.#free.push(place)
    const wake = this.#wake
    this.#wake = null
    wake?.()
  }
}
