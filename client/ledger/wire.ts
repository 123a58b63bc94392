// From what the HTTP API answers to what the ledger takes in. The one place that decides which failures mean "certainly
// not stored": a wrong judgement here would hide a bug or invent one.

import type { Event, StoredEvent } from '../contract/event.ts'
import type { PublishAnswer } from '../contract/publish.ts'
import type { Stats } from '../contract/state.ts'
import { SekaliError } from '../errors.ts'
import { contentHash } from './content-hash.ts'
import type { Answer, Counters, Outcome, SentEvent, ShownEvent } from './history.ts'

export function sentEvent(
  event: Pick<Event, 'topic' | 'event_id' | 'source' | 'payload'>,
): SentEvent {
  return { topic: event.topic, eventId: event.event_id, hash: hashOf(event) }
}

export function shownEvent(event: StoredEvent): ShownEvent {
  return {
    topic: event.topic,
    eventId: ledgerId(event),
    position: event.position,
    hash: hashOf(event),
  }
}

/**
 * What the ledger knows an event by, beside its topic. A CloudEvent is known by its source and id, so that neither another
 * of the same id nor an event of ours is taken for a second copy of it.
 */
export function ledgerId(event: Pick<StoredEvent, 'event_id' | 'source' | 'cloudevent'>): string {
  return event.cloudevent ? JSON.stringify([event.source, event.event_id]) : event.event_id
}

export function publishedAnswer(answer: Pick<PublishAnswer, 'results'>): Answer {
  const outcomes = answer.results.map(
    ({ outcome, position, conflict = false }): Outcome =>
      outcome === 'accepted' ? { type: outcome, position } : { type: outcome, position, conflict },
  )
  return { type: 'published', outcomes }
}

/**
 * What a failed publish means. Every error that a node has answered says that nothing was stored, but for
 * `outcome_unknown` and, to be safe, `internal`. Whatever else went wrong (a lost connection, a time-out) leaves it open.
 */
export function failedAnswer(error: unknown): Answer {
  const refused =
    error instanceof SekaliError && error.code !== 'outcome_unknown' && error.code !== 'internal'
  return { type: refused ? 'refused' : 'unknown' }
}

export function countersOf(stats: Stats): Counters {
  return {
    applied: stats.applied_index,
    received: stats.received,
    unique: stats.unique_processed,
    duplicates: stats.duplicate_dropped,
    conflicts: stats.conflicts,
    lastPosition: stats.last_position,
    digest: stats.digest,
  }
}

function hashOf({ source, payload }: Pick<Event, 'source' | 'payload'>): string {
  return contentHash({ ...(source !== undefined && { source }), ...(payload && { payload }) })
}
