// Sends events in batches to whichever node takes them, and keeps the tally of what became of each.
//
// The same ids go out on every try, so a batch is repeated until its outcome is known or its deadline has passed;
// never is an event counted as stored without an answer that names it. Clock, random, waiting and the sending
// itself come in as ports.

import { problemSchema } from '../../client/contract/problem.ts'
import { type PublishAnswer, publishAnswerSchema } from '../../client/contract/publish.ts'
import { backoffMs, parseRetryAfter, shouldRetry } from '../../client/sdk/retry.ts'
import { type Answer, detailOf, failureText } from '../http.ts'
import { LatencyHistogram } from './latency.ts'
import type { OutgoingEvent, Source } from './outgoing.ts'

export interface PublisherPorts {
  /** One try at one node (place in the list of URLs). Rejects when no answer came. */
  send(node: number, body: string, timeoutMs: number): Promise<Answer>
  /** Milliseconds; only differences count. */
  now(): number
  /** Milliseconds since 1970. */
  wallClock(): number
  random(): number
  sleep(ms: number): Promise<void>
  /** Before each try; answers a number for it. */
  calling(batch: readonly OutgoingEvent[]): number
  /** What the try came to, before it is counted; null: no answer. */
  returned(call: number, batch: readonly OutgoingEvent[], answer: Answer | null): void
}

export interface PublisherOptions {
  readonly nodeCount: number
  readonly batchEventsMax: number
  /** Batches under way at once. More than one gives up the order between them. */
  readonly concurrency: number
  /** Events a second; null: as fast as it goes. */
  readonly rate: number | null
  /** For one batch with all its tries. */
  readonly deadlineMs: number
}

export interface Failure {
  readonly place: string
  readonly reason: string
}

/** What became of the input so far. sent = accepted + duplicates + events that failed after being sent. */
export interface Tally {
  sent: number
  accepted: number
  duplicates: number
  /** Duplicates whose content differs from what is stored; among `duplicates`. */
  conflicts: number
  /** Tries beyond the first, of whole batches. */
  retries: number
  /** Events and lines of input that are not stored, or not known to be. */
  errors: number
  /** The first of them. */
  readonly failures: Failure[]
  /** From a batch's first try to its outcome. */
  readonly latency: LatencyHistogram
}

/** Below the nodes' limit for a body, whatever the events hold. */
export const BATCH_BYTES_MAX = 4 * 1024 * 1024
/** Malformed, too large, wrong shape: fewer or other events might pass. */
const BLAMES_EVENTS: ReadonlySet<number> = new Set([400, 413, 422])
const FAILURES_KEPT = 20
const TRY_MS_MAX = 15_000

type Batch = readonly OutgoingEvent[]

export class Publisher {
  readonly tally: Tally = {
    sent: 0,
    accepted: 0,
    duplicates: 0,
    conflicts: 0,
    retries: 0,
    errors: 0,
    failures: [],
    latency: new LatencyHistogram(),
  }
  readonly #ports: PublisherPorts
  readonly #options: PublisherOptions
  readonly #underWay = new Set<Promise<void>>()
  #nextNode = 0
  /** Events given to a batch, for the rate. */
  #launched = 0
  #startMs = 0
  /** A fault of our own, a ledger on a full disk say: nothing more is sent. */
  #broken: { readonly error: unknown } | null = null

  constructor(ports: PublisherPorts, options: PublisherOptions) {
    this.#ports = ports
    this.#options = options
  }

