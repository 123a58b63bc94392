// Bug classes that shipped elsewhere (reference: raft.md part 4): 4.6 snapshots, 4.7 disks and restart, 4.8 reads,
// 4.9 transfer and proposals. Classes about membership changes (4.6-d to j) are not here: there are none yet.

import { expect, test } from 'vitest'
import { FIVE, Network } from '../network.ts'
import { play } from './transcript.ts'

test('4.6-a a snapshot that arrives late erases nothing that matches behind it', () => {
  play(`
    campaign n1
    isolate n3
    propose n1 a b c
    checkpoint n1
    slow install n3
    heal
    tick 5
    = said 1 SnapshotOffer n1>n3
    transfer n1 n2                  # whose log reaches back further
    propose n2 d e
    tick 5
    = n3 texts a b c d e
    fast install n3
    tick 5
    = n3 texts a b c d e
    = n3 first 1 log 1 1 1 1 2 2 2
  `)
})

test('4.6-b an entry of another term at the snapshot’s own place goes, and one transfer is enough', () => {
  play(`
    node n1 base 3/2 log 2 term 2
    node n2 base 3/2 log 2 term 2
    node n3 log 1 1 1 term 2
    campaign n1
    checkpoint n1
    tick 20
    = said 1 SnapshotOffer n1>n3
    = n3 commit 5 first 6 last 5/3
  `)
})

test('4.6-c commits, appends and applies while an install is under way: nothing is applied twice', () => {
  play(`
    campaign n1
    propose n1 a b
    slow apply n3
    propose n1 c                    # being applied on n3
    isolate n3
    propose n1 d e
    checkpoint n1
    slow install n3
    heal
    tick 3
    propose n1 f
    fast install n3                 # in force, the apply of c still unfinished
    fast apply n3
    tick 3
    = n3 texts a b c d e f
  `)
})

test('4.6-k windows are empty after whatever a follower has gone through', () => {
  const network = new Network(
    ['n1', 'n2', 'n3'],
    {},
    { inflightMessagesMax: 2, messageBytesMax: 1 },
  )
  network.elect('n1')
  for (let round = 0; round < 30; round++) {
    network.hold = (m) => m.to === 'n3' && m.type === 'Append' && round % 3 === 0
    for (let i = 0; i < 4; i++) network.propose('n1', `${round}.${i}`)
    if (round % 4 === 1) network.lose('n1', 'n3')
    if (round % 5 === 2) network.meet('n1', 'n3')
    if (round % 7 === 3) network.get('n1').takeCheckpoint()
    network.tick(2)
    network.held = []
  }
  network.hold = () => false
  network.tick(100)
  network.propose('n1', 'last')
  expect(network.get('n3').texts).toEqual(network.get('n1').texts)
  expect(network.get('n3').texts).toHaveLength(121)
})

test('4.6-l a log compacted again and again while a snapshot is on its way: at most two to one peer', () => {
  const network = play(`
    campaign n1
    isolate n3
    propose n1 a b
    checkpoint n1
    slow install n3
    heal
    tick 2
  `)
  for (let i = 0; i < 30; i++) {
    network.propose('n1', `${i}`)
    network.get('n1').takeCheckpoint()
    network.tick()
  }
  network.get('n3').slowInstall = false
  network.get('n3').finishInstall()
  network.tick(5)
  expect(network.get('n3').texts).toHaveLength(32)
  expect(network.get('n3').readies.filter((ready) => ready.install !== null)).toHaveLength(1)
})

test('4.6-n a transfer that was given up is offered again', () => {
  const network = play(`
    campaign n1
    isolate n3
    propose n1 a b
    checkpoint n1
    slow install n3
    heal
    tick 2
  `)
  const n3 = network.get('n3')
  n3.installing = null
  n3.step({ type: 'SnapshotVerified', checkpoint: null })
  n3.slowInstall = false
  network.tick(15)
  expect(n3.texts).toEqual(['a', 'b'])
})

