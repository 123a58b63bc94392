// Sekali: publish to any node, as often as needed, and read what is stored.
//
// It stays with one node while that answers, moves to another when it does not, and repeats a publish with the same ids
// until its outcome is known or the deadline has passed (`outcome_unknown`). It never guesses: what it resolves with, a
// node has answered. How it does that is in sdk/, one idea a file.

import type { StoredEvent } from './contract/event.ts'
import { PAGE_LIMIT_MAX, SEEN_IDS_MAX } from './contract/limits.ts'
import {
  type Consistency,
  type EventsPage,
  eventsPageSchema,
  type Order,
  type SeenEventsAnswer,
  seenEventsAnswerSchema,
  type TopicsPage,
  topicsPageSchema,
} from './contract/read.ts'
import { type Cluster, clusterSchema, type Stats, statsSchema } from './contract/state.ts'
import { SekaliError } from './errors.ts'
import { Caller, type Retry } from './sdk/caller.ts'
import { Delivery } from './sdk/delivery.ts'
import { type EncodedEvent, encodeEvent, type NewEvent } from './sdk/encode.ts'
import { eventIds } from './sdk/event-id.ts'
import { followEvents, SILENCE_MS } from './sdk/follow.ts'
import { PublishError, type Published, type Settled } from './sdk/outcome.ts'
import { type Ports, systemPorts } from './sdk/ports.ts'
import { Publisher, type PublisherOptions } from './sdk/publisher.ts'
import type { Refused } from './sdk/resender.ts'
import { type KnownNode, Roster } from './sdk/roster.ts'
import type { ShippingMode } from './sdk/shipper.ts'
import { Span } from './sdk/span.ts'

export interface SekaliOptions {
  /** URLs of any of the nodes; the others are learned from them. */
  readonly nodes: string | readonly string[]
  /** For one call with all its tries. Default 30 s. */
  readonly deadlineMs?: number
  /** For the first try at one node; it doubles with each try of a call that ran out of time. Default 3 s. */
  readonly tryMs?: number
  /** Connections to one node at a time. Default 16. */
  readonly connectionsPerNode?: number
  /** A file in which events are kept until their outcome is known; see client/README.md. */
  readonly outbox?: string
  /** Ends all calls. */
  readonly signal?: AbortSignal
  /** Told of each try that failed and is repeated. */
  readonly onRetry?: (retry: Retry) => void
  /** Told of an event of the outbox that no node takes and no call waits for. Default: a process warning. */
  readonly onRefused?: (refused: Refused) => void
}

export interface CallOptions {
  readonly deadlineMs?: number
  readonly signal?: AbortSignal
}

export interface ReadOptions extends CallOptions {
  /** Default `local`: what the node that answers has applied, but never less than this client has seen before. */
  readonly consistency?: Consistency
  /** The answer shows at least what is stored up to here. */
  readonly minPosition?: number
}

export interface EventsQuery extends ReadOptions {
  /** A topic or a pattern. */
  readonly topic?: string
  /** A position, or `next` of a page; excluded. */
  readonly after?: number | string
  readonly order?: Order
  readonly source?: string
  /** RFC 3339, compared with the events' timestamps. */
  readonly since?: string
  readonly until?: string
  /** Events fetched at a time. Default 1,000, the most. */
  readonly pageSize?: number
}

export interface FollowQuery {
  /** A topic or a pattern. Default: all. */
  readonly topic?: string
  /** A position, excluded; 0: from the first event on. Default: what is accepted from now on. */
  readonly after?: number | string
  /** Ends it, by rejecting with its reason. */
  readonly signal?: AbortSignal
  /** A node that is silent for so long is left for another. Default 37.5 s: two signs of life of a node have not come. */
  readonly silenceMs?: number
}

export type SeenId = SeenEventsAnswer['results'][number]
export type TopicSummary = TopicsPage['topics'][number]

const DEADLINE_MS = 30_000
const TRY_MS = 3_000
const CONNECTIONS_PER_NODE = 16

export class Sekali {
  readonly #options: SekaliOptions
  readonly #ports: Ports
  readonly #roster: Roster
  readonly #caller: Caller
  readonly #delivery: Delivery
  readonly #makeId: () => string
  readonly #publishers = new Set<Publisher>()
  readonly #calls = new Set<Promise<unknown>>()
  readonly #closing = new AbortController()
  #closed = false

