// Thesis §3.10: leadership transfer.

import { describe, expect, test } from 'vitest'
import { entriesOf, FIVE, IDS, Network } from '../network.ts'
import { append, ofType, Solo } from '../solo.ts'

test('§3.10 the named follower leads within a round trip, in the next term', () => {
  const network = new Network(IDS)
  network.elect('n1')

  expect(network.get('n1').raft.transferLeadership('n3')).toBe(true)
  network.deliver()

  expect(network.get('n3').status).toMatchObject({ role: 'leader', term: 2 })
  expect(network.get('n1').status).toMatchObject({ role: 'follower', leader: 'n3' })
})

test('§3.10 without a name the follower that holds most is chosen', () => {
  const network = new Network(IDS)
  network.elect('n1')
  network.hold = (m) => m.to === 'n2' && m.type === 'Append'
  network.propose('n1', 'a')

  network.get('n1').raft.transferLeadership()

  expect(network.get('n1').status.transferringTo).toBe('n3')
})

test('§3.10 the target is brought up to date first, and proposals wait meanwhile', () => {
  const network = new Network(IDS)
  network.elect('n1')
  network.hold = (m) => m.type === 'Append'
  network.propose('n1', 'before')
  network.get('n1').raft.transferLeadership('n2')
  network.propose('n1', 'during')
  network.propose('n3', 'forwarded')
  expect(ofType(network.delivered, 'TimeoutNow')).toEqual([])

  network.release()
  network.tick(3)

  expect(network.leader).toBe('n2')
  for (const id of IDS)
    expect(network.get(id).texts.toSorted()).toEqual(['before', 'during', 'forwarded'])
})

test('§3.10 a transfer that fails is given up after an election timeout', () => {
  const network = new Network(IDS)
  network.elect('n1')
  network.hold = (m) => m.type === 'TimeoutNow'
  network.get('n1').raft.transferLeadership('n2')
  network.deliver()
  network.propose('n1', 'waits')
  expect(network.get('n1').texts).toEqual([])

  network.tick(11)

  expect(network.get('n1').status).toMatchObject({ role: 'leader', transferringTo: null })
  expect(network.get('n1').texts).toEqual(['waits'])
})

test('§3.10 a target that dies between the order and its campaign costs no more than two election timeouts', () => {
  const network = new Network(IDS)
  network.elect('n1')
  network.hold = (m) => m.type === 'TimeoutNow'
  network.get('n1').raft.transferLeadership('n2')
  network.deliver()
  network.crash('n2')
  network.release()
  network.propose('n1', 'waits')

  network.tick(20)

  expect(network.get('n1').texts).toEqual(['waits'])
})

describe('§3.10 refuses to hand over', () => {
  test('when it does not lead', () => {
    expect(new Solo().member.raft.transferLeadership('n2')).toBe(false)
  })

  test('to itself, to a stranger, or to a node that does not count', () => {
    const network = new Network(IDS)
    network.elect('n1')
    network.get('n1').step({ type: 'PeerMet', peer: 'n2', store: 'another' })
    const { raft } = network.get('n1')

    for (const to of ['n1', 'stranger', 'n2']) expect(raft.transferLeadership(to)).toBe(false)
    expect(network.get('n1').status.transferringTo).toBeNull()
  })

  test('when nobody can take over', () => {
    expect(new Solo({}, {}, ['n1']).become('follower').member.raft.transferLeadership()).toBe(false)
    const alone = new Solo({}, {}, ['n1'])
    alone.tickUntil('leader')
    expect(alone.member.raft.transferLeadership()).toBe(false)
  })
})

describe('§3.10 TimeoutNow', () => {
  const known = () => {
    const solo = new Solo({ entries: entriesOf([1]), term: 2 })
    solo.hear('n2', 2, append({ index: 1, term: 1 }))
    return solo
  }

  test('makes a follower a candidate at once, without a pre-vote', () => {
    const solo = known()
    expect(ofType(solo.hear('n2', 2, { type: 'TimeoutNow' }), 'Vote')).toMatchObject([
      { to: 'n2', term: 3, force: true },
      { to: 'n3', term: 3, force: true },
    ])
  })

  test.each([
    { from: 'n3', term: 2, what: 'from a node that does not lead' },
    { from: 'n2', term: 1, what: 'of an earlier term' },
    { from: 'n2', term: 3, what: 'of a term whose leader is not known' },
  ])('$what is ignored', ({ from, term }) => {
    const solo = known()
    expect(ofType(solo.hear(from, term, { type: 'TimeoutNow' }), 'Vote')).toEqual([])
    expect(solo.status.role).toBe('follower')
  })

  test('is ignored by a leader and by a suspect', () => {
    const leader = new Solo().become('leader')
    expect(leader.hear('n2', leader.status.term, { type: 'TimeoutNow' })).toEqual([])

    const network = new Network(IDS)
    network.elect('n1')
    network.crash('n3')
    network.wipe('n3')
    network.restart('n3')
    network.hand({ type: 'TimeoutNow', from: 'n1', to: 'n3', term: 1 })
    network.deliver()
    expect(network.get('n3').status).toMatchObject({ role: 'follower' })
  })
})

test('§3.10 transfers under constant proposals lose and double none', () => {
  const network = new Network(FIVE)
  network.elect('n1')
  const sent: string[] = []
  for (let i = 0; i < 60; i++) {
    const text = `${i}`
    network.propose(FIVE[i % 5]!, text)
    sent.push(text)
    if (i % 5 === 0) network.get(network.leader!).raft.transferLeadership()
    network.tick()
  }
  network.tick(40)

  for (const id of FIVE) expect(network.get(id).texts.toSorted((a, b) => +a - +b)).toEqual(sent)
  expect(network.get('n1').status.term).toBeGreaterThan(10)
})
