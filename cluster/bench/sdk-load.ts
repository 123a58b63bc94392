// The SDK's publisher() as a program would use it: one event after the other, as fast as `ready` lets it.
//
// Its latency is from publish() to the outcome of that event, so it holds the time spent in a batch that grows. The SDK's
// own work (encoding, checking answers) is part of the client's CPU here; that of making the events is not: they are there.

import { performance } from 'node:perf_hooks'
import { Sekali } from '../../client/sekali.ts'
import type { Acknowledged } from './acknowledged.ts'
import { type Load, type LoadFigures, latencyHistogram, US_PER_MS } from './closed-loop.ts'

export class SdkLoad implements Load {
  readonly #acknowledged: Acknowledged
  readonly #sekali: Sekali
  /** Events since the run began. */
  operations = 0

  constructor(acknowledged: Acknowledged, urls: readonly string[]) {
    this.#acknowledged = acknowledged
    this.#sekali = new Sekali({ nodes: urls })
  }

  async run(milliseconds: number): Promise<LoadFigures> {
    const { workload } = this.#acknowledged
    const latency = latencyHistogram()
    let failed = 0
    let firstFailure: string | null = null
    this.operations = 0
    const publisher = this.#sekali.publisher()
    const startMs = performance.now()
    const endMs = startMs + milliseconds
    for (let nowMs = startMs; nowMs < endMs; nowMs = performance.now()) {
      await publisher.ready
      const number = workload.take(1)
      this.#acknowledged.sending(number, 1)
      const calledMs = performance.now()
      publisher.publish(workload.event(number)).then(
        ({ position }) => {
          this.operations += 1
          this.#acknowledged.told(number, position)
          latency.record(Math.max(1, Math.round(US_PER_MS * (performance.now() - calledMs))))
        },
        (error: Error) => {
          failed += 1
          firstFailure ??= error.message
        },
      )
    }
    // Its failures were counted one by one.
    await publisher.close().catch(() => {})
    return {
      ...{ operations: this.operations, latency, failed, firstFailure },
      seconds: (performance.now() - startMs) / 1_000,
    }
  }

  close(): Promise<void> {
    return this.#sekali.close()
  }
}
