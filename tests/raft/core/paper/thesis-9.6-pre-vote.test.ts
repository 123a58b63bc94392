// Thesis §9.6: a node asks whether it could win before it raises its term.

import { expect, test } from 'vitest'
import { entriesOf, FIVE, IDS, Network, startOf } from '../network.ts'
import { append, heartbeat, ofType, Solo } from '../solo.ts'

const preVote = (index: number, term: number) =>
  ({ type: 'PreVote', last: { index, term }, force: false }) as const

test('§9.6 asking changes neither term nor vote, on either side', () => {
  const solo = new Solo({ entries: entriesOf([1]), term: 3, vote: 'n1' }).become('preCandidate')
  expect(solo.status).toMatchObject({ term: 3, vote: 'n1' })

  const other = new Solo({ entries: entriesOf([1]), term: 3, vote: 'n1' })
  expect(other.hear('n2', 4, preVote(1, 1))).toMatchObject([
    { type: 'PreVoteResp', granted: true, term: 4 },
  ])
  expect(other.status).toMatchObject({ term: 3, vote: 'n1' })
  expect(other.member.readies.every((ready) => ready.append === null)).toBe(true)
})

test('§9.6 a majority of grants makes a candidate', () => {
  const solo = new Solo({}, {}, FIVE).become('preCandidate')
  solo.hear('n2', 1, { type: 'PreVoteResp', granted: true })
  expect(solo.status).toMatchObject({ role: 'preCandidate', term: 0 })
  solo.hear('n3', 1, { type: 'PreVoteResp', granted: true })
  expect(solo.status).toMatchObject({ role: 'candidate', term: 1 })
})

test('§9.6 who hears a leader refuses, who leads refuses', () => {
  const solo = new Solo({ term: 2 })
  solo.hear('n2', 2, heartbeat())
  expect(solo.hear('n3', 3, preVote(9, 2))).toMatchObject([{ granted: false, term: 2 }])

  const leader = new Solo().become('leader')
  expect(leader.hear('n3', 2, preVote(9, 1))).toMatchObject([{ granted: false, term: 1 }])
})

test('§9.6 a shorter log is refused', () => {
  const solo = new Solo({ entries: entriesOf([1, 2]) })
  expect(solo.hear('n3', 3, preVote(1, 2))).toMatchObject([{ granted: false }])
  expect(solo.hear('n3', 3, preVote(9, 1))).toMatchObject([{ granted: false }])
  expect(solo.hear('n3', 3, preVote(2, 2))).toMatchObject([{ granted: true }])
})

test('§9.6 who asks behind the present term learns it, and asks again in it', () => {
  const solo = new Solo({ term: 9 })
  expect(solo.hear('n2', 5, preVote(9, 4))).toMatchObject([{ granted: false, term: 9 }])

  const asker = new Solo({ term: 4 }).become('preCandidate')
  asker.hear('n2', 9, { type: 'PreVoteResp', granted: false })
  expect(asker.status).toMatchObject({ role: 'follower', term: 9 })
  expect(ofType(asker.tickUntil('preCandidate'), 'PreVote')[0]).toMatchObject({ term: 10 })
})

test('§9.6 the node with the higher term and the shorter log: one of the others leads', () => {
  const network = new Network(IDS, {
    n1: startOf('n1', IDS, { entries: entriesOf([1, 1, 1]), term: 1 }),
    n2: startOf('n2', IDS, { entries: entriesOf([1, 1, 1]), term: 1 }),
    n3: startOf('n3', IDS, { entries: entriesOf([1]), term: 20 }),
  })
  network.crash('n2')

  network.tickUntil(() => network.leader !== null)

  expect(network.leader).toBe('n1')
})

test('§9.6 an isolated node does not raise its term, and disturbs nobody when it returns', () => {
  const network = new Network(IDS)
  network.elect('n1')
  network.isolate('n3')
  network.tick(200)
  expect(network.get('n3').status).toMatchObject({ role: 'preCandidate', term: 1 })

  network.heal()
  network.tick(20)

  expect(network.get('n1').status).toMatchObject({ role: 'leader', term: 1 })
  expect(network.get('n3').status).toMatchObject({ role: 'follower', leader: 'n1' })
})

test('§9.6 left-over grants do not elect: they were asked for another term', () => {
  const solo = new Solo({}, {}, FIVE).become('candidate')
  const { term } = solo.status
  for (const peer of ['n4', 'n5']) solo.hear(peer, term, { type: 'PreVoteResp', granted: true })
  expect(solo.status.role).toBe('candidate')

  solo.tickUntil('preCandidate')
  for (const peer of ['n2', 'n3', 'n4', 'n5'])
    solo.hear(peer, term, { type: 'PreVoteResp', granted: true })
  expect(solo.status).toMatchObject({ role: 'preCandidate', term })
})

