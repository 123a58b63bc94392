// How a published event can end, as the SDK tells it.

import type { Event } from '../contract/event.ts'
import type { PublishResult } from '../contract/publish.ts'
import { SekaliError } from '../errors.ts'

/** What became of an event. */
export interface Published extends PublishResult {
  /**
   * On a duplicate after a try whose outcome stayed unknown: the copy that was first may be our own, from that try.
   * Nothing is made of it: `outcome` is what the node answered.
   */
  readonly maybeOwn?: true
}

/** An event's end: stored, now or before; or why it is not, or why that is not known. */
export type Settled = Published | SekaliError

/** What a publish rejects with. Its code is that of the failure; `outcome_unknown` leaves open what was stored. */
export class PublishError extends SekaliError {
  /** All events of the call with their ids: publishing these again stores nothing twice. */
  readonly events: readonly Event[]
  /** What became of each, in the order given; null: not stored or, beside `outcome_unknown`, not known. */
  readonly results: readonly (Published | null)[]

  constructor(
    cause: SekaliError,
    index: number,
    events: readonly Event[],
    results: readonly (Published | null)[],
  ) {
    const facts = cause.facts.index === undefined ? cause.facts : { ...cause.facts, index }
    super(cause.code, cause.message, facts, { cause })
    this.events = events
    this.results = results
  }
}

/** A 4xx or a node's own fault ends an event; whatever may pass by itself leaves it to be sent again. */
export function isFinal(settled: Settled | null): boolean {
  return settled !== null && !(settled instanceof SekaliError && settled.retryable)
}
