// Bug classes that shipped elsewhere (reference: raft.md part 4): 4.3 commit, 4.4 log matching and truncation,
// 4.5 stale replies and asynchronous storage. 4.3-a is figure 8; 4.3-d is tests/raft/core/quorum.test.ts.

import { expect, test } from 'vitest'
import { FIVE, Network } from '../network.ts'
import { play } from './transcript.ts'

test('4.3-b a stale tail beyond the verified place is not committed, whatever commit index comes', () => {
  play(`
    node n1 log 1 3 3 3       term 3
    node n2 log 1 3 3 3       term 3
    node n3 log 1 2 2 2 2 2   term 3
    hold n1>n3 Append
    campaign n1
    = n1 leader t4 commit 5
    tick 3                          # heartbeats carry commit 5, n3 has six entries
    = n3 commit 0 log 1 2 2 2 2 2
    forget
    tick 3
    = n3 commit 5 log 1 3 3 3 4
  `)
})

test('4.3-c a heartbeat lets no follower commit more than it is known to hold', () => {
  const network = play('campaign n1\nhold n1>n3 Append\npropose n1 a b c\ntick 5')
  const beats = network.delivered.filter((m) => m.type === 'Heartbeat' && m.to === 'n3')
  expect(Math.max(...beats.map((m) => ('commit' in m ? m.commit : 0)))).toBe(1)
})

test('4.3-e a leader that crashes right after a commit it held no durable part in has lost nothing', () => {
  play(`
    campaign n1
    slow disk n1
    propose n1 a
    = n1 commit 2 log 1
    = n2 texts a
    crash n1
    restart n1
    tick 40
    = n1 texts a
    = n3 texts a
  `)
})

test('4.3-f a leader deposed as it commits takes nothing back', () => {
  play(`
    campaign n1
    hold *>n1 AppendOk
    propose n1 a
    transfer n1 n2
    let *>n1 AppendOk
    tick 1
    = n2 t2
    = n1 commit 3 log 1 1 2
    tick 20
    = n1 texts a
  `)
})

test('4.3-g a follower that catches up counts for what it holds, not for what it was sent', () => {
  play(`
    campaign n1
    isolate n3
    propose n1 a b c
    crash n2
    slow disk n3
    heal
    propose n1 d
    tick 5
    = n1 commit 4
    = n3 log 1
    fast disk n3
    tick 3
    = n1 commit 5
    = n3 texts a b c d
  `)
})

test('4.4-a two streams of different age to one follower cut nothing that is committed', () => {
  play(`
    campaign n1
    hold n1>n3 Append
    propose n1 a b c
    meet n1 n3                      # another session: the same again
    let n1>n3 Append
    tick 5
    = n3 commit 4 log 1 1 1 1
    propose n1 d
    = n3 texts a b c d
  `)
})

test('4.4-b a delayed, shorter append removes nothing', () => {
  const network = play('campaign n1\npropose n1 a b c d', { config: { messageBytesMax: 1 } })
  const appends = network.delivered.filter((m) => m.type === 'Append' && m.to === 'n3')
  for (const append of appends) network.hand(append)
  network.deliver()
  expect(network.terms('n3')).toBe('1 1 1 1 1')
  expect(network.get('n3').status.commit).toBe(5)
})

test('4.4-c an empty append to a longer, stale log acknowledges only up to its place', () => {
  play(`
    node n1 log 1 3   term 3
    node n2 log 1 3   term 3
    node n3 log 1 2 2 2 2 term 3
    hold n2>n1 AppendOk
    campaign n1
    = n1 sees n3 replicate 3
    = n3 log 1 3 4
  `)
})

test('4.4-d late refusals move no progress below what was acknowledged', () => {
  play(`
    node n1 log 1 1 3 term 3
    node n2 log 1 1 3 term 3
    node n3 log 1 2 2 term 3
    campaign n1
    propose n1 a b
    = n1 sees n3 replicate 6
    repeat n3>n1 AppendConflict
    = n1 sees n3 replicate 6
    tick 3
    = n1 sees n3 replicate 6
    propose n1 c
    = n1 sees n3 replicate 7
  `)
})

test('4.4-e a change of leader between two reads of a long log sends no hole', () => {
  const network = new Network(['n1', 'n2', 'n3'], {}, { memoryBytesMax: 200 })
  network.elect('n1')
  network.isolate('n3')
  for (let i = 0; i < 40; i++) network.propose('n1', `${i}`)
  network.get('n1').slowReads = true
  network.heal()
  network.tick(3)
  expect(network.get('n1').reading).toHaveLength(1)
  network.get('n1').raft.transferLeadership('n2')
  network.deliver()
  network.get('n1').finishReads() // for a leadership that is over
  network.get('n2').raft.transferLeadership('n1')
  network.deliver()
  network.get('n1').slowReads = false
  network.get('n1').finishReads()
  network.tick(20)
  expect(network.get('n3').texts).toHaveLength(40)
})

