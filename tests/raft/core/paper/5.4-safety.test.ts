// §5.4: who may be elected, and what counting may commit.

import { expect, test } from 'vitest'
import { entriesOf, IDS, Network, startOf } from '../network.ts'
import { ofType, Solo } from '../solo.ts'

test('§5.4.1 a vote request tells the last entry of the candidate’s log', () => {
  const solo = new Solo({ entries: entriesOf([1, 1, 4]) }).become('preCandidate')
  const said = solo.hear('n2', 5, { type: 'PreVoteResp', granted: true })
  expect(ofType(said, 'Vote')).toMatchObject([
    { to: 'n2', term: 5, last: { index: 3, term: 4 } },
    { to: 'n3', term: 5, last: { index: 3, term: 4 } },
  ])
})

test.each([
  { own: [1], last: { index: 1, term: 1 }, granted: true },
  { own: [1], last: { index: 2, term: 1 }, granted: true },
  { own: [1, 1], last: { index: 1, term: 1 }, granted: false },
  { own: [1], last: { index: 1, term: 2 }, granted: true },
  { own: [1, 1], last: { index: 1, term: 2 }, granted: true },
  { own: [2], last: { index: 1, term: 1 }, granted: false },
  { own: [2], last: { index: 9, term: 1 }, granted: false },
  { own: [], last: { index: 0, term: 0 }, granted: true },
])('§5.4.1 log $own, candidate $last: granted $granted', ({ own, last, granted }) => {
  const solo = new Solo({ entries: entriesOf(own), term: 2 })

  expect(solo.hear('n2', 3, { type: 'Vote', last, force: false })).toMatchObject([{ granted }])

  expect(solo.status.vote).toBe(granted ? 'n2' : null)
})

test('§5.4.1 the comparison uses the whole log, what is not durable yet included', () => {
  const solo = new Solo({ entries: entriesOf([1]) })
  solo.member.slowDisk = true
  solo.hear('n3', 1, {
    type: 'Append',
    session: 1,
    prev: { index: 1, term: 1 },
    entries: entriesOf([1], 2),
    commit: 0,
  })
  solo.member.finishAppend()
  solo.said()
  solo.hear('n2', 2, { type: 'Vote', last: { index: 1, term: 1 }, force: true })
  solo.member.finishAppend()

  expect(ofType(solo.said(), 'VoteResp')).toMatchObject([{ granted: false }])
})

test('§5.4.2 an entry of an earlier term is not committed by counting, but under one of the own term', () => {
  const solo = new Solo({ entries: entriesOf([1, 2]), term: 3 }).become('leader')
  const { term } = solo.status
  const [beat] = ofType(solo.tick(), 'Heartbeat')
  const { session } = beat!

  solo.hear('n2', term, { type: 'AppendOk', session, match: 1 })
  expect(solo.status.commit).toBe(0)
  solo.hear('n2', term, { type: 'AppendOk', session, match: 2 })
  expect(solo.status.commit).toBe(0)
  solo.hear('n2', term, { type: 'AppendOk', session, match: 3 })
  expect(solo.status.commit).toBe(3)
})

test('§5.4.3 a leader has every entry that was ever committed', () => {
  const network = new Network(IDS, {
    n1: startOf('n1', IDS, { entries: entriesOf([1, 1, 2]), term: 2 }),
    n2: startOf('n2', IDS, { entries: entriesOf([1, 1, 2]), term: 2 }),
    n3: startOf('n3', IDS, { entries: entriesOf([1, 1, 1, 1, 1]), term: 2 }),
  })

  network.tick(60, ['n3'])
  expect(network.get('n3').status.role).not.toBe('leader')
  network.tick(60)

  expect(['n1', 'n2']).toContain(network.leader)
  expect(network.terms('n3')).toBe(network.terms(network.leader!))
})

test('§5.4 a counted acknowledgement of a node whose store is not the pinned one counts for nothing', () => {
  const solo = new Solo().become('leader')
  solo.member.step({ type: 'PeerMet', peer: 'n2', store: 'another' })
  const beats = ofType(solo.tick(), 'Heartbeat')
  const session = beats.find((m) => m.to === 'n2')!.session

  solo.hear('n2', 1, { type: 'AppendOk', session, match: 1 })

  expect(solo.status.peers[0]).toMatchObject({ match: 1, counts: false })
  expect(solo.status.commit).toBe(0)
})
