// The topics of etcd's published scenario files that apply here (reference: etcd-io/raft, testdata/).

import { test } from 'vitest'
import { play } from './transcript.ts'

const SMALL = { config: { inflightMessagesMax: 3, messageBytesMax: 1 } }

test('single node', () => {
  play('campaign n1\npropose n1 a\n= n1 leader t1 commit 2\n= n1 texts a', { nodes: ['n1'] })
})

test('campaign: request, grant, first entry, commit', () => {
  play(`
    campaign n1
    = said 2 PreVote n1>*
    = n1 leader t1 vote n1 commit 1 log 1
    = n2 follower t1 vote n1 leader n1 commit 1 log 1
    = n3 follower t1 vote n1 leader n1 commit 1 log 1
  `)
})

test('pre-vote: a lagging node wins nothing and raises no term', () => {
  play(`
    campaign n1
    isolate n3
    propose n1 a
    tick 40 n3
    = n3 preCandidate t1
    crash n1
    heal
    tick 10 n2                      # does not hear its leader any more
    tick 5 n3
    = n3 preCandidate t1 log 1
    tick 20
    = n2 leader t2
    = n3 follower t2 log 1 1 2
  `)
})

test('check quorum: a leader that hears nobody gives up, a follower that hears it does not stand', () => {
  play(`
    campaign n1
    cut n2>n1
    cut n3>n1
    tick 9
    = n1 leader
    = n2 follower leader n1
    tick 1
    = n1 follower t1
  `)
})

test('pre-vote and check quorum together: an even split elects nobody, its end somebody', () => {
  play(
    `
      campaign n1
      cut n1 n3
      cut n1 n4
      cut n2 n3
      cut n2 n4
      tick 60
      = n3 preCandidate t1
      = n1 preCandidate t1
      heal
      tick 20
      = n3 t2
    `,
    { nodes: ['n1', 'n2', 'n3', 'n4'] },
  )
})

test('probe and replicate: one message until the logs are known to agree, then a stream', () => {
  play(
    `
      node n1 log 1 1 1 1 1
      node n2 log 1 1 1 1 1
      node n3 log 1
      hold n1>n3 Append
      campaign n1
      propose n1 a b c d e
      = n1 sees n3 probe 0
      = n1 sees n2 replicate 11
      let n1>n3 Append
      = n1 sees n3 replicate 11
      = n3 log 1 1 1 1 1 2 2 2 2 2 2
    `,
    SMALL,
  )
})

test('a full in-flight window pauses, and heartbeats recover what was lost', () => {
  play(
    `
      campaign n1
      = n1 sees n3 replicate 1
      = said 1 Append n1>n3
      cut n1>n3
      propose n1 a b c d e f      # three are sent, all are lost
      heal
      = n3 log 1
      tick 8
      = n3 log 1 1 1 1 1 1 1 commit 7
      = n1 sees n3 replicate 7
    `,
    SMALL,
  )
})

test('slow follower over a compaction: it ends in a snapshot, not in a stall', () => {
  play(
    `
      campaign n1
      isolate n3
      propose n1 a b c d
      checkpoint n1
      = n1 first 6
      heal
      tick 5
      = said 1 SnapshotOffer n1>n3
      = n3 commit 5 first 6
      = n1 sees n3 replicate 5
      propose n1 e
      = n3 texts a b c d e
    `,
    SMALL,
  )
})

test('a snapshot at the very last index returns to replicating', () => {
  play(`
    node n1 base 5/1 log 1 term 1
    node n2 base 5/1 log 1 term 1
    node n3 log 1
    campaign n1
    checkpoint n1
    tick 5
    = said 1 SnapshotOffer n1>n3
    = n3 commit 7 applied 7 last 7/2
    = n1 sees n3 replicate 7
  `)
})

test('an older snapshot is taken if it reconnects to the log', () => {
  play(`
    campaign n1
    isolate n3
    propose n1 a b c
    checkpoint n1
    slow install n3
    heal
    tick 2
    propose n1 d e                  # the log goes on while the snapshot at 4 is on its way
    checkpoint n1
    fast install n3
    tick 3
    = said 1 SnapshotOffer n1>n3
    = n3 texts a b c d e
  `)
})

test('commit lags after a hiccup: a follower that lost the news hears them with the next heartbeat', () => {
  play(`
    campaign n1
    hold n1>n3 Commit
    propose n1 a
    = n3 commit 1 log 1 1
    forget
    = n3 commit 1
    tick 1
    = n3 commit 2
  `)
})

test('two writes of one index: replies follow durability, not arrival', () => {
  play(`
    campaign n1
    slow disk n3
    propose n1 a                    # under way
    propose n1 b c                  # the next one
    = n1 sees n3 replicate 1
    write n3
    = n1 sees n3 replicate 2
    write n3
    = n1 sees n3 replicate 4
    = n3 log 1 1 1 1
  `)
})

test('an old completion does not mark entries stable that were rewritten meanwhile', () => {
  play(
    `
      node n1 log 1
      node n2 log 1
      node n3 log 1
      node n4 log 1
      node n5 log 1
      campaign n1                   # term 2
      slow disk n3
      hold n1>n2 *
      hold n1>n4 *
      hold n1>n5 *
      propose n1 a b                # n3 alone gets them, and writes the first
      crash n1
      forget
      lose n4 n1
      lose n5 n1
      lose n2 n1
      = n2 leader t3                # cuts 3 and 4 of term 2 off, puts its own 3 there
      = n3 t3 last 3/3 log 1 2
      write n3                      # the old write ends
      = n3 log 1 2 2
      = n2 sees n3 probe 0
      write n3
      = n2 sees n3 replicate 3
      = n3 log 1 2 3
    `,
    { nodes: ['n1', 'n2', 'n3', 'n4', 'n5'] },
  )
})
