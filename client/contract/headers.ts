// Names of the headers that every answer of a node carries, errors included. They tell who answered and how far
// that node had applied at that moment, so that a client can learn the leader and read its own writes elsewhere.

export const HEADERS = {
  node: 'sekali-node',
  role: 'sekali-role',
  term: 'sekali-term',
  /** Node id; empty while none is known. */
  leader: 'sekali-leader',
  /** Index of the last log entry this node has applied. */
  applied: 'sekali-applied',
  /** Position of the last event this node has applied: good as min_position on any node. */
  position: 'sekali-position',
  /** On an answered publish: accepted, duplicate, mixed, or none (of no events), for clients that see no body. */
  outcome: 'sekali-outcome',
} as const

/** On pages that have no place for it in the body: the `after` of the next page. */
export const NEXT_HEADER = 'sekali-next'
