// Every way a request can fail, as one table: the stable code, its HTTP status, and whether the same request
// may succeed later. The SDK throws these, the node answers them as RFC 9457 problems; messages may change,
// codes may not.

interface ErrorKind {
  readonly status: number
  readonly title: string
  /** True where trying again, unchanged, can succeed. */
  readonly retryable: boolean
}

const kind = (status: number, title: string, retryable = false): ErrorKind => ({
  status,
  title,
  retryable,
})

export const ERROR_KINDS = {
  malformed_request: kind(400, 'The request is not well-formed HTTP'),
  malformed_body: kind(400, 'The body cannot be decoded'),
  malformed_json: kind(400, 'The body is not well-formed JSON'),
  bad_parameter: kind(400, 'A query parameter or header is not understood'),
  not_found: kind(404, 'There is nothing at this path'),
  event_not_found: kind(404, 'No such event was ever accepted'),
  digest_gone: kind(404, 'The digest of that index is no longer kept'),
  method_not_allowed: kind(405, 'This path does not take this method'),
  request_timeout: kind(408, 'The request did not arrive in time', true),
  body_too_large: kind(413, 'The body is larger than the limit'),
  batch_too_large: kind(413, 'The batch holds more events than the limit'),
  event_too_large: kind(413, 'An event is larger than the limit'),
  unsupported_media_type: kind(415, 'This content type is not taken here'),
  invalid_event: kind(422, 'An event does not have the required shape'),
  invalid_request: kind(422, 'The body does not have the required shape'),
  empty_batch: kind(422, 'The batch holds no event'),
  headers_too_large: kind(431, 'The headers are larger than the limit'),
  overloaded: kind(429, 'The node has as much to do as its limit allows', true),
  internal: kind(500, 'The node failed to answer'),
  no_leader: kind(503, 'The cluster has no leader at present', true),
  not_leader: kind(503, 'This node is not the leader', true),
  stopping: kind(503, 'This node is stopping', true),
  rebuilding: kind(503, 'This node is rebuilding its state', true),
  behind: kind(503, 'This node has not applied that far yet', true),
  /** Said by the SDK alone: no node was there to answer, and nothing took effect. */
  unreachable: kind(503, 'No node can be reached', true),
  /** The only answer that leaves open whether the events were stored; the same ids make a retry safe. */
  outcome_unknown: kind(503, 'The outcome is not known', true),
} as const satisfies Record<string, ErrorKind>

export type ErrorCode = keyof typeof ERROR_KINDS

/** Where in a request the fault lies, and other facts a program can act on. */
export interface ErrorFacts {
  /** Place in the batch, from 0. */
  readonly index?: number
  /** Name of the field, parameter or header, dotted when nested. */
  readonly field?: string
  /** Byte offset in the body, from 0. */
  readonly offset?: number
  /** The limit that was passed, by its name and value. */
  readonly limit?: { readonly name: string; readonly value: number }
  readonly leader?: { readonly node_id: string; readonly url: string | null }
}

/** An operating error of the world outside: its `code` is stable, its message is for people. */
export class SekaliError extends Error {
  override readonly name = 'SekaliError'
  readonly code: ErrorCode
  readonly status: number
  readonly retryable: boolean
  readonly facts: ErrorFacts

  constructor(code: ErrorCode, detail: string, facts: ErrorFacts = {}, options?: ErrorOptions) {
    super(detail, options)
    this.code = code
    this.status = ERROR_KINDS[code].status
    this.retryable = ERROR_KINDS[code].retryable
    this.facts = facts
  }
}