test('4.4-f g a write cut off on its way leaves memory and disk with the same end', () => {
  play(
    `
      node n1 log 1
      node n2 log 1
      node n3 log 1
      node n4 log 1
      node n5 log 1
      campaign n1
      slow disk n3
      hold n1>n2 *
      hold n1>n4 *
      hold n1>n5 *
      propose n1 a b c
      crash n1
      forget
      lose n4 n1
      lose n5 n1
      lose n2 n1
      = n3 last 3/3
      crash n3                      # neither the old tail nor the new one
      restart n3
      = n3 last 2/2 log 1 2
      tick 3
      = n3 last 3/3 log 1 2 3
    `,
    { nodes: FIVE },
  )
})

test('4.4-h divergent tails of 5,000 entries are settled in as many refusals as there are terms', () => {
  const own = Array.from({ length: 5000 }, (_, i) => 2 + 2 * Math.floor(i / 1000))
  const other = Array.from({ length: 5000 }, (_, i) => 3 + 2 * Math.floor(i / 1000))
  const network = play(
    `
      node n1 log 1 ${other.join(' ')} term 12
      node n2 log 1 term 12
      node n3 log 1 ${own.join(' ')} term 12
      campaign n1
      tick 3
    `,
    { config: { messageBytesMax: 1024 * 1024 } },
  )
  expect(network.terms('n3')).toBe(network.terms('n1'))
  const refusals = network.delivered.filter((m) => m.type === 'AppendConflict' && m.from === 'n3')
  expect(refusals.length).toBeLessThanOrEqual(11)
})

test('4.5-a each acknowledgement follows its own write, through three leaders and one slow disk', () => {
  play(
    `
      node n1 log 1
      node n2 log 1
      node n3 log 1
      node n4 log 1
      node n5 log 1
      campaign n1
      slow disk n3
      hold n1>n2 *
      hold n1>n4 *
      hold n1>n5 *
      propose n1 a                  # 3 of term 2, being written
      crash n1
      forget
      lose n4 n1
      lose n5 n1
      lose n2 n1
      = n2 leader t3                # 3 of term 3, waits
      crash n2
      tick 10 n3                    # hears it no longer
      lose n5 n2
      lose n4 n2
      = n4 preCandidate t3          # n3's vote would wait for its disk
      = n3 last 3/3 log 1 2
      write n3                      # 3 of term 2, long cut off
      = n3 log 1 2 2
      write n3                      # 3 of term 3, and the term
      = n3 log 1 2 3
      tick 1 n4
      = n4 candidate t4
      write n3                      # the vote
      = n4 leader t4
      = n4 sees n3 probe 0
      write n3
      = n4 sees n3 replicate 4
      = n3 log 1 2 3 4
    `,
    { nodes: FIVE },
  )
})

test('4.5-b acknowledgements name prefixes only, whatever completes when', () => {
  play(`
    campaign n1
    slow disk n2
    slow disk n3
    propose n1 a b c
    = n1 commit 1
    write n3
    = n1 sees n3 replicate 2
    = n1 commit 2
    write n2
    write n2
    = n1 commit 4
  `)
})

test('4.5-c replies of a former leadership or session, all of them once more, change nothing', () => {
  const network = play(`
    campaign n1
    propose n1 a b
    transfer n1 n2
    propose n2 c
    transfer n2 n1
    isolate n3
    propose n1 d
  `)
  const before = network.get('n1').status
  for (const message of [...network.delivered])
    if (message.to === 'n1' && message.from === 'n3') network.hand(message)
  network.deliver()
  const { peers, ...rest } = network.get('n1').status
  expect(rest).toEqual({ ...before, peers: undefined, ...rest })
  expect(peers.find(({ node }) => node === 'n3')!.match).toBeLessThan(before.last.index)
  expect(rest.commit).toBe(before.commit)
})

test('4.5-d what a client was told is there after a power cut of all nodes at that instant', () => {
  const network = play('campaign n1\nslow disk n2\npropose n3 a')
  expect(network.get('n3').texts).toEqual(['a']) // the answer
  for (const id of ['n1', 'n2', 'n3']) network.crash(id)
  network.restart('n2')
  network.restart('n1')
  network.tick(60)
  expect(network.get('n2').texts).toEqual(['a'])
})

test('4.5-e a hundred proposals that wait while log and leader change end each once', () => {
  const network = play('campaign n1\ncut n1 n2\ncut n1 n3')
  const ids = Array.from({ length: 100 }, (_, i) => network.get('n1').propose(`${i}`))
  network.tick(40)
  expect(network.get('n1').status.pendingProposals).toBe(100)
  network.heal()
  network.tick(40)

  expect(network.get('n1').status.pendingProposals).toBe(0)
  const counts = network.get('n1').applied.flatMap((e) => (e.proposal ? [e.proposal.count] : []))
  expect(counts).toEqual(ids.map((id) => id.count))
})
