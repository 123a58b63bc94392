// The core from end to end, in the small: elect, replicate, fail over, and answer reads.

import { expect, test } from 'vitest'
import { Network, startOf, textsOf } from './network.ts'

const IDS = ['n1', 'n2', 'n3']

test('a leader is elected, and what is proposed anywhere is applied everywhere', () => {
  const network = new Network(IDS)
  network.elect('n1')
  network.propose('n1', 'a')
  network.propose('n2', 'b')
  network.propose('n3', 'c')

  for (const member of network.members.values())
    expect(textsOf(member.applied)).toEqual(['a', 'b', 'c'])
})

test('a proposal that waits while its leader is gone is settled by the next leader, once', () => {
  const network = new Network(IDS)
  network.elect('n1')
  network.isolate('n1')
  network.propose('n2', 'waits')
  expect(textsOf(network.get('n2').applied)).toEqual([])
  network.get('n2').step({ type: 'PeerLost', peer: 'n1' })
  network.get('n3').step({ type: 'PeerLost', peer: 'n1' })
  network.tick(3, ['n2', 'n3'])

  expect(textsOf(network.get('n2').applied)).toEqual(['waits'])
  expect(textsOf(network.get('n3').applied)).toEqual(['waits'])
  network.heal()
  network.tick(30)
  expect(textsOf(network.get('n1').applied)).toEqual(['waits'])
})

test('a cluster forms when all have met once, and not before', () => {
  const fresh = (id: string) => {
    const start = startOf(id, IDS)
    return { ...start, identity: { ...start.identity, pins: [], member: false } }
  }
  const network = new Network(IDS, { n1: fresh('n1'), n2: fresh('n2'), n3: fresh('n3') })
  for (const member of network.members.values())
    expect(member.raft.status().standing).toBe('member')
  network.tick(30)
  const leaders = [...network.members.values()].filter((m) => m.raft.status().role === 'leader')
  expect(leaders).toHaveLength(1)
})

test('a wiped node is a suspect until a config entry clears it', () => {
  const start = startOf('n3', IDS)
  const wiped = { ...start, identity: { ...start.identity, store: 'new', pins: [], member: false } }
  const network = new Network(IDS, { n3: wiped })
  network.elect('n1')
  expect(network.get('n3').raft.status().standing).toBe('member')
  expect(
    network
      .get('n1')
      .raft.status()
      .peers.every((peer) => peer.counts),
  ).toBe(true)
})

test('reads are confirmed from any node', () => {
  const network = new Network(IDS)
  network.elect('n1')
  network.propose('n1', 'a')
  for (const id of IDS) {
    const member = network.get(id)
    const ticket = member.raft.readIndex()
    network.deliver()
    const states = member.readies.flatMap((ready) => ready.readStates)
    expect(states).toContainEqual({ ticket, index: member.raft.status().commit })
  }
})

test('a single node leads itself', () => {
  const network = new Network(['n1'])
  network.elect('n1')
  network.propose('n1', 'a')
  const ticket = network.get('n1').raft.readIndex()
  network.deliver()
  expect(textsOf(network.get('n1').applied)).toEqual(['a'])
  expect(network.get('n1').readies.flatMap((r) => r.readStates)).toContainEqual({
    ticket,
    index: 2,
  })
})
