// The publisher's own record of what it sent and what it was told, to hold against the cluster later: `npm run check`.
//
// Each try is a call of its own. Events stand in it as the very JSON that is sent; nothing is parsed again.

import { formatReturn } from '../../client/ledger/lines.ts'
import type { Answer } from '../http.ts'
import { publishOutcome } from '../ledger-answer.ts'
import { LedgerFile } from '../ledger-file.ts'
import type { OutgoingEvent } from './outgoing.ts'

export class PublishLedger {
  readonly #file: LedgerFile
  readonly #wallClock: () => number
  #call: number

  /** Appends to what is there. */
  constructor(file: string, wallClock: () => number) {
    this.#file = new LedgerFile(file)
    this.#call = this.#file.callBase
    this.#wallClock = wallClock
  }

  /** Before the batch is sent. Answers the number of the call. */
  calling(batch: readonly OutgoingEvent[]): number {
    this.#call += 1
    const events = batch.map(({ json }) => json).join(',')
    this.#file.write(`{"call":${this.#call},"at":${this.#wallClock()},"publish":[${events}]}`)
    return this.#call
  }

  /** Null: no answer came. */
  returned(call: number, batch: readonly OutgoingEvent[], answer: Answer | null): void {
    const ids = batch.map(({ topic, eventId }) => ({ topic, event_id: eventId }))
    const outcome = answer === null ? ({ type: 'unknown' } as const) : publishOutcome(answer, ids)
    const lastPosition = answer?.position ?? null
    const context = {
      at: this.#wallClock(),
      node: answer?.node ?? '',
      ...(lastPosition !== null && { lastPosition }),
    }
    this.#file.write(formatReturn(call, outcome, context))
  }

  close(): void {
    this.#file.close()
  }
}
