// What the edge makes of one request: checked events, already in the bytes that the log will carry.
//
// Plain data between the HTTP layer and the proposer. Nobody behind it validates or encodes an event again.

import type { EncodedEvents } from '../command/format.ts'
import type { EventId } from '../store/types.ts'

/** The limits that a publish must keep; sizes are of the bytes as sent. */
export interface PublishLimits {
  /** Events in one request; more: 413 batch_too_large. */
  readonly batchEventsMax: number
  /** Bytes of one event's JSON text, braces included; more: 413 event_too_large. */
  readonly eventBytesMax: number
}

/** The bytes are in the event format of node/command/format.ts. */
export interface EdgeBatch extends EncodedEvents {
  /** In the order sent, for the answer. Decoded when first asked for. */
  readonly ids: readonly PublishedId[]
}

export interface PublishedId extends EventId {
  /** Of CloudEvents, which are known by it and by their id. */
  readonly source?: string
}

/** One event, an array or {"events":[…]}; or one event a line. */
export type BodyFormat = 'json' | 'ndjson'
