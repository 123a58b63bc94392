// Bug classes that shipped elsewhere (reference: raft.md part 4): 4.1 term and vote, 4.2 elections and liveness.

import { expect, test } from 'vitest'
import { FIVE } from '../network.ts'
import { play } from './transcript.ts'

test('4.1-a a voter that crashes before its vote is durable has said nothing, and may vote again', () => {
  play(`
    slow disk n2
    isolate n3
    tick 19 n1
    = n1 candidate t1
    = n2 t1 vote n1
    = said 0 VoteResp n2>*
    crash n2
    restart n2
    = n2 t0 vote null
  `)
})

test('4.1-b c step-down within a term keeps the vote', () => {
  play(`
    campaign n1
    isolate n1
    tick 12 n1                      # gives up, in its term
    = n1 follower t1 vote n1
    restart n1
    = n1 t1 vote n1
  `)
})

test('4.1-d a term raised by votes alone is there after a restart', () => {
  play(`
    node n1 log 1 1 term 7 vote n2
    node n2 log 1 1 term 7 vote n2
    node n3 log 1 1 term 6
    restart n1
    = n1 t7 vote n2
    tick 40
    = n1 t8 log 1 1 8
  `)
})

test('4.1-e a candidate asks for votes only when its own is durable, so it cannot lead a term twice', () => {
  play(`
    slow disk n1
    tick 19 n1
    = n1 candidate t1
    = said 0 Vote *>*
    crash n1
    restart n1
    = n1 t0 vote null
  `)
})

test('4.1-f a term is durable with, or before, the first entry of it', () => {
  play(`
    campaign n1
    slow disk n3
    transfer n1 n2
    = n2 leader t2
    crash n3                        # neither term 2 nor its entry
    restart n3
    = n3 t1 log 1
    tick 2
    = n3 t2 log 1 2
  `)
})

test('4.2-a b the node with the higher term and the shorter log: somebody leads, in a term above it', () => {
  play(`
    node n1 log 1 1 term 1
    node n2 log 1 1 term 1
    node n3 log 1   term 9
    crash n2
    tick 40
    = n1 leader t10
  `)
})

test('4.2-c pre-votes that come after the real election began elect nobody', () => {
  play(
    `
      hold n4>n1 PreVoteResp
      hold n5>n1 PreVoteResp
      hold *>n1 VoteResp
      tick 19 n1
      = n1 candidate t1
      let n4>n1 PreVoteResp
      let n5>n1 PreVoteResp
      = n1 candidate t1
    `,
    { nodes: FIVE },
  )
})

test('4.2-d pre-votes of a node that cannot win keep nobody from standing', () => {
  play(`
    node n1 log 1 1 term 1
    node n2 log 1 1 term 1
    node n3 log 1   term 1
    tick 20 n3
    = n3 preCandidate
    tick 20
    = n3 follower t2 log 1 1 2
  `)
})

test('4.2-e votes of an earlier term elect nobody in a later one', () => {
  const network = play('hold *>n1 VoteResp\ntick 19 n1\n= n1 candidate t1')
  const { raft } = network.get('n1')
  network.tickUntil(() => raft.status().role === 'candidate' && raft.status().term > 1, 60, ['n1'])

  for (const message of network.held.splice(0)) if (message.term === 1) network.hand(message)

  expect(raft.status().role).toBe('candidate')
})

test('4.2-f whenever the leader dies around a transfer, the next one is there in three election timeouts', () => {
  for (let dies = 0; dies < 6; dies++) {
    const network = play('campaign n1\npropose n1 a')
    network.hold = (message) => message.type === 'Vote' && dies < 3
    network.get('n1').raft.transferLeadership('n2')
    for (let i = 0; i < dies; i++) network.tick()
    network.crash(dies % 2 === 0 ? 'n1' : 'n2')
    network.hold = () => false
    network.tickUntil(
      () => network.leader !== null && network.get(network.leader).status.term > 1,
      60,
    )
    network.propose(network.leader!, 'b')
    expect(network.get(network.leader!).texts).toEqual(['a', 'b'])
  }
})

test('4.2-g a node that may not vote and stands on a higher term disturbs nobody', () => {
  play(`
    campaign n1
    propose n1 a
    crash n3
    wipe n3
    hold n1>n3 Append               # so it cannot be cleared
    restart n3
    tick 200
    = n1 leader t1
    = n3 follower standing suspect
  `)
})

test('4.2-h an order to stand finds a config entry committed but not applied: old pins count nobody wrongly', () => {
  play(`
    campaign n1
    slow apply n2
    propose n1 a
    crash n3
    wipe n3
    restart n3
    tick 3
    = n3 standing member
    transfer n1 n2
    tick 2
    = n2 leader t2
    fast apply n2
    tick 3
    = n2 texts a
    = n3 texts a
    = n2 sees n3 replicate 5        # n2 vouched once more, harmlessly
  `)
})

test('4.2-i a leader whose disk stalls is replaced, and answers no reads of its own afterwards', () => {
  const network = play('campaign n1\nslow disk n1\npropose n1 a')
  for (let i = 0; i < 40; i++) {
    network.propose('n2', `${i}`)
    network.tick()
  }
  expect(network.leader).not.toBe('n1')
  const before = network.get('n1').readies.flatMap((ready) => ready.readStates).length
  network.isolate('n1')
  network.get('n1').raft.readIndex()
  network.tick(5)
  expect(network.get('n1').readies.flatMap((ready) => ready.readStates)).toHaveLength(before)
})

test('4.2-j in a chain the middle goes on committing, whichever end leads', () => {
  for (const [leader, end] of [
    ['n1', 'n3'],
    ['n3', 'n1'],
  ] as const) {
    const network = play(`campaign ${leader}\ncut n1 n3`)
    for (let i = 0; i < 60; i++) {
      network.propose('n2', `${i}`)
      network.tick()
    }
    expect(network.get('n2').texts.length).toBeGreaterThan(50)
    expect(network.get(leader).status.term).toBeLessThan(5)
    expect(network.get(end).status.role).not.toBe('leader')
  }
})
