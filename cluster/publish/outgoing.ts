// What a source of events hands to the publisher, one at a time.

export interface OutgoingEvent {
  readonly type: 'event'
  readonly topic: string
  readonly eventId: string
  /** The whole event as JSON text without line breaks; it is sent as it stands. */
  readonly json: string
  /** Where it came from, for messages: `line 7`. */
  readonly place: string
}

/** Something in the input that cannot be an event. It is told and counted; the rest goes on. */
export interface BadInput {
  readonly type: 'bad'
  readonly place: string
  readonly reason: string
}

/** Nothing more comes for now: what waits to be sent should go. */
export interface Pause {
  readonly type: 'pause'
}

export type SourceItem = OutgoingEvent | BadInput | Pause
export type Source = AsyncIterable<SourceItem>
