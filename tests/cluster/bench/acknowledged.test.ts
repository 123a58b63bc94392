// The account of what was acknowledged: positions read off answers, and answers that contradict each other.

import { expect, test } from 'vitest'
import { Acknowledged } from '../../../cluster/bench/acknowledged.ts'
import { Workload } from '../../../cluster/bench/workload.ts'

const answerOf = (...positions: number[]): Buffer =>
  Buffer.from(
    JSON.stringify({
      status: 'committed',
      count: positions.length,
      results: positions.map((position) => ({
        topic: 'orders',
        event_id: 'x',
        outcome: 'accepted',
        position,
      })),
    }),
  )

function account(duplicateShare: number): Acknowledged {
  return new Acknowledged(new Workload({ seed: 1, lapEvents: 100, duplicateShare }))
}

test('takes the position of each event out of an answer', () => {
  const account = new Acknowledged(new Workload({ seed: 1, lapEvents: 100, duplicateShare: 0 }))
  account.sending(0, 3)

  expect(account.answered(0, 3, answerOf(7, 1_234_567, 9))).toBe(true)

  expect([...account.positions()]).toEqual([
    { distinct: 0, position: 7 },
    { distinct: 1, position: 1_234_567 },
    { distinct: 2, position: 9 },
  ])
  expect(account).toMatchObject({ sent: 3, acknowledged: 3, faults: [] })
})

test.each([
  ['too few positions', answerOf(1, 2)],
  ['too many', answerOf(1, 2, 3, 4)],
  ['none', Buffer.from('{}')],
])('refuses an answer with %s', (_, body) => {
  const fresh = account(0)
  fresh.sending(0, 3)

  expect(fresh.answered(0, 3, body)).toBe(false)
})

test('knows what was sent and not acknowledged, in any lap', () => {
  const fresh = account(0)
  fresh.sending(250, 2)
  fresh.told(250, 5)

  expect(fresh.wasSent(250)).toBe(true)
  expect(fresh.positionOf(250)).toBe(5)
  expect(fresh.wasSent(251)).toBe(true)
  expect(fresh.positionOf(251)).toBe(0)
  expect(fresh.wasSent(252)).toBe(false)
})

test('a re-sent event answered with another position is a fault', () => {
  const fresh = account(0.9)
  const { workload } = fresh
  const again = Array.from({ length: 99 }, (_, place) => place + 1).find(
    (number) => workload.distinctOf(number) === 0,
  )!
  fresh.sending(0, 1)
  fresh.sending(again, 1)
  fresh.told(0, 5)
  fresh.told(again, 5)
  expect(fresh.faults).toEqual([])

  fresh.sending(again, 1)
  fresh.told(again, 6)

  expect(fresh.faults).toEqual([
    `${workload.idOf(0)} was acknowledged at position 6, and before at 5`,
  ])
})

test('an answer without a position, or to what was never sent, is a fault', () => {
  const fresh = account(0)
  fresh.sending(0, 1)
  fresh.told(0, 0)
  fresh.told(1, 3)

  expect(fresh.faults).toHaveLength(2)
})
