// Batches what is published together. Each event has its own promise; who publishes in a loop is held back by `ready`.
//
// A batch goes out when it is full, or when its first event has waited `lingerMs`, and there is a free place among those
// in flight; while there is none, batches grow. It sends nothing itself: `deliver` does. Keeps: every event taken is
// settled exactly once.

import type { Event } from '../contract/event.ts'
import { REQUEST_LIMITS } from '../contract/limits.ts'
import { SekaliError } from '../errors.ts'
import type { EncodedEvent, NewEvent } from './encode.ts'
import { PublishError, type Published, type Settled } from './outcome.ts'
import type { Clock } from './ports.ts'

export interface PublisherOptions {
  /** How long an event may wait for others. Default 5; 0: until those of this turn are there. */
  readonly lingerMs?: number
  /** Default 1,000. */
  readonly batchEventsMax?: number
  /** Of all events of a batch. Default 1 MiB; an event larger than that goes alone. */
  readonly batchBytesMax?: number
  /** Batches on their way at once. Default 4; with 1, events are stored in the order in which they were published. */
  readonly inFlightMax?: number
}

export const PUBLISHER_DEFAULTS: Required<PublisherOptions> = {
  lingerMs: 5,
  batchEventsMax: 1_000,
  batchBytesMax: 1024 * 1024,
  inFlightMax: 4,
}

/** `ready` waits while more is pending than this many times what may be in flight. */
const PENDING_PER_IN_FLIGHT = 2

export interface PublisherPorts {
  readonly clock: Clock
  encode(event: NewEvent): EncodedEvent
  /** One batch → the end of each of its events. */
  deliver(batch: readonly EncodedEvent[]): Promise<readonly Settled[]>
}

interface Waiting {
  readonly event: EncodedEvent
  readonly promise: Promise<Published>
  readonly resolve: (published: Published) => void
  readonly reject: (error: unknown) => void
}

export class Publisher {
  readonly #ports: PublisherPorts
  readonly #options: Required<PublisherOptions>
  /** Not sent yet, in order. */
  readonly #queue: Waiting[] = []
  #queueBytes = 0
  /** So many at the head of the queue have waited long enough. */
  #due = 0
  #cancelLinger: (() => void) | null = null
  #inFlight = 0
  readonly #unsettled = new Set<Waiting>()
  #unsettledBytes = 0
  #room: PromiseWithResolvers<void> | null = null
  /** The first since the last flush; `error` is whatever was thrown. */
  #failure: { readonly error: unknown } | null = null
  #closed = false

  constructor(ports: PublisherPorts, given: PublisherOptions = {}) {
    const options = { ...PUBLISHER_DEFAULTS, ...given }
    checkOptions(options)
    this.#ports = ports
    this.#options = options
  }

  /** Events published and not settled. */
  get pending(): number {
    return this.#unsettled.size
  }

  /** Resolves when there is room; await it before each publish in a loop, or memory is the only bound. */
  get ready(): Promise<void> {
    if (this.#hasRoom()) return Promise.resolve()
    this.#room ??= Promise.withResolvers<void>()
    return this.#room.promise
  }

  /**
   * Resolves with what became of the event; rejects as Sekali.publish does, with a PublishError of this event. Who lets go
   * of the promise is told by flush() or close().
   */
  publish(event: NewEvent): Promise<Published> {
    if (this.#closed) return Promise.reject(new Error('this publisher is closed'))
    const published = this.#enqueue(event)
    published.catch((error: unknown) => {
      this.#failure ??= { error }
    })
    return published
  }

  /**
   * Sends without waiting for more; resolves when all that was published before is stored. Rejects, when all of it has
   * ended, with the first failure since the last flush.
   */
  async flush(): Promise<void> {
    const before = [...this.#unsettled].map(({ promise }) => promise)
    this.#due = this.#queue.length
    this.#pump()
    await Promise.allSettled(before)
    const failure = this.#failure
    this.#failure = null
    if (failure !== null) throw failure.error
  }

  /** Takes nothing more, and flushes. */
  async close(): Promise<void> {
    this.#closed = true
    await this.flush()
  }

  async #enqueue(event: NewEvent): Promise<Published> {
    const encoded = this.#ports.encode(event)
    const waiting = { event: encoded, ...Promise.withResolvers<Published>() }
    this.#queue.push(waiting)
    this.#queueBytes += encoded.bytes
    this.#unsettled.add(waiting)
    this.#unsettledBytes += encoded.bytes
    this.#pump()
    return waiting.promise
  }

  #pump(): void {
    const { inFlightMax, batchEventsMax, batchBytesMax, lingerMs } = this.#options
    while (
      this.#inFlight < inFlightMax &&
      (this.#due > 0 || this.#queue.length >= batchEventsMax || this.#queueBytes >= batchBytesMax)
    ) {
      void this.#send(this.#take())
    }
    if (this.#queue.length === this.#due) {
      this.#cancelLinger?.()
      this.#cancelLinger = null
    } else {
      this.#cancelLinger ??= this.#ports.clock.after(lingerMs, () => {
        this.#cancelLinger = null
        this.#due = this.#queue.length
        this.#pump()
      })
    }
  }

  #take(): Waiting[] {
    const { batchEventsMax, batchBytesMax } = this.#options
    let bytes = 0
    let end = 0
    while (end < this.#queue.length && end < batchEventsMax) {
      bytes += this.#queue[end]!.event.bytes
      if (end > 0 && bytes > batchBytesMax) break
      end += 1
    }
    const taken = this.#queue.splice(0, end)
    for (const { event } of taken) this.#queueBytes -= event.bytes
    this.#due = Math.max(0, this.#due - taken.length)
    return taken
  }

  async #send(batch: readonly Waiting[]): Promise<void> {
    this.#inFlight += 1
    try {
      const settled = await this.#ports.deliver(batch.map(({ event }) => event))
      for (const [place, waiting] of batch.entries()) settle(waiting, settled[place]!)
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
    this.#inFlight -= 1
    for (const waiting of batch) {
      this.#unsettled.delete(waiting)
      this.#unsettledBytes -= waiting.event.bytes
    }
    if (this.#room !== null && this.#hasRoom()) {
      this.#room.resolve()
      this.#room = null
    }
    this.#pump()
  }

  #hasRoom(): boolean {
    const { inFlightMax, batchEventsMax, batchBytesMax } = this.#options
    const batches = PENDING_PER_IN_FLIGHT * inFlightMax
    return (
      this.#unsettled.size < batches * batchEventsMax &&
      this.#unsettledBytes < batches * batchBytesMax
    )
  }
}

function settle({ event, resolve, reject }: Waiting, settled: Settled): void {
  if (!(settled instanceof SekaliError)) resolve(settled)
  else reject(new PublishError(settled, 0, [JSON.parse(event.json) as Event], [null]))
}

function checkOptions(options: Required<PublisherOptions>): void {
  const { lingerMs, batchEventsMax, batchBytesMax, inFlightMax } = options
  if (!(lingerMs >= 0)) throw new RangeError('lingerMs must be 0 or more')
  const bounds = [
    ['batchEventsMax', batchEventsMax, REQUEST_LIMITS.batchEventsMax],
    ['batchBytesMax', batchBytesMax, REQUEST_LIMITS.bodyBytesMax],
    ['inFlightMax', inFlightMax, Number.MAX_SAFE_INTEGER],
  ] as const
  for (const [name, value, max] of bounds) {
    if (!Number.isInteger(value) || value < 1 || value > max) {
      throw new RangeError(`${name} must be a whole number from 1 to ${max}`)
    }
  }
}
