// A publisher that uses the SDK as anybody would, with its account of tries for the ledger: a try without an answer may
// have been stored, and then the answer to the next one is `duplicate`.

import { SekaliError } from '../../client/errors.ts'
import { failedAnswer, publishedAnswer } from '../../client/ledger/wire.ts'
import { Sekali } from '../../client/sekali.ts'
import type { SdkOutcome, SdkPublisher } from './clients.ts'
import type { ChaosEvent } from './workload.ts'

/** Longer than any fault lasts, with what it takes to get over it. */
const DEADLINE_MS = 60_000

/** Keeps to one call at a time, so that each retry told is one of the present call. */
export class ChaosSdkPublisher implements SdkPublisher {
  readonly #sekali: Sekali
  #openTries = 0

  /** `urls`: any of the nodes; it learns the others. */
  constructor(urls: readonly string[]) {
    this.#sekali = new Sekali({
      nodes: urls,
      deadlineMs: DEADLINE_MS,
      connectionsPerNode: 2,
      onRetry: ({ open }) => {
        if (open) this.#openTries += 1
      },
    })
  }

  async publish(events: readonly ChaosEvent[]): Promise<SdkOutcome> {
    this.#openTries = 0
    try {
      const results = await this.#sekali.publish(events)
      return { answer: publishedAnswer({ results }), tries: 1 + this.#openTries, error: null }
    } catch (error) {
      if (!(error instanceof SekaliError)) throw error
      return { answer: failedAnswer(error), tries: 1 + this.#openTries, error: error.code }
    }
  }

  close(): Promise<void> {
    return this.#sekali.close()
  }
}