test('4.7-e a crash between any two of log, commit and apply leaves applied ≤ commit ≤ last at the start', () => {
  for (let crashAt = 0; crashAt < 12; crashAt++) {
    const network = play('campaign n1\nslow disk n3\nslow apply n3\nhold n1>n3 Commit')
    for (let step = 0; step < crashAt; step++) {
      network.propose('n1', `${step}`)
      if (step % 2 === 0) network.get('n3').finishAppend()
      if (step % 3 === 0) network.get('n3').finishApply()
      network.deliver()
    }
    network.crash('n3')
    network.restart('n3')
    const { status } = network.get('n3')
    expect(status.applied).toBeLessThanOrEqual(status.commit)
    expect(status.commit).toBeLessThanOrEqual(status.last.index)
    network.tick(20)
    expect(network.get('n3').texts).toHaveLength(crashAt)
  }
})

test('4.7-f what is applied again after a restart is what was applied before', () => {
  play(`
    campaign n1
    propose n1 a b
    checkpoint n2
    propose n1 c d
    crash n2
    restart n2
    tick 2
    = n2 texts a b c d
    = n2 first 4
  `)
})

test('4.7-g a node that comes back with an empty disk does not vote in the old one’s name', () => {
  play(`
    campaign n1
    isolate n3
    propose n1 a                    # on n1 and n2
    crash n1
    crash n2
    wipe n2
    heal
    restart n2
    tick 100
    = n2 follower standing suspect
    = n3 preCandidate t1
    restart n1
    tick 60
    = n2 texts a
    = n3 texts a
    = n2 standing member
  `)
})

test('4.7-h a single node acknowledges nothing before its disk does', () => {
  play(
    `
      campaign n1
      slow disk n1
      propose n1 a
      = n1 commit 1
      = n1 texts
      crash n1
      restart n1
      tick 20
      = n1 texts
    `,
    { nodes: ['n1'] },
  )
})

test('4.8-a b a leader cut off answers no read, and after its return only with what was written meanwhile', () => {
  play(`
    campaign n1
    isolate n1
    read n1
    tick 5 n1
    lose n2 n1
    lose n3 n1
    tick 3 n2 n3
    propose n2 a
    = n2 commit 3
    = reads n1
    heal
    tick 30
    = reads n1 3
  `)
})

test('4.8-c e a new leader answers reads with what its predecessor had acknowledged, or not yet', () => {
  play(`
    campaign n1
    propose n1 a b
    hold *>* Commit
    hold *>n2 AppendOk
    transfer n1 n2
    = n2 leader t2
    read n2
    tick 3
    = reads n2
    let *>n2 AppendOk
    tick 1
    = reads n2 4
  `)
})

test('4.9-a a transfer under constant writes loses no request', () => {
  const network = play('campaign n1', { nodes: FIVE })
  for (let i = 0; i < 100; i++) {
    network.propose(FIVE[i % 5]!, `${i}`)
    if (i % 10 === 0) network.get(network.leader!).raft.transferLeadership()
    if (i % 3 === 0) network.tick()
  }
  network.tick(30)
  expect(new Set(network.get('n1').texts).size).toBe(100)
  expect(network.get('n1').texts).toHaveLength(100)
})

test('4.9-c a target that dies after the order: commits resume within two election timeouts', () => {
  play(`
    campaign n1
    hold n1>n2 TimeoutNow
    transfer n1 n2
    crash n2
    propose n1 a
    tick 20
    = n1 texts a
  `)
})

test('4.9-d f a proposal resent after every kind of silence takes effect once', () => {
  for (const lost of ['Propose', 'ProposeRefused', 'AppendOk', 'Append', 'Commit']) {
    const network = play(`campaign n1\nhold *>* ${lost}\npropose n3 a\ntick 4\nforget\ntick 40`)
    for (const id of ['n1', 'n2', 'n3']) expect(network.get(id).texts, lost).toEqual(['a'])
  }
})

test('4.9-g a forwarded proposal is accepted only in the term it names', () => {
  play(`
    campaign n1
    hold n3>n1 Propose
    propose n3 a
    transfer n1 n2
    transfer n2 n1
    = n1 leader t3
    let n3>n1 Propose
    tick 12
    = n1 texts a
    = n3 texts a
  `)
})
