// Encoded events → as few requests as the limits allow → what became of each event.
//
// Requests go out one after the other, so that events are stored in the order given. A request that a node refuses was
// stored in no part; so the events that are not to blame may be sent again, without the one that is.

import { REQUEST_LIMITS } from '../contract/limits.ts'
import { type PublishResult, publishAnswerSchema } from '../contract/publish.ts'
import { SekaliError } from '../errors.ts'
import type { Call, Caller } from './caller.ts'
import type { EncodedEvent } from './encode.ts'
import type { Settled } from './outcome.ts'
import type { Span } from './span.ts'

/**
 * together: the first failure is the end; its error stands in the place of the event to blame, or the first it concerns,
 * and null in the place of each event without an answer.
 * each: an event that is refused does not hold up the others; no null.
 */
export type ShippingMode = 'together' | 'each'

/** Rejects only with the reason of a signal. */
export async function ship(
  caller: Caller,
  events: readonly EncodedEvent[],
  span: Span,
  mode: ShippingMode,
): Promise<(Settled | null)[]> {
  const settled = Array<Settled | null>(events.length).fill(null)
  const requests = cut(events)
  for (let places = requests.shift(); places !== undefined; places = requests.shift()) {
    const batch = places.map((place) => events[place]!)
    try {
      const { value: results, open } = await caller.call(publishCall(batch), span)
      for (const [at, result] of results.entries()) {
        const maybeOwn = open && result.outcome === 'duplicate'
        settled[places[at]!] = maybeOwn ? { ...result, maybeOwn } : result
      }
    } catch (error) {
      if (!(error instanceof SekaliError)) throw error
      if (isTooMuch(error) && places.length > 1) {
        const middle = places.length >> 1
        requests.unshift(places.slice(0, middle), places.slice(middle))
        continue
      }
      const culprit = error.retryable ? undefined : places[error.facts.index ?? -1]
      if (mode === 'together') {
        settled[culprit ?? places[0]!] = error
        return settled
      }
      const ended = culprit === undefined ? places : [culprit]
      for (const place of ended) settled[place] = error
      if (ended.length < places.length)
        requests.unshift(places.filter((place) => place !== culprit))
    }
  }
  return settled
}

/** A node, or a proxy before it, takes less at a time than we thought. */
function isTooMuch({ code }: SekaliError): boolean {
  return code === 'body_too_large' || code === 'batch_too_large'
}

const HEAD = '{"events":['
const TAIL = ']}'

/** Places of the events of each request, in order, within the limits. */
function cut(events: readonly EncodedEvent[]): number[][] {
  const requests: number[][] = []
  let places: number[] = []
  let bytes = 0
  for (const [place, event] of events.entries()) {
    const isFull =
      places.length === REQUEST_LIMITS.batchEventsMax ||
      bytes + event.bytes + 1 > REQUEST_LIMITS.bodyBytesMax
    if (places.length === 0 || isFull) {
      places = []
      requests.push(places)
      bytes = HEAD.length + TAIL.length
    }
    places.push(place)
    bytes += event.bytes + 1
  }
  return requests
}

function publishCall(batch: readonly EncodedEvent[]): Call<readonly PublishResult[]> {
  return {
    method: 'POST',
    path: '/publish',
    body: HEAD + batch.map((event) => event.json).join(',') + TAIL,
    node: null,
    writes: true,
    read: (body) => {
      const answer = publishAnswerSchema.safeParse(body)
      return answer.success && isAnswerTo(batch, answer.data.results) ? answer.data.results : null
    },
  }
}

function isAnswerTo(batch: readonly EncodedEvent[], results: readonly PublishResult[]): boolean {
  return (
    results.length === batch.length &&
    results.every(({ topic, event_id }, at) => {
      const event = batch[at]!
      return topic === event.topic && event_id === event.eventId
    })
  )
}
