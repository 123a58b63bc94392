// What the dedup state machine answers: outcomes to who published, and pages, counts and digests to who reads.
//
// Plain data and one interface, so that the HTTP layer can be tested without a store. Every read is of one
// instant: nothing accepted after the call began is in its answer.

import type { Index } from '../../raft/core/types.ts'
import type { EventWalk } from '../command/format.ts'

export interface EventId {
  readonly topic: string
  readonly event_id: string
}

/** A CloudEvent is known by these two; its topic is not part of what it is. */
export interface CloudEventId {
  readonly source: string
  readonly id: string
}

/** One byte an event in EntryOutcome.flags; a conflict is a kind of duplicate. */
export const ACCEPTED = 0
export const DUPLICATE = 1
/** A duplicate whose content differs from what is stored. */
export const CONFLICT = 2

/** What apply decided for one entry, event by event, in the order of the command. */
export interface EntryOutcome {
  readonly count: number
  /** Of the event itself if accepted, else of the first copy. */
  readonly positions: Float64Array
  /** ACCEPTED, DUPLICATE or CONFLICT. */
  readonly flags: Uint8Array
  readonly accepted: number
}

/** The bytes of an answer for the event on which the walk stands; kept by the caller, so never a view of a buffer reused. */
export type RenderEvent = (walk: EventWalk, position: number) => Uint8Array

export interface PageQuery {
  /** An exact topic, or a pattern (see topic-pattern.ts); absent: all. */
  readonly topic?: string
  /** Beside an exact topic: that event. Beside a source and no topic: the CloudEvent of these two. */
  readonly eventId?: string
  /** asc: above this position; desc: below it. Absent: from the beginning, or from the newest. */
  readonly after?: number
  readonly limit: number
  readonly order: 'asc' | 'desc'
  readonly source?: string
  /** Instants of the events' own timestamps, in ms since 1970: sinceMs <= timestamp < untilMs. */
  readonly sinceMs?: number
  readonly untilMs?: number
  /** Events looked at before the page is given up short, with `next` set; default SCAN_EVENTS_MAX. */
  readonly scanMax?: number
  /** Nothing above this position is looked at, though more may be stored. */
  readonly upTo?: number
  /** Bytes of one page; the first event is given whatever its size. Default PAGE_BYTES_MAX. */
  readonly bytesMax?: number
  /** Default: the JSON text of the contract. */
  readonly render?: RenderEvent
}

export interface Page {
  /** One event each, as the query had it rendered: by default JSON text in UTF-8, ready to be joined with commas. */
  readonly events: readonly Uint8Array[]
  /** The `after` of the next page; null: this node has nothing further. */
  readonly next: number | null
  /** No event that fits stands between `after` and here, but those in the page. */
  readonly reached: number
}

/** All events behind one position and up to another, in memory: who walks over them waits for nothing. */
export interface EventBlock {
  /** The last position in it: of an event that stands there. */
  readonly upTo: number
  /** In order; the walk stands on the event of the position yielded last. */
  events(): Iterable<{ readonly walk: EventWalk; readonly position: number }>
}

export interface TopicSummary {
  readonly topic: string
  readonly events: number
  readonly last_position: number
}

export interface TopicsPage {
  readonly topics: readonly TopicSummary[]
  /** The `after` of the next page: a topic name. */
  readonly next: string | null
}

/** Replicated state as of one instant: equal on all nodes at equal appliedIndex. */
export interface StoreStats {
  readonly appliedIndex: Index
  readonly lastPosition: number
  readonly received: number
  readonly unique: number
  readonly duplicates: number
  readonly conflicts: number
  /** The first TOPICS_SHOWN_MAX (1,000) by name. */
  readonly topics: readonly string[]
  readonly topicsTotal: number
  /** 32 hexadecimal digits. */
  readonly digest: string
}

export interface Digest {
  readonly index: Index
  readonly digest: string
}

export interface DigestScan extends Digest {
  /** What the values on disk add up to. */
  readonly found: string
  readonly events: number
  /** The first few faults, one sentence each; empty: all is as it was written. */
  readonly faults: readonly string[]
}

/** The reading side of the state machine: what the HTTP layer sees of it. */
export interface EventReader {
  /** Synchronous and cached: cheap to call thousands of times a second. */
  stats(): StoreStats
  digest(): Digest
  /** Of exactly that applied index; null: not applied yet, or no longer kept. */
  digestAt(index: Index): string | null
  page(query: PageQuery): Promise<Page>
  /** From the first event above `after`, for about so many bytes; null: nothing is stored above it. */
  block(after: number, bytesMax: number): Promise<EventBlock | null>
  /** The event, by default its JSON text in UTF-8; null: never accepted. */
  get(topic: string, eventId: string, render?: RenderEvent): Promise<Uint8Array | null>
  /** In the order asked; null: never accepted. */
  positionsOf(ids: readonly (EventId | CloudEventId)[]): Promise<readonly (number | null)[]>
  /** By name, in the order of their UTF-8 bytes. */
  topics(after: string | null, limit: number): Promise<TopicsPage>
  /** Reads everything and sums it again; lets other work through while it does. */
  verifyDigest(): Promise<DigestScan>
}
