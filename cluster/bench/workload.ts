// The canonical workload: events of 342 bytes on average, 30 % of them sent before, one of the last 10,000 distinct ones.
//
// What costs time is done before anything is timed: a lap of events lies ready as JSON text in one buffer, separated by
// commas, so that any run of them is the inside of an array. Each further lap is the same text with other ids: eight
// digits of each are written anew, so ids never come twice, stay evenly spread, and memory does not grow with the run. The
// same seed makes the same events.
//
// An event *sent* has a number, 0, 1, 2 …; a *distinct* event has one too, and re-sent ones share it.

import type { StoredEvent } from '../../client/contract/event.ts'
import { seededRandom } from '../publish/synthetic.ts'

export interface WorkloadOptions {
  readonly seed: number
  /** Events of a lap, re-sent ones included. */
  readonly lapEvents?: number
  /** 0 to 1. */
  readonly duplicateShare?: number
}

const LAP_EVENTS = 100_000
const DUPLICATE_SHARE = 0.3
/** Re-sent events are among so many distinct ones before; each lap begins without any. */
const RECENT_MAX = 10_000
export const TOPICS = [
  'orders',
  'payments',
  'audit',
  'metrics',
  'logins',
  'shipping',
  'alerts',
  'users',
]
const LEVELS = ['INFO', 'WARN', 'ERROR', 'DEBUG']
const FIRST_TIMESTAMP_MS = Date.UTC(2026, 0, 1)
const TIMESTAMP_STEP_MS = 7
const ID_HEAD_DIGITS = 8
/** Odd, so that each lap gets a number of its own out of 2 ** 32, far from its neighbours'. */
const LAP_FACTOR = 0x9e3779b1
const BEFORE_ID = '","event_id":"'.length

/** An event as it is in the first lap. */
interface DistinctEvent {
  readonly topic: string
  readonly timestamp: string
  readonly source: string
  /** JSON text. */
  readonly payload: string
  /** The digits of its id that change from lap to lap, as a number, in the first. */
  readonly idHead: number
  readonly idTail: string
}

/** What an SDK takes. */
export interface WorkloadEvent {
  readonly topic: string
  readonly event_id: string
  readonly timestamp: string
  readonly source: string
  readonly payload: Record<string, unknown>
}

export class Workload {
  readonly lapEvents: number
  readonly #distinct: DistinctEvent[] = []
  readonly #payloads: Record<string, unknown>[] = []
  /** Place in the lap → place in `#distinct`. */
  readonly #distinctOf: Uint32Array
  readonly #text: Buffer
  /** Place in the lap → where its text begins; one more at the end. Its text ends before the comma before the next. */
  readonly #starts: Uint32Array
  /** Place in the lap → where the digits are that change. */
  readonly #idStarts: Uint32Array
  readonly #byIdTail = new Map<string, number>()
  #next = 0

