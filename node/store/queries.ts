// Reads of what is stored, as of one position that the caller took when the read began.
//
// What stands at or below that position never changes, so no snapshot of the database is needed; what stands above it
// is not looked at. A page looks at a bounded number of events and then says where to go on.

import {
  type EventWalk,
  KEY_SPACE_SOURCE,
  KEY_SPACE_TOPIC,
  openCommand,
} from '../command/format.ts'
import { instantOf } from '../edge/timestamp.ts'
import { eventJson } from './event-json.ts'
import {
  CONTENT_RANGES,
  dedupKey,
  entryKey,
  entryPosition,
  nameIn,
  nameKey,
  positionIn,
  topicKey,
  topicPosition,
} from './keys.ts'
import { type KeyRange, lastOf, pairsOf, type SortedStore } from './sorted-store.ts'
import { StoreDamagedError } from './store-errors.ts'
import { topicStateAt } from './topic-counts.ts'
import { parseTopicPattern } from './topic-pattern.ts'
import type {
  CloudEventId,
  EventBlock,
  EventId,
  Page,
  PageQuery,
  RenderEvent,
  TopicSummary,
  TopicsPage,
} from './types.ts'

/** Events looked at for one page, unless the query says otherwise. */
export const SCAN_EVENTS_MAX = 20_000
/** Bytes of JSON in one page; the first event is given whatever its size. */
export const PAGE_BYTES_MAX = 8 * 1024 * 1024
/** Values fetched at once when the topic index leads to them. */
const VALUES_AT_ONCE = 16

interface StoredValue {
  readonly first: number
  readonly walk: EventWalk
}

/** Positions from..to, both included. */
interface Span {
  readonly from: number
  readonly to: number
  readonly descending: boolean
}

export class StoreQueries {
  readonly #store: SortedStore

  constructor(store: SortedStore) {
    this.#store = store
  }

  async page(query: PageQuery, stored: number): Promise<Page> {
    const last = Math.min(stored, query.upTo ?? stored)
    const descending = query.order === 'desc'
    const span: Span = descending
      ? { from: 1, to: Math.min(last, (query.after ?? last + 1) - 1), descending }
      : { from: (query.after ?? 0) + 1, to: last, descending }
    const { events, next } = await this.#pageOf(query, span)
    // Of an empty span this is where it would begin, less one.
    const end = descending ? span.from : Math.max(span.to, span.from - 1)
    return { events, next, reached: next ?? end }
  }

  async #pageOf(query: PageQuery, span: Span): Promise<Omit<Page, 'reached'>> {
    const { render = eventJson, bytesMax = PAGE_BYTES_MAX } = query
    const { descending } = span
    const pattern = query.topic === undefined ? null : parseTopicPattern(query.topic)
    if (query.eventId !== undefined) return this.#pageOfOne(query, span)

