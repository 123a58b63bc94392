// What is wrong with the contents of the nodes at the end is flagged.

import { expect, test } from 'vitest'
import { judge, Ledger } from '../../../client/ledger/ledger.ts'
import {
  A,
  B,
  C,
  E,
  everywhere,
  expectFlagged,
  LATE,
  page,
  shown,
  story,
  verdictOn,
} from './story.ts'

expectFlagged([
  [
    'an unknown publish was stored twice',
    'stored-twice',
    (told) => {
      everywhere(told, (node) => {
        node.events = [A, B, C, E, { ...E, position: 5 }]
        node.counters = { ...LATE, received: 8, unique: 5, lastPosition: 5 }
      })
    },
  ],
  [
    'an acknowledged event was stored twice',
    'stored-twice',
    (told) => {
      told.contents[1]!.events = [A, B, C, E, { ...A, position: 5 }]
    },
  ],
  [
    'positions have a hole',
    'hole',
    (told) => {
      everywhere(told, (node) => {
        node.events = [A, B, E]
      })
    },
  ],
  [
    'a node holds an event that nobody sent',
    'phantom',
    (told) => {
      told.contents[1]!.events = [A, B, C, E, shown('logs', 'z', 5)]
    },
  ],
  [
    'all nodes hold a content that nobody sent',
    'content-changed',
    (told) => {
      told.listAll.answer = page([A, B, C])
      told.listAll.call = 151
      told.listAll.return = 152
      told.listOrders.answer = { type: 'unknown' }
      told.getLocal.answer = { type: 'unknown' }
      everywhere(told, (node) => {
        node.events = [A, B, C, { ...E, hash: 'three' }]
      })
    },
  ],
  [
    'one node holds another content',
    'content-changed',
    (told) => {
      told.contents[1]!.events = [A, B, { ...C, hash: 'two' }, E]
    },
  ],
  [
    'one node holds two events the other way round',
    'two-positions',
    (told) => {
      told.contents[1]!.events = [A, { ...C, position: 2 }, { ...B, position: 3 }, E]
    },
  ],
  [
    'one node shows another digest',
    'stats-differ',
    (told) => {
      told.contents[2]!.counters = { ...LATE, digest: 'other' }
    },
  ],
  [
    'one node counts a duplicate more',
    'stats-differ',
    (told) => {
      told.contents[2]!.counters = { ...LATE, received: 8, duplicates: 4 }
    },
  ],
  [
    'all nodes counted an unheard publish twice',
    'stats-bounds',
    (told) => {
      everywhere(told, (node) => {
        node.counters = { ...LATE, received: 8, duplicates: 4 }
      })
    },
  ],
  [
    'all nodes counted a publish whose event is stored nowhere',
    'stats-bounds',
    (told) => {
      told.getLater = {
        ...told.eUnknown,
        request: { type: 'publish', events: [{ topic: 'logs', eventId: 'y', hash: 'one' }] },
      }
      everywhere(told, (node) => {
        node.counters = { ...LATE, received: 8, duplicates: 4 }
      })
    },
  ],
  [
    'all nodes forgot a duplicate',
    'stats-bounds',
    (told) => {
      everywhere(told, (node) => {
        node.counters = { ...LATE, received: 6, duplicates: 2 }
      })
    },
  ],
  [
    'a conflict was not counted',
    'stats-bounds',
    (told) => {
      everywhere(told, (node) => {
        node.counters = { ...LATE, conflicts: 0 }
      })
    },
  ],
  [
    'a node counts an event that it does not hold',
    'stats-sum',
    (told) => {
      told.contents[0]!.events = [A, B, C]
    },
  ],
  [
    'an acknowledged event has given its position to an unheard one',
    'lost',
    (told) => {
      for (const read of [told.listAll, told.listOrders, told.getB, told.getLocal]) {
        read.answer = { type: 'unknown' }
      }
      everywhere(told, (node) => {
        node.events = [A, { ...E, position: 2 }, C]
        node.counters = { ...LATE, received: 6, unique: 3, lastPosition: 3 }
      })
    },
  ],
  [
    'a node shows its contents out of order',
    'list-order',
    (told) => {
      told.contents[0]!.events = [A, B, C, B, E]
    },
  ],
  [
    'a node is behind the others',
    'not-converged',
    (told) => {
      told.contents[2]!.counters = { ...LATE, applied: 7 }
    },
  ],
])

test('without a look at the nodes nothing is claimed of them', () => {
  const { contents: _, ...operations } = story()

  const verdict = judge(Object.values(operations))

  expect(verdict).toMatchObject({
    clean: true,
    lost: null,
    storedTwice: null,
    digestsEqualAt: null,
  })
})

test('the verdict counts what was lost, stored twice or invented once, on however many nodes', () => {
  const lost = verdictOn((told) =>
    everywhere(told, (node) => {
      node.events = [B, C, E]
    }),
  )
  const twice = verdictOn((told) =>
    everywhere(told, (node) => {
      node.events = [A, B, C, E, { ...A, position: 5 }]
    }),
  )
  const phantom = verdictOn((told) =>
    everywhere(told, (node) => {
      node.events = [A, B, C, E, shown('logs', 'z', 5)]
    }),
  )

  expect(lost).toMatchObject({ lost: 1, positionsDense: false })
  expect(twice).toMatchObject({ storedTwice: 1, lost: 0 })
  expect(phantom).toMatchObject({ phantoms: 1, lost: 0 })
})

test('contents without counters prove nothing about them', () => {
  const ledger = new Ledger()
  ledger.readBack('n1').add([])

  expect(ledger.verdict().violations).toEqual([
    { rule: 'malformed', sentence: 'The counters of n1 were not read.' },
  ])
})
