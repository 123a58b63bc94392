// What clients saw: operations with the time each was called and the time it was answered. Everything else in this
// folder judges such histories; nothing here talks to a node or knows how one works inside.
//
// Times are numbers of one monotonic clock, real or virtual, in any unit. An operation *precedes* another when its
// return is smaller than the other's call; equal times mean that they overlapped. A publish that was never answered,
// or answered with "outcome unknown", may take effect at any time after its call, or never.
//
// What a read owes its caller:
//   linearizable    everything shown before it was called, by any node, to anyone: every position up to the largest
//                   one that a publish answer, a read or a counter had named.
//   local           everything that the same node had shown before, in the same life of that node. Since a node
//                   answers a publish from its own apply, this holds for its own publishes too: whoever published
//                   through a node reads it there at once. Another node may be behind, and so may the next life.
//   min_position    either of these, and every position up to the one asked for.
// Whatever the mode: only what was sent is shown, with the content that was sent, each event at one position for
// ever, and a page shows every event between its ends.

import type { Consistency } from '../contract/read.ts'

export interface SentEvent {
  readonly topic: string
  readonly eventId: string
  /** Names the content that `conflict` compares (source and payload): see contentHash. */
  readonly hash: string
}

export interface ShownEvent {
  readonly topic: string
  readonly eventId: string
  readonly position: number
  /** Null where the answer does not carry the content, as in POST /seen. */
  readonly hash: string | null
}

export interface Reading {
  readonly consistency: Consistency
  readonly minPosition?: number
}

export interface PublishRequest {
  readonly type: 'publish'
  readonly events: readonly SentEvent[]
}

export interface GetRequest extends Reading {
  readonly type: 'get'
  readonly topic: string
  readonly eventId: string
}

/** One page, ascending, from the first position above `after`. */
export interface ListRequest extends Reading {
  readonly type: 'list'
  /** A topic or a pattern; null: all topics. */
  readonly topic: string | null
  readonly after: number
}

export interface StatsRequest extends Reading {
  readonly type: 'stats'
}

export type Request = PublishRequest | GetRequest | ListRequest | StatsRequest

/** What became of one event of a publish. Refused is a definite no; unknown leaves it open for ever. */
export type Outcome =
  | { readonly type: 'accepted'; readonly position: number }
  | { readonly type: 'duplicate'; readonly position: number; readonly conflict: boolean }
  | { readonly type: 'refused' }
  | { readonly type: 'unknown' }

/** Replicated counters, all of one instant. */
export interface Counters {
  readonly applied: number
  readonly received: number
  readonly unique: number
  readonly duplicates: number
  readonly conflicts: number
  readonly lastPosition: number
  readonly digest: string
}

export type Answer =
  /** One outcome an event, in the order sent. */
  | { readonly type: 'published'; readonly outcomes: readonly Outcome[] }
  | { readonly type: 'present'; readonly position: number; readonly hash: string | null }
  | { readonly type: 'absent' }
  /** `through`: the page covers every position up to it; null: up to the last one this node had. */
  | {
      readonly type: 'page'
      readonly events: readonly ShownEvent[]
      readonly through: number | null
    }
  | { readonly type: 'counted'; readonly counters: Counters }
  /** Of a publish: certainly not stored, none of it. Of a read: nothing learnt. */
  | { readonly type: 'refused' }
  /** Of a publish: each event may be stored now, later or never. Of a read: nothing learnt. */
  | { readonly type: 'unknown' }

/** Who answered, and what the answer told beside its body. */
export interface Answered {
  readonly node: string
  /** Counts the starts of that node as far as the caller knows them; 0 where it knows nothing. */
  readonly life?: number
  /**
   * How often the request was sent below this one call, 1 by default. The outcome is the last try's; each try before
   * it may have been stored too, so `duplicate` may then be the caller's own event.
   */
  readonly tries?: number
  /** The position that the node said it had applied (header `sekali-position`). */
  readonly lastPosition?: number
}

export interface Operation extends Answered {
  readonly client: string
  readonly call: number
  /** Infinity: never. */
  readonly return: number
  readonly request: Request
  readonly answer: Answer
}

export type History = readonly Operation[]

/** One end of an operation, as `inTimeOrder` gives them. */
export interface HistoryStep {
  readonly type: 'call' | 'return'
  readonly operation: Operation
}

/** Both ends of all operations by time; at equal times calls come first, so that such operations overlap. */
export function inTimeOrder(history: History): HistoryStep[] {
  const steps: HistoryStep[] = []
  for (const operation of history) {
    steps.push({ type: 'call', operation })
    if (operation.return !== Number.POSITIVE_INFINITY) steps.push({ type: 'return', operation })
  }
  const at = (step: HistoryStep) => step.operation[step.type]
  return steps.sort(
    (a, b) => at(a) - at(b) || Number(a.type === 'return') - Number(b.type === 'return'),
  )
}
