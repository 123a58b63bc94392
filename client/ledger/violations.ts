// The rules that a history can break, and the list of what it broke. Each violation is one sentence that names the
// event, the positions, the nodes and the times, so that somebody who sees only the sentence can start to search.

/** Rule names; in brackets the invariant of DESIGN.md or faults.md part 5 that it is the client's view of. */
export const RULES = {
  'accepted-twice': 'one publish of an event is accepted, all others are duplicates (I11)',
  'two-positions': 'an event keeps the position it was first given (I11)',
  'position-shared': 'a position belongs to one event (I11)',
  'against-time':
    'positions follow time: what was shown before a call lies below what it stores (I15)',
  'duplicate-of-nothing': 'a duplicate names an event that some publish can have stored (I14)',
  'wrong-conflict': 'conflict is told exactly when the content differs from what is stored',
  'content-changed': 'what is shown is what was stored, unchanged (I14)',
  phantom: 'only what was sent is shown (I14)',
  'refused-but-stored': 'a refusal means certainly not stored',
  'stale-read': 'a linearizable read shows all that was shown before it (I15)',
  'went-back': 'a node does not forget, within one life, what it has shown',
  'below-min-position': 'a read with min_position shows all up to it',
  'list-order': 'a page is in the order of positions and repeats nothing',
  'list-range': 'a page shows only what was asked for',
  'list-gap': 'a page shows every event between its ends',
  'stats-sum': 'received = unique + duplicates, and unique = last position (I13)',
  'stats-bounds':
    'counters lie between what was answered before and what was called until then (I13)',
  'stats-went-back': 'counters never fall (I13)',
  'stats-differ': 'counters and digest are equal at equal applied index (I12, I13)',
  lost: 'what was acknowledged or shown is on every node for good (I10)',
  'stored-twice': 'an event is stored once (I11)',
  hole: 'positions are dense: 1, 2, 3 …',
  'not-converged': 'healed nodes reach the same applied index',
  malformed: 'a history is well formed',
} as const

export type Rule = keyof typeof RULES

export interface Violation {
  readonly rule: Rule
  readonly sentence: string
}

/** Sentences kept; the rest is only counted. The first ones tell the cause, the others mostly its consequences. */
export const VIOLATIONS_KEPT_MAX = 1_000

export class Violations {
  readonly kept: Violation[] = []
  count = 0

  add(rule: Rule, sentence: string): void {
    this.count += 1
    if (this.kept.length < VIOLATIONS_KEPT_MAX) this.kept.push({ rule, sentence })
  }
}

/** An event, in a sentence. */
export function named(event: { readonly topic: string; readonly eventId: string }): string {
  return `event ${JSON.stringify(event.eventId)} of topic ${JSON.stringify(event.topic)}`
}