test('§9.6 pre-votes of a node that cannot win do not keep the others from an election', () => {
  const network = new Network(IDS, {
    n1: startOf('n1', IDS, { entries: entriesOf([1, 1]) }),
    n2: startOf('n2', IDS, { entries: entriesOf([1, 1]) }),
    n3: startOf('n3', IDS, { entries: entriesOf([1]), term: 1 }),
  })
  for (let i = 0; i < 40 && network.leader === null; i++) {
    for (const to of ['n1', 'n2'])
      network.hand({ ...preVote(1, 1), from: 'n3', to, term: network.get(to).status.term + 1 })
    network.tick(1, ['n1', 'n2'])
  }
  expect(network.leader).not.toBeNull()
})

test('§9.6 of two pre-candidates the one with the longer log goes on, then the smaller id', () => {
  const asked = new Solo({ entries: entriesOf([1, 1]) }).become('preCandidate')
  expect(asked.hear('n2', 2, preVote(2, 1))).toMatchObject([{ granted: false }])
  expect(asked.status.role).toBe('preCandidate')

  expect(asked.hear('n2', 2, preVote(3, 1))).toMatchObject([{ granted: true }])
  expect(asked.status.role).toBe('follower')
})

test('§9.6 of two followers left alone one leads in the next term, whoever times out first', () => {
  for (const first of ['n2', 'n3']) {
    const network = new Network(IDS)
    network.elect('n1')
    network.crash('n1')
    network.tickUntil(() => network.get(first).status.role !== 'follower', 50, [first])
    network.tickUntil(() => network.leader !== null, 30)
    expect(network.get(network.leader!).status.term).toBe(2)
  }
})

test('a closed link from the leader lets its followers begin at once, without a split vote', () => {
  for (const ids of [IDS, FIVE]) {
    const network = new Network(ids)
    network.elect('n1')
    network.crash('n1')
    for (const id of ids.slice(1)) network.lose(id, 'n1')

    network.tick(1)

    expect(network.leader).not.toBeNull()
    expect(network.get(network.leader!).status.term).toBe(2)
  }
})

test('a closed link from a node that does not lead means nothing', () => {
  const network = new Network(IDS)
  network.elect('n1')
  network.lose('n2', 'n3')
  expect(network.get('n2').status).toMatchObject({ role: 'follower', leader: 'n1' })
})

test('a follower whose link alone has closed asks until it hears the leader again', () => {
  const network = new Network(IDS)
  network.elect('n1')
  network.lose('n2', 'n1')
  expect(network.get('n2').status.role).toBe('preCandidate')

  network.tick(1)

  expect(network.get('n2').status).toMatchObject({ role: 'follower', leader: 'n1', term: 1 })
})

test('in a chain of five the middle leads, though an end with a smaller id asks each tick', () => {
  const network = new Network(FIVE)
  const linked = new Set(['n1n2', 'n2n3', 'n2n4', 'n2n5'])
  for (const a of FIVE)
    for (const b of FIVE) if (a < b && !linked.has(a + b)) network.cutBetween(a, b)
  network.tickUntil(() => network.get('n1').status.role === 'preCandidate', 30, ['n1'])

  network.tickUntil(() => network.leader === 'n2', 200)

  network.tick(30)
  expect(network.leader).toBe('n2')
})

test('a suspect is not elected and takes no part', () => {
  const solo = new Solo()
  solo.hear('n2', 0, {
    type: 'Remembered',
    pinned: 'another',
    seen: null,
    commit: 1,
  })
  expect(solo.status.standing).toBe('suspect')
  solo.tick(100)
  expect(solo.status).toMatchObject({ role: 'follower', term: 0 })
  expect(append({ index: 0, term: 0 })).toBeDefined()
})

test('§9.6 a rival that cannot hear, but whose log is longer, is let go first once, and not for ever', () => {
  // n2 asks every tick and hears no answer; grants of n3 and n4 take longer than that to come.
  const solo = new Solo({ entries: entriesOf([1]), term: 1 }, {}, FIVE).become('preCandidate')
  expect(solo.hear('n2', 2, preVote(2, 1))).toMatchObject([{ granted: true }])
  expect(solo.status.role).toBe('follower')
  solo.tickUntil('preCandidate')

  for (let i = 0; i < 3; i++)
    expect(solo.hear('n2', 2, preVote(2, 1))).toMatchObject([{ granted: true }])
  solo.hear('n3', 2, { type: 'PreVoteResp', granted: true })
  solo.hear('n4', 2, { type: 'PreVoteResp', granted: true })

  expect(solo.status).toMatchObject({ role: 'candidate', term: 2 })
})
