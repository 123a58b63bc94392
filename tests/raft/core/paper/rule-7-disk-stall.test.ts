// DESIGN.md, rule 7: a leader whose disk stalls must not keep the cluster waiting.

import { expect, test } from 'vitest'
import type { Content } from '../../../../raft/core/outbox.ts'
import type { PeerMessage } from '../../../../raft/core/types.ts'
import { IDS, Network } from '../network.ts'
import { ofType, Solo } from '../solo.ts'

const STALL = 20
/** The first acknowledgement belongs to the write under way, the others to the next one. */
const KINDS = ['AppendConflict', 'AppendOk', 'AppendOk', 'Remembered']

function stalled(): Network {
  const network = new Network(IDS)
  network.elect('n1')
  network.tick(3)
  network.get('n1').slowDisk = true
  network.propose('n1', 'while the disk stalls')
  return network
}

test('a leader whose disk stalls hands over while its followers’ disks advance', () => {
  const network = stalled()
  for (let i = 0; i < STALL + 1; i++) {
    network.propose('n2', `${i}`)
    network.tick()
  }
  network.tick(3)

  expect(network.leader).not.toBe('n1')
  expect(network.get(network.leader!).status.term).toBe(2)
  network.propose('n3', 'goes on')
  expect(network.get('n3').texts).toContain('goes on')
})

test('a stall shorter than the bound changes nothing', () => {
  const network = stalled()
  for (let i = 0; i < STALL - 2; i++) {
    network.propose('n2', `${i}`)
    network.tick()
  }
  network.get('n1').slowDisk = false
  network.get('n1').finishAppend()
  network.tick(30)
  expect(network.get('n1').status).toMatchObject({ role: 'leader', term: 1 })
})

test('when all disks stand still, nobody is elected: it would mend nothing', () => {
  const network = stalled()
  for (const id of ['n2', 'n3']) network.get(id).slowDisk = true
  network.propose('n1', 'stands still')
  network.tick(200)
  expect(network.get('n1').status).toMatchObject({ role: 'leader', term: 1, transferringTo: null })
})

test('if nobody takes over in time it goes silent', () => {
  const network = stalled()
  network.hold = (m) => m.type === 'TimeoutNow'
  for (let i = 0; i < STALL + 11; i++) {
    network.propose('n2', `${i}`)
    network.tick()
  }
  expect(network.get('n1').trace).toContain('disk stalled, silent')
  network.held = []
  network.tick(40)

  expect(network.leader).not.toBeNull()
  expect(network.leader).not.toBe('n1')
})

test('a node whose disk stalls does not stand for election', () => {
  const solo = new Solo()
  solo.member.slowDisk = true
  solo.hear('n2', 3, {
    type: 'Append',
    session: 1,
    prev: { index: 0, term: 0 },
    entries: [],
    commit: 0,
  })
  solo.tick(STALL + 20) // a candidacy from before the bound has ended

  expect(ofType(solo.tick(100), 'PreVote')).toHaveLength(0)
  expect(solo.status).toMatchObject({ role: 'follower', leader: null })
  solo.member.slowDisk = false
  solo.member.finishAppend()
  expect(ofType(solo.tick(40), 'PreVote').length).toBeGreaterThan(0)
})

test('a node whose vote waits for its disk gives nobody hope of another one', () => {
  const solo = new Solo()
  solo.member.slowDisk = true
  const last = { index: 0, term: 0 }
  expect(ofType(solo.hear('n2', 1, { type: 'Vote', last, force: false }), 'VoteResp')).toEqual([])
  solo.tick(10)
  expect(solo.hear('n2', 2, { type: 'PreVote', last, force: false })).toMatchObject([
    { type: 'PreVoteResp', granted: false, term: 1 },
  ])

  solo.member.slowDisk = false
  solo.member.finishAppend()
  expect(ofType(solo.said(), 'VoteResp')).toMatchObject([{ granted: true, term: 1 }])
  expect(solo.hear('n2', 2, { type: 'PreVote', last, force: false })).toMatchObject([
    { type: 'PreVoteResp', granted: true, term: 2 },
  ])
})

test('a voter whose disk hangs costs no terms', () => {
  const network = new Network(IDS)
  network.elect('n1')
  network.isolate('n1')
  network.get('n3').slowDisk = true
  network.tick(300)
  const { term } = network.get('n2').status

  expect(term).toBeLessThanOrEqual(2)
})

test('what waits for a disk that stands still stays bounded, whatever is asked meanwhile', () => {
  const solo = new Solo({ term: 1 })
  solo.member.slowDisk = true
  const said: PeerMessage[] = []
  const hear = (from: string, content: Content) => said.push(...solo.hear(from, 2, content))
  for (let i = 0; i < 500; i++) {
    hear('n2', {
      type: 'Append',
      session: 1,
      prev: { index: 0, term: 0 },
      entries: [],
      commit: 0,
    })
    hear('n3', { type: 'Introduce' })
    hear('n2', {
      type: 'Append',
      session: 1,
      prev: { index: 5, term: 2 },
      entries: [],
      commit: 0,
    })
  }
  solo.member.finishAppend()
  said.push(...solo.said())

  expect(said.map((m) => m.type).toSorted()).toEqual(KINDS)
})
