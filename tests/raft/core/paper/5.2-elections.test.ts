// §5.2: leader election.

import { expect, test } from 'vitest'
import { entriesOf, FIVE, IDS, Network } from '../network.ts'
import { append, heartbeat, ofType, Solo } from '../solo.ts'

const vote = { type: 'Vote', last: { index: 9, term: 1 }, force: false } as const

test('§5.2 a node starts as a follower', () => {
  expect(new Solo().status).toMatchObject({ role: 'follower', term: 0, leader: null, vote: null })
})

test('§5.2 a leader sends heartbeats to all, every heartbeat interval', () => {
  const solo = new Solo({}, { heartbeatTicks: 2, electionTicks: 20 }).become('leader')
  solo.said()

  const beats = ofType(solo.tick(6), 'Heartbeat')

  expect(beats.map((m) => m.to)).toEqual(['n2', 'n3', 'n2', 'n3', 'n2', 'n3'])
})

test('§5.2 a follower that hears nothing starts an election, in a new term, voting for itself', () => {
  const solo = new Solo({ term: 4 }).become('candidate')

  expect(solo.status).toMatchObject({ role: 'candidate', term: 5, vote: 'n1', leader: null })
  expect(solo.member.disk.hardState).toEqual({ term: 5, vote: 'n1' })
})

test('§5.2 a candidate without a winner tries again, each time in a new term', () => {
  const solo = new Solo().become('candidate')
  const { term } = solo.status

  solo.become('preCandidate').become('candidate')

  expect(solo.status).toMatchObject({ role: 'candidate', term: term + 1 })
})

test.each([
  { members: 1, votes: 0, role: 'leader' },
  { members: 2, votes: 0, role: 'candidate' },
  { members: 2, votes: 1, role: 'leader' },
  { members: 3, votes: 1, role: 'leader' },
  { members: 4, votes: 1, role: 'candidate' },
  { members: 4, votes: 2, role: 'leader' },
  { members: 5, votes: 1, role: 'candidate' },
  { members: 5, votes: 2, role: 'leader' },
])('§5.2 in a cluster of $members, $votes votes beside its own make a $role', (given) => {
  const solo = new Solo({}, {}, FIVE.slice(0, given.members))
  if (given.members === 1) solo.tickUntil('leader')
  else {
    solo.become('candidate')
    for (const peer of FIVE.slice(1, 1 + given.votes))
      solo.hear(peer, solo.status.term, { type: 'VoteResp', granted: true })
  }
  expect(solo.status.role).toBe(given.role)
})

test('§5.2 a majority of refusals ends a candidacy', () => {
  const solo = new Solo().become('candidate')

  solo.hear('n2', 1, { type: 'VoteResp', granted: false })
  expect(solo.status.role).toBe('candidate')
  solo.hear('n3', 1, { type: 'VoteResp', granted: false })

  expect(solo.status).toMatchObject({ role: 'follower', term: 1, vote: 'n1' })
})

test('§5.2 one voter that repeats itself is one vote', () => {
  const solo = new Solo({}, {}, FIVE).become('candidate')

  for (let i = 0; i < 3; i++) solo.hear('n2', 1, { type: 'VoteResp', granted: true })

  expect(solo.status.role).toBe('candidate')
})

test('§5.2 votes at most once per term, first come, first served', () => {
  const solo = new Solo({ term: 1 })

  expect(solo.hear('n2', 2, vote)).toMatchObject([{ type: 'VoteResp', to: 'n2', granted: true }])
  expect(solo.hear('n3', 2, vote)).toMatchObject([{ type: 'VoteResp', to: 'n3', granted: false }])
  expect(solo.hear('n2', 2, vote)).toMatchObject([{ type: 'VoteResp', to: 'n2', granted: true }])
})

test('§5.2 the vote is remembered across a restart', () => {
  const solo = new Solo({ term: 1 })
  solo.hear('n2', 2, vote)
  solo.network.heal()
  solo.network.restart('n1')
  solo.network.isolate('n1')
  const member = solo.network.get('n1')
  member.settle()
  for (const peer of ['n2', 'n3'])
    member.step({
      type: 'Remembered',
      pinned: 'store-of-n1',
      seen: null,
      commit: 0,
      from: peer,
      to: 'n1',
      term: 0,
    })
  member.settle()
  member.outbox.splice(0)

  member.step({ ...vote, from: 'n3', to: 'n1', term: 2 })
  member.settle()

  expect(member.outbox).toMatchObject([{ type: 'VoteResp', to: 'n3', granted: false }])
})

test('§5.2 a candidate that hears its term’s leader follows it, and keeps its vote', () => {
  const solo = new Solo().become('candidate')

  solo.hear('n2', 1, heartbeat())
  expect(solo.status).toMatchObject({ role: 'follower', term: 1, leader: 'n2', vote: 'n1' })

  expect(solo.hear('n3', 1, { ...vote, force: true })).toMatchObject([{ granted: false }])
})

