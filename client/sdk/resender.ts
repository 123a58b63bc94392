// Sends what the outbox holds and nobody waits for: what an earlier process left, and what a call gave up at its deadline.
// It goes on until each event has been answered or it is stopped; then the rest is for the next start.

import { SekaliError } from '../errors.ts'
import type { Caller } from './caller.ts'
import type { KeptEvent, Outbox } from './outbox.ts'
import { isFinal } from './outcome.ts'
import type { Clock } from './ports.ts'
import { RETRY_POLICY } from './retry.ts'
import { ship } from './shipper.ts'
import { Span } from './span.ts'

/** An event that no node will ever take, and that no call waits for. */
export interface Refused {
  readonly topic: string
  readonly eventId: string
  /** As it was to be published. */
  readonly json: string
  readonly error: SekaliError
}

export interface ResenderOptions {
  readonly caller: Caller
  readonly clock: Clock
  readonly random: () => number
  readonly outbox: Pick<Outbox, 'remove'>
  /** Of one round; then it begins the next. */
  readonly deadlineMs: number
  readonly onRefused: (refused: Refused) => void
}

const ROUND_EVENTS_MAX = 1_000

export class Resender {
  readonly #options: ResenderOptions
  readonly #stop = new AbortController()
  #left: KeptEvent[] = []
  #running: Promise<void> | null = null

  constructor(options: ResenderOptions) {
    this.#options = options
  }

  take(events: readonly KeptEvent[]): void {
    if (events.length === 0 || this.#stop.signal.aborted) return
    this.#left.push(...events)
    this.#running ??= this.#run()
  }

  /** Resolves when there is nothing left to send, or it was stopped. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.idle()
  }

  async #run(): Promise<void> {
    try {
      while (this.#left.length > 0) {
        const count = this.#left.length
        await this.#round()
        if (this.#left.length >= count) await this.#pause()
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error
    } finally {
      this.#running = null // in one step with the last look
    }
  }

  /** A round that got nowhere ended at its deadline, or at once, where all nodes asked to be left alone for longer. */
  async #pause(): Promise<void> {
    await this.#span().sleep(this.#options.random() * RETRY_POLICY.capMs)
  }

  async #round(): Promise<void> {
    const { caller, outbox, onRefused } = this.#options
    const batch = this.#left.slice(0, ROUND_EVENTS_MAX)
    const settled = await ship(caller, batch, this.#span(), 'each')
    const ended = batch.filter((_, place) => isFinal(settled[place] ?? null))
    outbox.remove(ended)
    const endedNumbers = new Set(ended.map((event) => event.number))
    this.#left = this.#left.filter((event) => !endedNumbers.has(event.number))
    for (const [place, { topic, eventId, json }] of batch.entries()) {
      const error = settled[place]
      if (error instanceof SekaliError && !error.retryable)
        onRefused({ topic, eventId, json, error })
    }
  }

  #span(): Span {
    const { clock, deadlineMs } = this.#options
    return new Span(clock, deadlineMs, [this.#stop.signal])
  }
}
