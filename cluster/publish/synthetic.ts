// Made-up events, the same for the same seed: new ones, and now and then one that was sent before.
//
// An event is about 300 bytes of JSON. Re-sent ones are drawn from the last RECENT_MAX distinct events, so memory does
// not grow with the run. Only timestamps come from the clock; they are no part of what makes two events equal.

import type { OutgoingEvent, Source } from './outgoing.ts'

export interface SyntheticOptions {
  readonly events: number
  /** Share of all that are re-sent ones, 0 to 1. */
  readonly duplicateShare: number
  readonly topics: readonly string[]
  readonly sources: number
  readonly seed: number
  /** Milliseconds since 1970. */
  readonly wallClock: () => number
}

const RECENT_MAX = 10_000
const LEVELS = ['DEBUG', 'INFO', 'WARN', 'ERROR'] as const

export async function* syntheticEvents(options: SyntheticOptions): Source {
  const random = seededRandom(options.seed)
  const recent: OutgoingEvent[] = []
  let distinct = 0
  for (let number = 1; number <= options.events; number += 1) {
    const again = recent.length > 0 && random() < options.duplicateShare
    if (again) {
      yield recent[Math.floor(random() * recent.length)]!
      continue
    }
    const event = makeEvent(number, random, options)
    recent[distinct % RECENT_MAX] = event
    distinct += 1
    yield event
  }
}

function makeEvent(number: number, random: () => number, options: SyntheticOptions): OutgoingEvent {
  const below = (bound: number): number => Math.floor(random() * bound)
  const hex = (digits: number): string =>
    below(16 ** digits)
      .toString(16)
      .padStart(digits, '0')
  const topic = options.topics[below(options.topics.length)]!
  const eventId = `${hex(8)}-${hex(4)}-4${hex(3)}-${'89ab'[below(4)]}${hex(3)}-${hex(8)}${hex(4)}`
  const json = JSON.stringify({
    topic,
    event_id: eventId,
    timestamp: new Date(options.wallClock()).toISOString(),
    source: `service-${1 + below(options.sources)}`,
    payload: {
      level: LEVELS[below(LEVELS.length)],
      message: `request ${hex(8)} handled by worker ${below(64)}`,
      status: 200 + below(300),
      duration_ms: below(10_000) / 10,
      path: `/api/v1/items/${below(100_000)}`,
    },
  })
  return { type: 'event', topic, eventId, json, place: `event ${number}` }
}

/** sfc32: small, fast, and the same on every machine. Answers 0 ≤ x < 1. */
export function seededRandom(seed: number): () => number {
  let a = seed | 0
  let b = Math.trunc(seed / 2 ** 32) ^ 0x9e3779b9
  let c = 0x243f6a88
  let d = 0xb7e15162
  const next = (): number => {
    const sum = (((a + b) | 0) + d) | 0
    d = (d + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + sum
    c |= 0
    return (sum >>> 0) / 2 ** 32
  }
  for (let round = 0; round < 20; round += 1) next()
  return next
}
