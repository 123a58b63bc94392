// What leader completeness asks of whom: an entry, the term in which it was committed, and a leader that lacks it.

import { expect, test } from 'vitest'
import type { Entry, Glance } from '../../raft/core/types.ts'
import { Committed, LeaderCompleteness } from './invariants.ts'
import { Memories } from './memory.ts'
import { NODE } from './observed-node.ts'

/** An entry of term 4 was committed in the term told, and n1, whose log is empty, becomes leader. */
function leadsWithoutIt(committedIn: number, leads: number) {
  const committed = new Committed()
  const entry: Entry = { index: 1, term: 4, type: 'noop', proposal: null, data: new Uint8Array() }
  committed.entries[1] = entry
  const checker = new LeaderCompleteness(new Memories(['n1', 'n2', 'n3']), committed)
  checker.noted(NODE, { type: 'commit', term: committedIn, detail: { index: 1 } })
  // A follower hears of it later, in a later term.
  checker.noted(NODE, { type: 'commit', term: committedIn + 3, detail: { index: 1 } })
  return () => checker.turned(NODE, { role: 'leader', term: leads, applied: 0 } as Glance)
}

test('whoever leads after the term in which an entry was committed has that entry', () => {
  expect(leadsWithoutIt(4, 5)).toThrow('I4: n1 leads term 5')
  expect(leadsWithoutIt(6, 7)).toThrow('committed in term 6')
})

test('a leader that wakes late need not have what a later term has committed, however old the entry is', () => {
  expect(leadsWithoutIt(6, 5)).not.toThrow()
})