    const fits = filterOf(query, pattern === null || pattern.exact ? null : pattern.matches)
    const topic = pattern?.exact ? Buffer.from(pattern.text) : null
    const values = topic === null ? this.#values(span) : this.#valuesOfTopic(topic, span)
    const scanMax = query.scanMax ?? SCAN_EVENTS_MAX
    const events: Uint8Array[] = []
    let lastTaken = 0
    let bytes = 0
    let seen = 0
    for await (const value of values) {
      for (const position of step(value, span)) {
        const { walk } = value
        if (topic === null || hasTopic(walk, topic)) {
          if (fits(walk)) {
            // One more than asked is looked for, so that `next` is null when there is none.
            if (events.length === query.limit) return { events, next: lastTaken }
            const event = render(walk, position)
            bytes += event.length
            if (bytes > bytesMax && events.length > 0) return { events, next: lastTaken }
            events.push(event)
            lastTaken = position
          }
        }
        seen += 1
        if (seen === scanMax) {
          const end = descending ? span.from : span.to
          const next = events.length === query.limit ? lastTaken : position
          return { events, next: position === end ? null : next }
        }
      }
    }
    return { events, next: null }
  }

  /** Whole values, until they are `bytesMax` or more: what one entry accepted is not divided. */
  async block(after: number, bytesMax: number, last: number): Promise<EventBlock | null> {
    const values: StoredValue[] = []
    let bytes = 0
    for await (const value of this.#values({ from: after + 1, to: last, descending: false })) {
      values.push(value)
      bytes += value.walk.bytes.length
      if (bytes >= bytesMax) break
    }
    const end = values.at(-1)
    if (end === undefined) return null
    const upTo = Math.min(last, end.first + end.walk.count - 1)
    const span = { from: after + 1, to: upTo, descending: false }
    return {
      upTo,
      *events() {
        for (const value of values) {
          for (const position of step(value, span)) yield { walk: value.walk, position }
        }
      },
    }
  }

  async get(
    topic: string,
    eventId: string,
    last: number,
    render: RenderEvent = eventJson,
  ): Promise<Uint8Array | null> {
    const [position] = await this.positionsOf([{ topic, event_id: eventId }], last)
    if (position === null || position === undefined) return null
    const span = { from: position, to: position, descending: false }
    for await (const value of this.#values(span)) {
      for (const at of step(value, span)) return render(value.walk, at)
    }
    throw new StoreDamagedError(`position ${position} is missing`)
  }

  async positionsOf(
    ids: readonly (EventId | CloudEventId)[],
    last: number,
  ): Promise<(number | null)[]> {
    const keys = ids.map((id) =>
      'id' in id
        ? dedupKey(KEY_SPACE_SOURCE, id.source, id.id)
        : dedupKey(KEY_SPACE_TOPIC, id.topic, id.event_id),
    )
    const found = await this.#store.getMany(keys)
    return found.map((value, i) => {
      const position = value === undefined ? Number.POSITIVE_INFINITY : positionIn(value)
      return position <= last && isWellFormed(ids[i]!) ? position : null
    })
  }

  async topics(after: string | null, limit: number, last: number): Promise<TopicsPage> {
    const range = { ...CONTENT_RANGES.name }
    if (after !== null) range.gte = nameKey(Buffer.from(after))
    const topics: TopicSummary[] = []
    for await (const [key, value] of pairsOf(this.#store, range)) {
      const name = nameIn(key)
      const topic = Buffer.from(name).toString()
      if (topic === after || positionIn(value) > last) continue
      if (topics.length === limit) return { topics, next: topics.at(-1)!.topic }
      const { events, lastPosition } = await topicStateAt(this.#store, name, last)
      topics.push({ topic, events, last_position: lastPosition })
    }
    return { topics, next: null }
  }

  async #pageOfOne(query: PageQuery, span: Span): Promise<Omit<Page, 'reached'>> {
    const { topic, source, eventId, render = eventJson } = query
    const id =
      topic === undefined ? { source: source!, id: eventId! } : { topic, event_id: eventId! }
    const [position] = await this.positionsOf([id], span.to)
    if (position === null || position === undefined || position < span.from) {
      return { events: [], next: null }
    }
    const one = { from: position, to: position, descending: false }
    const fits = filterOf(query, null)
    const events: Uint8Array[] = []
    for await (const value of this.#values(one)) {
      for (const at of step(value, one)) if (fits(value.walk)) events.push(render(value.walk, at))
    }
    return { events, next: null }
  }

  /** The values that hold positions of the span, in its order. */
  async *#values(span: Span): AsyncGenerator<StoredValue> {
    if (span.from > span.to) return
    for await (const [key, value] of pairsOf(this.#store, await this.#range(span, entryKey))) {
      yield { first: entryPosition(key), walk: openCommand(value) }
    }
  }

  /** Those of them that hold events of the topic, which is given in UTF-8. */
  async *#valuesOfTopic(topic: Uint8Array, span: Span): AsyncGenerator<StoredValue> {
    if (span.from > span.to) return
    const range = await this.#range(span, (position) => topicKey(topic, position))
    const iterator = this.#store.iterator(range)
    try {
      for (;;) {
        const found = await iterator.nextv(VALUES_AT_ONCE)
        if (found.length === 0) return
        const firsts = found.map(([key]) => topicPosition(key))
        const values = await this.#store.getMany(firsts.map(entryKey))
        for (const [i, value] of values.entries()) {
          if (value === undefined) throw new StoreDamagedError(`position ${firsts[i]} is missing`)
          yield { first: firsts[i]!, walk: openCommand(value) }
        }
      }
    } finally {
      await iterator.close()
    }
  }

  /** Keys carry first positions: the one that covers the beginning of a span may lie below it. */
  async #range(span: Span, keyOf: (position: number) => Uint8Array): Promise<KeyRange> {
    const below = { gte: keyOf(0), lte: keyOf(span.from), values: false }
    const floor = await lastOf(this.#store, below)
    const gte = floor === undefined ? keyOf(span.from) : floor[0]
    return { gte, lte: keyOf(span.to), reverse: span.descending }
  }
}

/** The positions of the span that a value holds, in its order; the walk stands on the event of each. */
function* step({ first, walk }: StoredValue, span: Span): Generator<number> {
  const starts: number[] = []
  while (walk.next()) starts.push(walk.start)

  const lowest = Math.max(span.from - first, 0)
  const highest = Math.min(span.to - first, walk.count - 1)
  for (let i = 0; i <= highest - lowest; i++) {
    const place = span.descending ? highest - i : lowest + i
    walk.goTo(place, starts[place]!)
    walk.next()
    yield first + place
  }
}

/** What a query asks of an event beside its position and exact topic. */
function filterOf(
  { source, sinceMs = Number.NEGATIVE_INFINITY, untilMs = Number.POSITIVE_INFINITY }: PageQuery,
  matches: ((topic: string) => boolean) | null,
): (walk: EventWalk) => boolean {
  const sourceBytes = source === undefined ? null : Buffer.from(source)
  const timed = sinceMs !== Number.NEGATIVE_INFINITY || untilMs !== Number.POSITIVE_INFINITY
  const verdicts = new Map<string, boolean>() // by topic, byte for byte
  return ({ bytes, topicAt, eventIdAt, sourceAt, timestampAt, payloadAt }) => {
    if (matches !== null) {
      const topic = Buffer.from(bytes.subarray(topicAt, eventIdAt))
      const key = topic.toString('latin1')
      let verdict = verdicts.get(key)
      if (verdict === undefined) {
        verdict = matches(topic.toString())
        verdicts.set(key, verdict)
      }
      if (!verdict) return false
    }
    if (sourceBytes !== null && !sourceBytes.equals(bytes.subarray(sourceAt, timestampAt))) {
      return false
    }
    if (!timed) return true
    const instantMs = instantOf(bytes, timestampAt, payloadAt)
    return sinceMs <= instantMs && instantMs < untilMs
  }
}

/** Half a surrogate pair became U+FFFD in the key, which may stand for an event of that very name. */
function isWellFormed(id: EventId | CloudEventId): boolean {
  return 'id' in id
    ? id.source.isWellFormed() && id.id.isWellFormed()
    : id.topic.isWellFormed() && id.event_id.isWellFormed()
}

function hasTopic(walk: EventWalk, topic: Buffer): boolean {
  return topic.equals(walk.bytes.subarray(walk.topicAt, walk.eventIdAt))
}