  constructor(options: WorkloadOptions) {
    const { seed, lapEvents = LAP_EVENTS, duplicateShare = DUPLICATE_SHARE } = options
    this.lapEvents = lapEvents
    this.#distinctOf = new Uint32Array(lapEvents)
    this.#starts = new Uint32Array(lapEvents + 1)
    this.#idStarts = new Uint32Array(lapEvents)
    const random = seededRandom(seed)
    const texts: string[] = []
    for (let place = 0; place < lapEvents; place += 1) {
      const again = this.#distinct.length > 0 && random() < duplicateShare
      const recent = Math.min(RECENT_MAX, this.#distinct.length)
      const distinct = again
        ? this.#distinct.length - 1 - Math.floor(random() * recent)
        : this.#make(random)
      this.#distinctOf[place] = distinct
      const text = eventText(this.#distinct[distinct]!)
      texts.push(text)
      this.#starts[place + 1] = this.#starts[place]! + text.length + 1
      this.#idStarts[place] =
        this.#starts[place]! +
        '{"topic":"'.length +
        this.#distinct[distinct]!.topic.length +
        BEFORE_ID
    }
    this.#text = Buffer.from(`${texts.join(',')},`, 'latin1')
  }

  get distinctPerLap(): number {
    return this.#distinct.length
  }

  /** All that was taken. */
  get taken(): number {
    return this.#next
  }

  /** Bytes of a run of events, with the commas between them. */
  bytesOf(first: number, count: number): number {
    const place = first % this.lapEvents
    return this.#starts[place + count]! - this.#starts[place]! - 1
  }

  /** The most that `count` events in a row can need. */
  bytesMax(count: number): number {
    let most = 0
    for (let place = 0; place + count <= this.lapEvents; place += 1) {
      most = Math.max(most, this.bytesOf(place, count))
    }
    return most
  }

  /** Answers the number of the first of `count` events to be sent next. A run never reaches into the next lap. */
  take(count: number): number {
    const left = this.lapEvents - (this.#next % this.lapEvents)
    if (left < count) this.#next += left
    const first = this.#next
    this.#next += count
    return first
  }

  /** Writes a run of events, with the commas between them; answers where it ends. */
  write(target: Buffer, at: number, first: number, count: number): number {
    const place = first % this.lapEvents
    const mask = maskOf(Math.floor(first / this.lapEvents))
    const start = this.#starts[place]!
    const end = at + this.bytesOf(first, count)
    this.#text.copy(target, at, start, start + end - at)
    for (let event = place; event < place + count; event += 1) {
      const head = this.#distinct[this.#distinctOf[event]!]!.idHead ^ mask
      writeHex(target, at + this.#idStarts[event]! - start, head)
    }
    return end
  }

  /** The same event as an object; its payload is shared between laps. */
  event(number: number): WorkloadEvent {
    const distinct = this.#distinctOf[number % this.lapEvents]!
    const { timestamp, source, payload } = this.#distinct[distinct]!
    this.#payloads[distinct] ??= JSON.parse(payload) as Record<string, unknown>
    return { ...this.namesOf(number), timestamp, source, payload: this.#payloads[distinct] }
  }

  /** Its names alone. */
  namesOf(number: number): Pick<WorkloadEvent, 'topic' | 'event_id'> {
    const distinct = this.#distinctOf[number % this.lapEvents]!
    const { topic } = this.#distinct[distinct]!
    return { topic, event_id: this.#idOf(distinct, Math.floor(number / this.lapEvents)) }
  }

  /** Of an event sent: the number that it shares with those that are the same. */
  distinctOf(number: number): number {
    const lap = Math.floor(number / this.lapEvents)
    return lap * this.distinctPerLap + this.#distinctOf[number % this.lapEvents]!
  }

  /** Which distinct event a node shows here, and whether every part of it is as it was sent; null: none of ours. */
  recognise(shown: StoredEvent): { distinct: number; unchanged: boolean } | null {
    const place = this.#byIdTail.get(shown.event_id.slice(ID_HEAD_DIGITS))
    if (place === undefined) return null
    const event = this.#distinct[place]!
    const lap = lapOf(Number.parseInt(shown.event_id.slice(0, ID_HEAD_DIGITS), 16) ^ event.idHead)
    return {
      distinct: lap * this.distinctPerLap + place,
      unchanged:
        shown.topic === event.topic &&
        shown.timestamp === event.timestamp &&
        shown.source === event.source &&
        JSON.stringify(shown.payload) === event.payload,
    }
  }

  topicOf(distinct: number): string {
    return this.#distinct[distinct % this.distinctPerLap]!.topic
  }

  /** For sentences. */
  idOf(distinct: number): string {
    const place = distinct % this.distinctPerLap
    const { topic } = this.#distinct[place]!
    return `${topic}/${this.#idOf(place, Math.floor(distinct / this.distinctPerLap))}`
  }

  #idOf(place: number, lap: number): string {
    const { idHead, idTail } = this.#distinct[place]!
    return hex(idHead ^ maskOf(lap)) + idTail
  }

  #make(random: () => number): number {
    const below = (bound: number): number => Math.floor(random() * bound)
    const word = (): string => hex(below(2 ** 32))
    const place = this.#distinct.length
    const idTail = `-${word().slice(4)}-4${word().slice(5)}-${'89ab'[below(4)]}${word().slice(5)}-${word()}${word().slice(4)}`
    this.#distinct.push({
      topic: TOPICS[below(TOPICS.length)]!,
      timestamp: new Date(FIRST_TIMESTAMP_MS + place * TIMESTAMP_STEP_MS).toISOString(),
      source: `svc-${below(50)}`,
      payload: JSON.stringify({
        level: LEVELS[below(LEVELS.length)],
        message: `request ${word()} handled by worker ${below(64)} in region eu-west-${below(3)}`,
        trace: word() + word(),
        status: 200 + below(300),
        duration_ms: below(10_000) / 10,
        path: `/api/v1/items/${below(100_000)}`,
        retry: false,
        user: `u${below(1_000_000)}`,
      }),
      idHead: below(2 ** 32) | 0,
      idTail,
    })
    this.#byIdTail.set(idTail, place)
    return place
  }
}

function eventText(event: DistinctEvent): string {
  const { topic, timestamp, source, payload } = event
  const id = hex(event.idHead) + event.idTail
  return `{"topic":"${topic}","event_id":"${id}","timestamp":"${timestamp}","source":"${source}","payload":${payload}}`
}

function maskOf(lap: number): number {
  return Math.imul(lap, LAP_FACTOR)
}

/** The inverse of an odd number modulo 2 ** 32, by Newton's way: each step doubles the bits that are right. */
const LAP_FACTOR_INVERSE = [1, 2, 3, 4].reduce(
  (inverse) => Math.imul(inverse, 2 - Math.imul(LAP_FACTOR, inverse)),
  LAP_FACTOR,
)

function lapOf(mask: number): number {
  return Math.imul(mask, LAP_FACTOR_INVERSE) >>> 0
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(ID_HEAD_DIGITS, '0')
}

const DIGITS = Buffer.from('0123456789abcdef', 'latin1')

function writeHex(target: Buffer, at: number, value: number): void {
  for (let digit = 0; digit < ID_HEAD_DIGITS; digit += 1) {
    target[at + digit] = DIGITS[(value >>> (28 - 4 * digit)) & 15]!
  }
}
