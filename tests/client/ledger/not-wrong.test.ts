// What looks odd and may happen is not flagged.

import { describe, expect, test } from 'vitest'
import {
  A,
  absent,
  accepted,
  B,
  C,
  counted,
  duplicate,
  E,
  EARLY,
  everywhere,
  page,
  present,
  published,
  type Story,
  verdictOn,
} from './story.ts'

test('the story itself is true', () => {
  const verdict = verdictOn(() => {})

  expect(verdict.violations).toEqual([])
  expect(verdict).toMatchObject({ clean: true, acknowledged: 3, digestsEqualAt: 8 })
  expect(verdict.publishes).toEqual({ accepted: 2, duplicate: 3, refused: 1, unknown: 2 })
})

describe('not flagged, since it may happen:', () => {
  const truths: [string, (told: Story) => void][] = [
    [
      'an unknown publish that is stored nowhere',
      (told) => {
        told.cDuplicate.answer = { type: 'unknown' }
        told.listAll.answer = page([A, B])
        told.listOrders.answer = page([A, B])
        told.listRest.answer = page([])
        told.getLocal.answer = absent
        told.statsLate.answer = counted({ ...EARLY, applied: 8 })
        everywhere(told, (node) => {
          node.events = [A, B]
          node.counters = { ...EARLY, applied: 8 }
        })
      },
    ],
    [
      'positions the other way round, while the publishes overlap',
      (told) => {
        told.bAccepted.call = 5
        told.aAgain.call = told.aAgain.return = 55
        const [first, second] = [
          { ...B, position: 1 },
          { ...A, position: 2 },
        ]
        told.aAccepted.answer = published(accepted(2))
        told.bAccepted.answer = published(accepted(1))
        told.aAgain.answer = published(duplicate(2))
        told.aConflict.answer = published(duplicate(2, true))
        told.getA.answer = present(2)
        told.getB.answer = present(1)
        told.listAll.answer = page([first, second, C, E])
        told.listOrders.answer = page([first, second, E])
        everywhere(told, (node) => {
          node.events = [first, second, C, E]
        })
      },
    ],
    [
      'a local read on a node that had shown nothing yet',
      (told) => {
        told.getB.request = { type: 'get', topic: 'orders', eventId: 'b', consistency: 'local' }
        told.getB.answer = absent
        told.getB.call = 51
        told.getB.return = 55
      },
    ],
    [
      'a local read in the next life of a node',
      (told) => {
        told.getLocal.answer = absent
        told.getLocal.life = 1
      },
    ],
    [
      'a duplicate that is the caller’s own first try',
      (told) => {
        told.cUnheard.answer = { type: 'refused' }
        told.cDuplicate.tries = 2
      },
    ],
    [
      'a read that overlaps the publish finds it absent',
      (told) => {
        told.getB.call = 45
        told.getB.return = 48
        told.getB.answer = absent
      },
    ],
  ]

  test.each(truths)('%s', (_name, change) => {
    expect(verdictOn(change).violations).toEqual([])
  })
})
