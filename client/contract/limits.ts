// The public limits: what a request may hold, by name, with the values in force by default. A node may be
// configured with others and then names the limit it applied in its answer; the lengths of names are part of the
// contract itself and the same everywhere.

/** Code points, of topic and event_id (at least one) and of source (may be empty). */
export const NAME_CODE_POINTS_MAX = 255

export interface RequestLimits {
  /** Bytes of a request body, after decompression. */
  readonly bodyBytesMax: number
  readonly batchEventsMax: number
  /** Bytes of one event as it was sent. */
  readonly eventBytesMax: number
  /** Nesting of objects and arrays, counted from the event's own braces. */
  readonly jsonDepthMax: number
}

export const REQUEST_LIMITS: RequestLimits = {
  bodyBytesMax: 8 * 1024 * 1024,
  batchEventsMax: 10_000,
  eventBytesMax: 1024 * 1024,
  jsonDepthMax: 64,
}

/** Ids in one POST /seen. */
export const SEEN_IDS_MAX = 10_000

/** Rows of one page of GET /events and GET /topics. */
export const PAGE_LIMIT_DEFAULT = 100
export const PAGE_LIMIT_MAX = 1_000

/** GET /events?wait= waits no longer than this for its first event. */
export const WAIT_MS_MAX = 30_000

/** GET /subscribe is not silent for longer: a comment is sent where there is no event. */
export const SUBSCRIBE_HEARTBEAT_MS = 15_000

/** Topics named in GET /stats; the rest is counted and listed by GET /topics. */
export const STATS_TOPICS_MAX = 1_000