test('§5.2 who knows the leader of a term votes for nobody in it', () => {
  const solo = new Solo({ term: 1 })
  solo.hear('n2', 3, append({ index: 0, term: 0 }))

  expect(solo.hear('n3', 3, { ...vote, force: true })).toMatchObject([{ granted: false }])
})

test('§5.2 election timeouts are drawn from one to two election times, all of them', () => {
  const timeouts = new Set<number>()
  for (let seed = 1; seed <= 200; seed++) timeouts.add(timeoutOf(seed))
  expect([...timeouts].sort((a, b) => a - b)).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19])
})

test('§5.2 five nodes that start together rarely choose the same shortest timeout', () => {
  let clashes = 0
  for (let round = 0; round < 1000; round++) {
    const timeouts = FIVE.map((_, i) => timeoutOf(round * 5 + i + 1))
    const least = Math.min(...timeouts)
    if (timeouts.filter((timeout) => timeout === least).length > 1) clashes++
  }
  expect(clashes).toBeLessThanOrEqual(300)
})

test('§5.2 even when all time out at once, one round elects a leader', () => {
  for (const ids of [IDS, FIVE.slice(0, 4), FIVE]) {
    const network = new Network(ids)
    for (const id of ids) for (let i = 0; i < 20; i++) network.get(id).raft.tick()
    network.deliver()

    expect(network.leader).not.toBeNull()
    expect(network.get(network.leader!).status.term).toBe(1)
  }
})

test('§5.2 a vote counts only when it is durable, and only then may the candidate count its own', () => {
  const solo = new Solo().become('preCandidate')
  solo.member.slowDisk = true
  solo.hear('n2', 1, { type: 'PreVoteResp', granted: true })
  expect(solo.status.role).toBe('candidate')
  expect(ofType(solo.said(), 'Vote')).toEqual([])

  solo.hear('n2', 1, { type: 'VoteResp', granted: true })
  expect(solo.status.role).toBe('candidate')
  solo.member.finishAppend()

  expect(solo.status.role).toBe('leader')
})

test('§5.2 a vote that comes late still counts in its term', () => {
  const solo = new Solo().become('candidate')
  const { term } = solo.status
  solo.become('preCandidate')

  solo.hear('n2', term, { type: 'VoteResp', granted: true })

  expect(solo.status).toMatchObject({ role: 'leader', term })
})

test('§5.2 a vote that comes late counts no more when its own is not durable, or the term has a leader', () => {
  const undurable = new Solo().become('preCandidate')
  undurable.member.slowDisk = true
  undurable.hear('n2', 1, { type: 'PreVoteResp', granted: true })
  undurable.tickUntil('follower')
  undurable.hear('n2', 1, { type: 'VoteResp', granted: true })
  expect(undurable.status.role).toBe('follower')
  undurable.member.finishAppend()
  expect(undurable.status).toMatchObject({ role: 'leader', term: 1 })

  const led = new Solo().become('candidate')
  led.hear('n3', 1, heartbeat())
  led.hear('n2', 1, { type: 'VoteResp', granted: true })
  expect(led.status).toMatchObject({ role: 'follower', term: 1, leader: 'n3' })

  const deposed = new Solo().become('leader')
  deposed.tickUntil('follower')
  const { term } = deposed.status
  deposed.hear('n3', term, { type: 'VoteResp', granted: true })
  expect(deposed.status).toMatchObject({ role: 'follower', term })
})

test('§5.2 requests and grants of a vote wait for the disk', () => {
  const solo = new Solo({ term: 1 })
  solo.member.slowDisk = true

  expect(solo.hear('n2', 2, vote)).toEqual([])
  solo.member.finishAppend()
  expect(solo.said()).toMatchObject([{ type: 'VoteResp', granted: true }])
})

test('§5.2 a higher term makes promises of the old one that have not left yet void', () => {
  const solo = new Solo({ term: 1 })
  solo.member.slowDisk = true
  solo.hear('n2', 2, append({ index: 0, term: 0 }, entriesOf([2])))
  solo.hear('n2', 2, vote)

  solo.hear('n3', 3, { ...vote, last: { index: 9, term: 2 }, force: true })
  solo.member.finishAppend()
  solo.said()
  solo.member.finishAppend()

  const left = solo.said()
  expect(ofType(left, 'VoteResp')).toMatchObject([{ to: 'n3', term: 3, granted: true }])
  expect(left.filter((m) => m.term === 2 && m.type === 'VoteResp')).toEqual([])
})

function timeoutOf(seed: number): number {
  const solo = new Solo({}, { seed }, ['n1', 'n2'])
  let ticks = 0
  while (solo.status.role === 'follower') {
    solo.tick()
    ticks++
  }
  return ticks
}