  /** Resolves when the source has ended and every event's outcome is known or given up. */
  async run(source: Source): Promise<Tally> {
    this.#startMs = this.#ports.now()
    let batch: OutgoingEvent[] = []
    let bytes = 0
    const launch = async (): Promise<void> => {
      if (batch.length === 0) return
      const full = batch
      batch = []
      bytes = 0
      await this.#launch(full)
    }
    for await (const item of source) {
      if (item.type === 'bad') this.#fail(item.place, item.reason)
      else if (item.type === 'pause') await launch()
      else {
        const size = Buffer.byteLength(item.json) + 1
        if (bytes + size > BATCH_BYTES_MAX) await launch()
        batch.push(item)
        bytes += size
        if (batch.length >= this.#options.batchEventsMax) await launch()
      }
    }
    await launch()
    await Promise.all(this.#underWay)
    this.#throwIfBroken()
    return this.tally
  }

  /** Resolves when the batch is under way: there was room for it, and the rate allowed it. */
  async #launch(batch: Batch): Promise<void> {
    while (this.#underWay.size >= this.#options.concurrency) await Promise.race(this.#underWay)
    this.#throwIfBroken()
    const { rate } = this.#options
    if (rate !== null) {
      const waitMs = this.#startMs + (1000 * this.#launched) / rate - this.#ports.now()
      if (waitMs > 0) await this.#ports.sleep(waitMs)
    }
    this.#launched += batch.length
    this.tally.sent += batch.length
    const shipped: Promise<void> = this.#ship(batch, this.#takeNode())
      .catch((error: unknown) => {
        this.#broken ??= { error }
      })
      .finally(() => this.#underWay.delete(shipped))
    this.#underWay.add(shipped)
  }

  /** Tries one node after the other until the outcome of every event of the batch is settled. */
  async #ship(batch: Batch, firstNode: number): Promise<void> {
    const startMs = this.#ports.now()
    const endMs = startMs + this.#options.deadlineMs
    const body = `{"events":[${batch.map((event) => event.json).join(',')}]}`
    let node = firstNode
    for (let attempt = 0; ; attempt += 1) {
      const call = this.#ports.calling(batch)
      const tried = await this.#try(node, body, Math.max(1, endMs - this.#ports.now()))
      this.#ports.returned(call, batch, tried.answer)
      if (tried.answer?.status === 200) {
        this.#settle(batch, tried.answer, startMs)
        return
      }
      if (tried.answer !== null && !shouldRetry(tried.answer.status)) {
        await this.#isolate(batch, tried.answer, node)
        return
      }
      const retryAfterMs = parseRetryAfter(
        tried.answer?.retryAfter ?? null,
        this.#ports.wallClock(),
      )
      const waitMs = backoffMs(attempt, retryAfterMs, this.#ports.random)
      if (this.#ports.now() + waitMs >= endMs) {
        this.#failAll(batch, `given up after ${attempt + 1} tries, last: ${tried.reason}`)
        return
      }
      this.tally.retries += 1
      await this.#ports.sleep(waitMs)
      node = (node + 1) % this.#options.nodeCount
    }
  }

  async #try(
    node: number,
    body: string,
    leftMs: number,
  ): Promise<{ answer: Answer | null; reason: string }> {
    try {
      const answer = await this.#ports.send(node, body, Math.min(TRY_MS_MAX, leftMs))
      return { answer, reason: `${answer.status}${detailOf(answer.body)}` }
    } catch (error) {
      return { answer: null, reason: failureText(error) }
    }
  }

  #settle(batch: Batch, answer: Answer, startMs: number): void {
    const parsed = publishAnswerSchema.safeParse(answer.body)
    if (!parsed.success || !answersFor(batch, parsed.data)) {
      this.#failAll(batch, 'the node answered 200 with results for other events')
      return
    }
    this.tally.latency.add(this.#ports.now() - startMs)
    for (const result of parsed.data.results) {
      if (result.outcome === 'accepted') this.tally.accepted += 1
      else this.tally.duplicates += 1
      if (result.conflict === true) this.tally.conflicts += 1
    }
  }

  /**
   * A refused batch was stored in no part. The events that are not to blame are sent again: all but the one the
   * answer names, or, where it names none, each half by itself.
   */
  async #isolate(batch: Batch, answer: Answer, node: number): Promise<void> {
    const reason = `${answer.status}${detailOf(answer.body)}`
    if (batch.length === 1 || !BLAMES_EVENTS.has(answer.status)) {
      this.#failAll(batch, reason)
      return
    }
    const culprit = culpritOf(answer.body, batch.length)
    if (culprit === null) {
      const middle = batch.length >> 1
      await this.#ship(batch.slice(0, middle), node)
      await this.#ship(batch.slice(middle), node)
    } else {
      this.#fail(batch[culprit]!.place, reason)
      await this.#ship(batch.toSpliced(culprit, 1), node)
    }
  }

  #throwIfBroken(): void {
    if (this.#broken !== null) throw this.#broken.error
  }

  #failAll(batch: Batch, reason: string): void {
    for (const event of batch) this.#fail(event.place, reason)
  }

  #fail(place: string, reason: string): void {
    this.tally.errors += 1
    if (this.tally.failures.length < FAILURES_KEPT) this.tally.failures.push({ place, reason })
  }

  #takeNode(): number {
    const node = this.#nextNode
    this.#nextNode = (node + 1) % this.#options.nodeCount
    return node
  }
}

function answersFor(batch: Batch, answer: PublishAnswer): boolean {
  return (
    answer.results.length === batch.length &&
    answer.results.every(
      (result, place) =>
        result.topic === batch[place]!.topic && result.event_id === batch[place]!.eventId,
    )
  )
}

function culpritOf(body: unknown, count: number): number | null {
  const index = problemSchema.pick({ index: true }).safeParse(body).data?.index
  return index === undefined || index >= count ? null : index
}
