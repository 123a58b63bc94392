// Delivers events with or without an outbox. With one, an event is on the sender's disk before it is sent and stays there
// until a node has said what became of it: a call that gives up hands it over to the resender, and so may say only that
// the outcome is unknown.

import { SekaliError } from '../errors.ts'
import type { Caller } from './caller.ts'
import type { EncodedEvent } from './encode.ts'
import { Outbox } from './outbox.ts'
import { isFinal, type Settled } from './outcome.ts'
import { Resender, type ResenderOptions } from './resender.ts'
import { type ShippingMode, ship } from './shipper.ts'
import type { Span } from './span.ts'

interface Kept {
  readonly outbox: Outbox
  readonly resender: Resender
}

export class Delivery {
  readonly #caller: Caller
  readonly #kept: Promise<Kept> | null

  /** `outbox`: its file, opened at once; that it cannot be is told by each publish. */
  constructor(outbox: string | undefined, options: Omit<ResenderOptions, 'outbox'>) {
    this.#caller = options.caller
    this.#kept = outbox === undefined ? null : openKept(outbox, options)
    this.#kept?.catch(() => {})
  }

  /** As `ship`; rejects with an OutboxError, too. */
  async deliver(
    events: readonly EncodedEvent[],
    span: Span,
    mode: ShippingMode,
  ): Promise<(Settled | null)[]> {
    if (this.#kept === null) return ship(this.#caller, events, span, mode)
    const { outbox, resender } = await this.#kept
    span.throwIfAborted()
    const kept = await outbox.add(events)
    const settled = await ship(this.#caller, kept, span, mode).catch((error: unknown) => {
      resender.take(kept)
      throw error
    })
    // A list that is refused for one of its events ends as a whole.
    const isOver = mode === 'together' && settled.some(isRefusal)
    const isEnded = (place: number): boolean => isOver || isFinal(settled[place] ?? null)
    outbox.remove(kept.filter((_, place) => isEnded(place)))
    resender.take(kept.filter((_, place) => !isEnded(place)))
    return settled.map((one) => (one instanceof SekaliError && one.retryable ? inOutbox(one) : one))
  }

  /** Events in the outbox; 0 without one. */
  async count(): Promise<number> {
    return this.#kept === null ? 0 : (await this.#kept).outbox.count
  }

  /** Resolves when nothing is left to send again. */
  async idle(): Promise<void> {
    if (this.#kept !== null) await (await this.#kept).resender.idle()
  }

  /** What is still in the outbox waits there for the next start. */
  async close(): Promise<void> {
    const kept = await this.#kept?.catch(() => null)
    await kept?.resender.stop()
    await kept?.outbox.close()
  }
}

async function openKept(file: string, options: Omit<ResenderOptions, 'outbox'>): Promise<Kept> {
  const { outbox, left } = await Outbox.open(file)
  const resender = new Resender({ ...options, outbox })
  resender.take(left)
  return { outbox, resender }
}

function isRefusal(settled: Settled | null): boolean {
  return settled instanceof SekaliError && !settled.retryable
}

function inOutbox(cause: SekaliError): SekaliError {
  const detail = `no outcome in time; the outbox keeps it and sends it again (${cause.message})`
  return new SekaliError('outcome_unknown', detail, {}, { cause })
}
