// §5.1: terms are the logical clock.

import { expect, test } from 'vitest'
import { entriesOf } from '../network.ts'
import { append, heartbeat, ofType, Solo } from '../solo.ts'

for (const role of ['follower', 'preCandidate', 'candidate', 'leader'] as const)
  test(`§5.1 a ${role} that meets a higher term becomes its follower`, () => {
    const solo = new Solo({ term: 1 }).become(role)

    solo.hear('n2', 7, append({ index: 0, term: 0 }))

    expect(solo.status).toMatchObject({ role: 'follower', term: 7, leader: 'n2', vote: null })
  })

test('§5.1 the higher term is durable before anything is said in it', () => {
  const solo = new Solo({ term: 1 })
  solo.member.slowDisk = true

  expect(solo.hear('n2', 7, append({ index: 0, term: 0 }))).toEqual([])
  solo.member.finishAppend()

  expect(solo.said()).toMatchObject([{ type: 'AppendOk', term: 7, match: 0 }])
  expect(solo.member.disk.hardState).toEqual({ term: 7, vote: null })
})

test('§5.1 requests of a stale term are answered with the present one and change nothing', () => {
  const solo = new Solo({ entries: entriesOf([1, 3]), commit: 1 })
  const before = solo.status

  expect(solo.hear('n2', 2, append({ index: 1, term: 1 }, entriesOf([2], 2)))).toMatchObject([
    { type: 'StaleTerm', to: 'n2', term: 3 },
  ])
  expect(solo.hear('n2', 2, heartbeat(2))).toMatchObject([{ type: 'StaleTerm', term: 3 }])
  expect(
    solo.hear('n2', 2, { type: 'Vote', last: { index: 9, term: 2 }, force: true }),
  ).toMatchObject([{ type: 'StaleTerm', term: 3 }])
  expect(solo.hear('n2', 2, { type: 'ReadIndex', ticket: 1 })).toMatchObject([
    { type: 'ReadIndexResp', ticket: 1, index: null },
  ])

  expect(solo.status).toEqual(before)
})

test('§5.1 replies of a stale term are dropped without a word', () => {
  const solo = new Solo({ term: 3 }).become('leader')
  const before = solo.status
  const { term } = before

  expect(solo.hear('n2', term - 1, { type: 'AppendOk', session: 1, match: 1 })).toEqual([])
  expect(solo.hear('n2', term - 1, { type: 'VoteResp', granted: true })).toEqual([])
  expect(solo.hear('n2', term - 1, { type: 'TimeoutNow' })).toEqual([])
  expect(solo.hear('n2', term - 1, { type: 'StaleTerm' })).toEqual([])

  expect(solo.status).toEqual(before)
})

test('§5.1 a deposed leader learns of the higher term from whomever it asks', () => {
  const solo = new Solo().become('leader')

  solo.hear('n2', 9, { type: 'StaleTerm' })

  expect(solo.status).toMatchObject({ role: 'follower', term: 9, leader: null })
})

test('§5.1 the term does not fall back at a restart, though no entry carries it', () => {
  const solo = new Solo({ entries: entriesOf([1, 1]) })
  solo.hear('n2', 8, { type: 'Vote', last: { index: 2, term: 1 }, force: false })

  const member = solo.network.restart('n1')

  expect(member.status).toMatchObject({ term: 8, vote: 'n2' })
})

test('§5.1 a term that no cluster can have reached is damage, not an election', () => {
  const solo = new Solo({ term: 1 })

  expect(solo.hear('n2', 2e9, heartbeat())).toEqual([])

  expect(solo.status.term).toBe(1)
  expect(ofType(solo.said(), 'HeartbeatResp')).toEqual([])
})
