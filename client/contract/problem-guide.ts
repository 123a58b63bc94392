// What each problem means to whoever gets it: the one table behind the pages that problem types resolve to and behind the
// API description. Status, title and whether to try again stand in errors.ts.

import type { ErrorCode } from '../errors.ts'

/** What became of the events of a publish that was answered with this problem. */
export type Stored = 'no' | 'perhaps' | 'read'

export interface ProblemGuide {
  readonly meaning: string
  /** no: certainly not stored. perhaps: it cannot be said. read: this never answers a publish. */
  readonly stored: Stored
  readonly remedy: string
}

const refused = (meaning: string, remedy: string): ProblemGuide => ({
  meaning,
  stored: 'no',
  remedy,
})
const read = (meaning: string, remedy: string): ProblemGuide => ({
  meaning,
  stored: 'read',
  remedy,
})
const open = (meaning: string, remedy: string): ProblemGuide => ({
  meaning,
  stored: 'perhaps',
  remedy,
})

const AGAIN =
  'Send the same request again after Retry-After, with the same ids, to this node or to another.'

export const PROBLEM_GUIDE: Readonly<Record<ErrorCode, ProblemGuide>> = {
  malformed_request: refused(
    'What arrived is not HTTP/1.1, or its target or Host header is not valid.',
    'Look at what stands between the client and the node; a client library rarely does this.',
  ),
  malformed_body: refused(
    'The body says it is compressed and cannot be decompressed.',
    'Send gzip, or leave out Content-Encoding.',
  ),
  malformed_json: refused(
    'The body is not well-formed JSON in UTF-8. `offset` is the byte at which it goes wrong; for one event a line, `index` is the event.',
    'Correct the body. A field that stands twice in one object counts as malformed, too.',
  ),
  bad_parameter: refused(
    'A query parameter or header is unknown here, is given twice, or its value is out of its bounds. `field` names it.',
    'Correct the request. Parameters are never guessed at, so that a misspelt filter cannot be ignored.',
  ),
  not_found: refused(
    'No route has this path. Paths are compared as they are sent: case counts, and so does a slash at the end.',
    'See /docs for the routes. In paths, a topic with a slash is written with %2F.',
  ),
  event_not_found: read(
    'This topic and event_id were never accepted, as far as this node has applied the log.',
    'To be sure at this moment, ask with consistency=linearizable; to see your own write, with min_position.',
  ),
  digest_gone: read(
    'Only the digests of the latest entries are kept, and that index is older.',
    'Ask all nodes for their present digests, and compare those of equal index.',
  ),
  method_not_allowed: refused(
    'The path is right and the method is not. Allow names those it takes.',
    'Use one of them.',
  ),
  request_timeout: refused(
    'The request did not arrive completely in the time a node allows for it.',
    'Send it again; if it is large and the way is slow, in smaller pieces or with gzip.',
  ),
  body_too_large: refused(
    'The body has more bytes than `limit`, as it is or decompressed. The connection is closed.',
    'Send it in several requests.',
  ),
  batch_too_large: refused(
    'The request names more events or ids than `limit`.',
    'Send it in several requests.',
  ),
  event_too_large: refused(
    'An event has more bytes than `limit`; `index` says which.',
    'Keep large things elsewhere, and publish where they are.',
  ),
  unsupported_media_type: refused(
    'The Content-Type, its charset or the Content-Encoding is none that this path takes.',
    "Say what the body is. curl calls everything a form unless told otherwise: -H 'content-type: application/json'.",
  ),
  invalid_event: refused(
    'An event lacks a field, has one that no event has, or one of another shape. `index` and `field` say which. Nothing of the batch was taken.',
    'Correct that event and send the batch again.',
  ),
  invalid_request: refused(
    'The body is JSON and not what this path takes. `field` says where.',
    'Correct the body.',
  ),
  empty_batch: refused(
    'The batch holds nothing. It is refused because an empty batch is most often a fault of the sender.',
    'Send at least one.',
  ),
  headers_too_large: refused(
    'The headers have more bytes than `limit`.',
    'Send fewer or shorter headers; cookies are often the reason.',
  ),
  overloaded: refused(
    'More publishes, or more bytes of them, wait in this node than `limit`. It is said at the door, before anything is proposed.',
    AGAIN,
  ),
  internal: open(
    'A fault of this program. The log of the node says more.',
    'Please report it. A publish may be sent again with the same ids: it is stored once at most.',
  ),
  no_leader: refused(
    'No leader took the publish, or confirmed the read, before the deadline: a majority of the nodes is down, cut off, or still electing.',
    `${AGAIN} If it stays, look at /cluster on every node.`,
  ),
  not_leader: read(
    'A probe asked whether this node leads, and it does not.',
    'Nothing: every node takes every request. Only load balancers ask this.',
  ),
  stopping: refused('This node is shutting down and takes no more publishes.', AGAIN),
  rebuilding: refused(
    'This node builds its store again, from its log or from another node, and cannot answer meanwhile.',
    'Ask another node. /stats shows how far it has come.',
  ),
  behind: read(
    'This node has not applied the position or index that was asked for, and did not in time.',
    'Ask again, or another node; `leader` is never behind what was acknowledged.',
  ),
  unreachable: refused(
    'Said by the SDK alone: no node could be connected to, so nothing was sent.',
    'Check addresses and network; then publish again.',
  ),
  outcome_unknown: open(
    'The publish was proposed, and the deadline came before its outcome was known. It may be stored, or be stored later.',
    'Send the same request again with the same ids until it is answered. What is stored already is answered as a duplicate, which may be your own first try.',
  ),
}
