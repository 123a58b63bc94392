// Following: every event of a topic from a position on, once, in order, for as long as it is wanted.
//
// It stays with one node until the stream ends, breaks or falls silent for longer than a node ever is; then it goes on at another
// behind the last event it gave. Positions are the same on every node, so nothing is missed and nothing told twice,
// whatever happens in between. It has no deadline: it goes on looking until it is told to stop.

import { type StoredEvent, storedEventSchema } from '../contract/event.ts'
import { SUBSCRIBE_HEARTBEAT_MS } from '../contract/limits.ts'
import { START_EVENT } from '../contract/subscribe.ts'
import type { Caller, FailedTry } from './caller.ts'
import { type StreamItem, streamItems } from './event-stream.ts'
import type { Span } from './span.ts'

/** A node shows every 15 s that it lives; of one that was silent for so long nothing more is expected. */
export const SILENCE_MS = 2.5 * SUBSCRIBE_HEARTBEAT_MS

export interface FollowQuery {
  readonly topic: string | undefined
  /** Excluded; null: what is accepted from now on. */
  readonly after: number | null
  readonly silenceMs: number
}

export async function* followEvents(
  caller: Caller,
  span: Span,
  { topic, after, silenceMs }: FollowQuery,
): AsyncGenerator<StoredEvent, void, undefined> {
  let position = after
  let failures = 0
  let last: FailedTry | null = null
  for (;;) {
    const opened = await caller.open(pathOf(topic, position), span, failures, last)
    failures += 1
    if (opened.type === 'failed') {
      last = opened
      continue
    }
    try {
      for await (const item of streamItems(opened.stream, span, silenceMs)) {
        failures = 1
        const told = positionOf(item)
        if (item.type === 'event' && item.name !== START_EVENT) {
          const event = storedEventSchema.parse(JSON.parse(item.data))
          if (position !== null && event.position <= position) continue
          position = event.position
          caller.saw(position)
          yield event
        } else if (told !== null) position = Math.max(position ?? 0, told)
      }
      last = opened.lost(new Error('the stream ended'))
    } catch (error) {
      span.throwIfAborted()
      last = opened.lost(error)
    }
  }
}

/** Up to where all was told, once the item has been dealt with. */
function positionOf(item: StreamItem): number | null {
  return item.type === 'comment' || !/^\d{1,16}$/.test(item.id) ? null : Number(item.id)
}

function pathOf(topic: string | undefined, position: number | null): string {
  const query = new URLSearchParams()
  if (topic !== undefined) query.set('topic', topic)
  if (position !== null) query.set('after', String(position))
  return query.size === 0 ? '/subscribe' : `/subscribe?${query}`
}