  /** `ports`: time, randomness and network, for tests. */
  constructor(options: SekaliOptions, ports?: Ports) {
    const { nodes, deadlineMs = DEADLINE_MS, tryMs = TRY_MS, outbox, onRetry } = options
    this.#options = options
    this.#ports = ports ?? systemPorts(options.connectionsPerNode ?? CONNECTIONS_PER_NODE)
    this.#roster = new Roster(
      typeof nodes === 'string' ? nodes.split(',') : nodes,
      this.#ports.random,
    )
    this.#caller = new Caller(this.#roster, this.#ports, { tryMs, onRetry })
    this.#delivery = new Delivery(outbox, {
      caller: this.#caller,
      clock: this.#ports,
      random: this.#ports.random,
      deadlineMs,
      onRefused: options.onRefused ?? warn,
    })
    this.#makeId = eventIds(this.#ports)
  }

  /** The nodes it knows by now, by URL. */
  get nodes(): readonly string[] {
    return this.#roster.nodes.map((node) => node.url)
  }

  /**
   * Resolves when the outcome of each event is known. Events without an id are given one, a UUIDv7. A list comes back as a
   * list, in its order; one that exceeds a request's limits is sent as several, one after the other.
   *
   * Rejects with a SekaliError: of an event that cannot be taken, before anything is sent; later it is a PublishError, which
   * holds the events with their ids. Or with a signal's reason, and then what was sent may still be stored.
   */
  publish(event: NewEvent, options?: CallOptions): Promise<Published>
  publish(events: readonly NewEvent[], options?: CallOptions): Promise<Published[]>
  async publish(
    given: NewEvent | readonly NewEvent[],
    options: CallOptions = {},
  ): Promise<Published | Published[]> {
    const events = isList(given) ? given : [given]
    const encoded = events.map((event, index) => encodeEvent(event, index, this.#makeId))
    const settled =
      encoded.length === 0 ? [] : await this.#deliver(encoded, this.#span(options), 'together')
    const failed = settled.findIndex((one) => one instanceof SekaliError)
    if (failed !== -1) throw publishError(failed, encoded, settled)
    return isList(given) ? (settled as Published[]) : (settled[0] as Published)
  }

  /** Batches what is published one by one. */
  publisher(options?: PublisherOptions): Publisher {
    if (this.#closed) throw closedError()
    const ports = {
      clock: this.#ports,
      encode: (event: NewEvent) => encodeEvent(event, 0, this.#makeId),
      deliver: (batch: readonly EncodedEvent[]) =>
        this.#delivery.deliver(batch, this.#span({}), 'each') as Promise<Settled[]>,
    }
    const publisher = new Publisher(ports, options)
    this.#publishers.add(publisher)
    return publisher
  }

  /** Which of these ids were accepted, and at which position; in the order given. */
  async seen(
    ids: readonly { readonly topic: string; readonly event_id: string }[],
    options: ReadOptions = {},
  ): Promise<SeenId[]> {
    const span = this.#span(options)
    const results: SeenId[] = []
    for (let start = 0; start < ids.length; start += SEEN_IDS_MAX) {
      const asked = ids.slice(start, start + SEEN_IDS_MAX)
      const body = JSON.stringify({
        ids: asked.map(({ topic, event_id }) => ({ topic, event_id })),
      })
      const path = pathOf('/seen', this.#freshness(options))
      const answer = await this.#read({ method: 'POST', path, body }, seenEventsAnswerSchema, span)
      results.push(...answer.results)
    }
    return results
  }

  /** Every event that fits, page by page as they are asked for; each page has a deadline of its own. */
  async *events(query: EventsQuery = {}): AsyncGenerator<StoredEvent, void, undefined> {
    for await (const page of this.eventsPages(query)) yield* page.events
  }

  /** As events(), with the cursor (`next`) from which a later call can go on. */
  async *eventsPages(query: EventsQuery = {}): AsyncGenerator<EventsPage, void, undefined> {
    const { topic, order, source, since, until, pageSize: limit = PAGE_LIMIT_MAX } = query
    let after: string | number | null | undefined = query.after
    do {
      const wanted = { topic, after, limit, order, source, since, until }
      const path = pathOf('/events', { ...wanted, ...this.#freshness(query) })
      const page: EventsPage = await this.#get(path, eventsPageSchema, query)
      yield page
      after = page.next
    } while (after !== null)
  }

  /**
   * Every event that fits, once, in order, as it is accepted, for as long as it is wanted: leave the loop, abort the signal
   * or close the client. It changes nodes by itself, without a gap or a repeat, and has no deadline. Events come no faster than
   * they are asked for. To go on later, keep `position` of the last one and give it as `after`.
   */
  async *follow(query: FollowQuery = {}): AsyncGenerator<StoredEvent, void, undefined> {
    if (this.#closed) throw closedError()
    const { topic, after, signal, silenceMs = SILENCE_MS } = query
    const closing = this.#closing.signal
    const span = new Span(this.#ports, Number.POSITIVE_INFINITY, [
      this.#options.signal,
      signal,
      closing,
    ])
    const wanted = { topic, after: after === undefined ? null : positionFrom(after), silenceMs }
    try {
      yield* followEvents(this.#caller, span, wanted)
    } catch (error) {
      if (!closing.aborted || error !== closing.reason) throw error
    }
  }

  /** Null: never accepted. */
  async get(
    topic: string,
    eventId: string,
    options: ReadOptions = {},
  ): Promise<StoredEvent | null> {
    const wanted = { topic, event_id: eventId, ...this.#freshness(options) }
    const page = await this.#get(pathOf('/events', wanted), eventsPageSchema, options)
    return page.events[0] ?? null
  }

  /** By name. */
  async *topics(options: ReadOptions = {}): AsyncGenerator<TopicSummary, void, undefined> {
    let after: string | null | undefined
    do {
      const path = pathOf('/topics', { after, limit: PAGE_LIMIT_MAX, ...this.#freshness(options) })
      const page: TopicsPage = await this.#get(path, topicsPageSchema, options)
      yield* page.topics
      after = page.next
    } while (after !== null)
  }

  /** `node`: the id or URL of the one to ask; else, whichever answers. */
  stats(node?: string, options: CallOptions = {}): Promise<Stats> {
    return this.#get('/stats', statsSchema, options, node)
  }

  cluster(node?: string, options: CallOptions = {}): Promise<Cluster> {
    return this.#get('/cluster', clusterSchema, options, node)
  }

  /** Events in the outbox: on their way, or to be sent again. Rejects with an OutboxError if it cannot be used. */
  outboxCount(): Promise<number> {
    return this.#delivery.count()
  }

  /**
   * Resolves when all that was published before is stored and the outbox is empty. Rejects, when all of it has ended,
   * with the first failure that a publisher met since its last flush.
   */
  async flush(): Promise<void> {
    await this.#settle((publisher) => publisher.flush())
    await this.#delivery.idle()
  }

  /** Takes no more calls, ends what follows, waits for calls under way, and lets go of connections and outbox. Rejects as flush() does. */
  async close(): Promise<void> {
    this.#closed = true
    this.#closing.abort()
    try {
      await this.#settle((publisher) => publisher.close())
    } finally {
      await this.#delivery.close()
      await this.#ports.transport.close()
    }
  }

  async #settle(end: (publisher: Publisher) => Promise<void>): Promise<void> {
    const ended = await Promise.allSettled([...this.#publishers].map(end))
    await Promise.allSettled(this.#calls)
    for (const one of ended) if (one.status === 'rejected') throw one.reason
  }

  #deliver(
    events: readonly EncodedEvent[],
    span: Span,
    mode: ShippingMode,
  ): Promise<(Settled | null)[]> {
    return this.#tracked(() => this.#delivery.deliver(events, span, mode))
  }

  #get<Value>(
    path: string,
    schema: Schema<Value>,
    options: CallOptions,
    node?: string,
  ): Promise<Value> {
    const request = { method: 'GET', path, body: null } as const
    return this.#read(request, schema, this.#span(options), node)
  }

  #read<Value>(
    request: {
      readonly method: 'GET' | 'POST'
      readonly path: string
      readonly body: string | null
    },
    schema: Schema<Value>,
    span: Span,
    name?: string,
  ): Promise<Value> {
    return this.#tracked(async () => {
      const node: KnownNode | null = name === undefined ? null : this.#roster.find(name)
      const read = (body: unknown): Value | null => schema.safeParse(body).data ?? null
      return (await this.#caller.call({ ...request, node, writes: false, read }, span)).value
    })
  }

  async #tracked<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#closed) throw closedError()
    const call = work()
    this.#calls.add(call)
    try {
      return await call
    } finally {
      this.#calls.delete(call)
    }
  }

  #span({ deadlineMs = this.#options.deadlineMs ?? DEADLINE_MS, signal }: CallOptions): Span {
    return new Span(this.#ports, deadlineMs, [this.#options.signal, signal])
  }

  /** A client that moves to a node that lags waits there rather than see the past. */
  #freshness({ consistency, minPosition }: ReadOptions): Parameters {
    const position = consistency === 'linearizable' ? 0 : this.#caller.position
    const min_position = Math.max(position, minPosition ?? 0)
    return { consistency, ...(min_position > 0 && { min_position }) }
  }
}

interface Schema<Value> {
  safeParse(body: unknown): { readonly data?: Value | undefined }
}

type Parameters = Readonly<Record<string, string | number | null | undefined>>

function pathOf(path: string, parameters: Parameters): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== null) query.set(name, String(value))
  }
  return query.size === 0 ? path : `${path}?${query}`
}

function isList(given: NewEvent | readonly NewEvent[]): given is readonly NewEvent[] {
  return Array.isArray(given)
}

function publishError(
  failed: number,
  encoded: readonly EncodedEvent[],
  settled: readonly (Settled | null)[],
): PublishError {
  const events = encoded.map(({ json }) => JSON.parse(json))
  const results = settled.map((one) => (one instanceof SekaliError ? null : one))
  return new PublishError(settled[failed] as SekaliError, failed, events, results)
}

function positionFrom(after: number | string): number {
  const position = Number(after)
  if (Number.isSafeInteger(position) && position >= 0 && after !== '') return position
  throw new RangeError(`after must be a position, not ${JSON.stringify(after)}`)
}

function closedError(): Error {
  return new Error('this client is closed')
}

function warn({ topic, eventId, error }: Refused): void {
  const detail = `${error.code}: ${error.message}`
  process.emitWarning(`no node takes the event ${eventId} in ${topic} of the outbox, ${detail}`)
}
