// DESIGN.md, rule 5: a new leader's first entry settles the fate of everything proposed before it.

import { describe, expect, test } from 'vitest'
import type { ProposalId } from '../../../../raft/core/types.ts'
import { entriesOf, IDS, Network } from '../network.ts'
import { append, ofType, Solo } from '../solo.ts'

const data = new Uint8Array([1])
const idOf = (count: number, node = 'n2', life = 9): ProposalId => ({ node, life, count })
const propose = (count: number, floor = 0) =>
  ({ type: 'Propose', id: idOf(count), floor, data }) as const

const proposalsOf = (solo: Solo) =>
  solo.member.disk.entries.flatMap((entry) => (entry.proposal ? [entry.proposal.count] : []))

describe('the leader', () => {
  test('takes an id once in its term, however often it is sent', () => {
    const solo = new Solo().become('leader')
    for (const count of [0, 1, 0, 1, 0]) solo.hear('n2', 1, propose(count))
    expect(proposalsOf(solo)).toEqual([0, 1])
  })

  test('takes nothing below the floor that the origin has sent along', () => {
    const solo = new Solo().become('leader')
    solo.hear('n2', 1, propose(5, 5))
    solo.hear('n2', 1, propose(3))
    solo.hear('n2', 1, propose(6, 6))
    solo.hear('n2', 1, propose(5, 0))
    expect(proposalsOf(solo)).toEqual([5, 6])
  })

  test('takes the same count of another life or node', () => {
    const solo = new Solo().become('leader')
    solo.hear('n2', 1, propose(0))
    solo.hear('n2', 1, { ...propose(0), id: idOf(0, 'n2', 10) })
    solo.hear('n3', 1, { ...propose(0), id: idOf(0, 'n3') })
    expect(proposalsOf(solo)).toEqual([0, 0, 0])
  })

  test('refuses a proposal sent in another term', () => {
    const solo = new Solo({ term: 4 }).become('leader')
    expect(solo.hear('n2', 4, propose(0))).toMatchObject([
      { type: 'ProposeRefused', reason: 'otherTerm', id: idOf(0) },
    ])
    expect(proposalsOf(solo)).toEqual([])
  })

  test('a follower refuses it as well', () => {
    const solo = new Solo({ term: 4 })
    expect(solo.hear('n2', 4, propose(0))).toMatchObject([{ reason: 'noLeader' }])
  })

  test('refuses beyond the uncommitted bytes, but never the first', () => {
    const solo = new Solo({}, { uncommittedBytesMax: 500 }).become('leader')
    const [beat] = ofType(solo.tick(), 'Heartbeat')
    solo.hear('n2', 1, { type: 'AppendOk', session: beat!.session, match: 1 })
    const big = { ...propose(0), data: new Uint8Array(1000) }

    expect(ofType(solo.hear('n2', 1, big), 'ProposeRefused')).toEqual([])
    expect(ofType(solo.hear('n2', 1, propose(1)), 'ProposeRefused')).toMatchObject([
      { reason: 'uncommittedLimit' },
    ])
    solo.hear('n2', 1, { type: 'AppendOk', session: beat!.session, match: 2 })
    expect(ofType(solo.hear('n2', 1, propose(1)), 'ProposeRefused')).toEqual([])
    expect(proposalsOf(solo)).toEqual([0, 1])
  })

  test('counts against that bound what earlier terms have left uncommitted', () => {
    const entries = entriesOf([1]).map((entry) => ({ ...entry, data: new Uint8Array(1000) }))
    const solo = new Solo({ entries }, { uncommittedBytesMax: 500 }).become('leader')
    expect(ofType(solo.hear('n2', 2, propose(0)), 'ProposeRefused')).toHaveLength(1)

    const [beat] = ofType(solo.tick(), 'Heartbeat')
    solo.hear('n2', 2, { type: 'AppendOk', session: beat!.session, match: 2 })
    expect(ofType(solo.hear('n2', 2, propose(0)), 'ProposeRefused')).toEqual([])
  })

  test('appends what came together in order and replicates it together', () => {
    const network = new Network(IDS)
    network.elect('n1')
    for (const text of ['a', 'b', 'c']) network.get('n1').propose(text)
    network.deliver()
    const sent = ofType(network.delivered, 'Append').filter((m) => m.entries.length === 3)
    expect(sent).toHaveLength(2)
    expect(network.get('n3').texts).toEqual(['a', 'b', 'c'])
  })
})

describe('the origin', () => {
  test('sends again after some ticks, and after the link to the leader is renewed', () => {
    const solo = new Solo()
    solo.hear('n2', 1, append({ index: 0, term: 0 }))
    solo.member.propose('a')
    expect(ofType(solo.said(), 'Propose')).toHaveLength(1)
    expect(ofType(solo.tick(9), 'Propose')).toHaveLength(0)
    solo.hear('n2', 1, append({ index: 0, term: 0 })) // it leads still
    expect(ofType(solo.tick(1), 'Propose')).toHaveLength(1)

    solo.member.step({ type: 'PeerMet', peer: 'n2', store: 'store-of-n2' })
    expect(ofType(solo.said(), 'Propose')).toHaveLength(1)
  })

  test('keeps a proposal in the term it was sent in until a later term’s entry is handed out', () => {
    const solo = new Solo()
    solo.hear('n2', 1, append({ index: 0, term: 0 }))
    solo.member.propose('a')
    solo.said()

    solo.hear('n3', 2, append({ index: 0, term: 0 }))
    expect(ofType(solo.tick(5), 'Propose')).toEqual([])
    const said = solo.hear('n3', 2, append({ index: 0, term: 0 }, entriesOf([2]), 1))

    expect(ofType(said, 'Propose')).toMatchObject([{ to: 'n3', term: 2, id: { count: 0 } }])
  })

  test('a refusal proves nothing about an earlier copy', () => {
    const solo = new Solo()
    solo.hear('n2', 1, append({ index: 0, term: 0 }))
    const id = solo.member.propose('a')
    solo.said()
    solo.hear('n2', 1, { type: 'ProposeRefused', id, reason: 'transferring' })

    expect(solo.member.raft.abandon(id)).toBe(false)
  })

  test('what was never sent is certainly in no log', () => {
    const solo = new Solo()
    const id = solo.member.propose('a')
    expect(solo.member.raft.abandon(id)).toBe(true)
    solo.hear('n2', 1, append({ index: 0, term: 0 }))
    expect(ofType(solo.said(), 'Propose')).toEqual([])
    expect(solo.member.raft.abandon(id)).toBe(false)
  })

  test('what a leader refuses itself is certainly in no log, either', () => {
    const solo = new Solo({}, { uncommittedBytesMax: 60 }).become('leader')
    const first = solo.member.propose('x'.repeat(200))
    const second = solo.member.propose('a')
    solo.said()
    expect(solo.member.raft.abandon(second)).toBe(true)
    expect(solo.member.raft.abandon(first)).toBe(true) // the noop alone fills the limit
  })

  test('refusals for a limit or a transfer are tried again', () => {
    const network = new Network(IDS, {}, { uncommittedBytesMax: 100 })
    network.elect('n1')
    for (let i = 0; i < 5; i++) network.get('n3').propose(`${i}`)
    network.tick(10)
    expect(network.get('n3').texts).toEqual(['0', '1', '2', '3', '4'])
  })

  test('its floor is the first count that is still open', () => {
    const network = new Network(IDS)
    network.elect('n1')
    network.propose('n3', 'a')
    network.propose('n3', 'b')
    network.get('n3').propose('c')
    network.deliver()
    expect(ofType(network.delivered, 'Propose').map((m) => m.floor)).toEqual([0, 1, 2])
  })

  test('a proposal jumped over by a snapshot ends unknown, one never sent does not', () => {
    const solo = new Solo()
    solo.hear('n2', 1, append({ index: 0, term: 0 }))
    const sent = solo.member.propose('a')
    solo.said()
    solo.member.slowInstall = true
    solo.hear('n3', 2, {
      type: 'SnapshotOffer',
      session: 1,
      checkpoint: { index: 5, term: 2, state: data },
      pins: [],
      configIndex: 0,
    })

    solo.member.step({ type: 'PeerLost', peer: 'n3' })
    const kept = solo.member.propose('b')
    solo.member.finishInstall()
    solo.said()

    const outcomes = solo.member.readies.flatMap((ready) => ready.outcomes)
    expect(outcomes).toEqual([{ id: sent, kind: 'unknown' }])
    expect(solo.status.pendingProposals).toBe(1)
    expect(solo.member.raft.abandon(kept)).toBe(true)
  })

  test('an outcome is told once', () => {
    const network = new Network(IDS)
    network.elect('n1')
    network.propose('n2', 'a')
    expect(network.get('n2').status.pendingProposals).toBe(0)
    network.tick(30)
    expect(network.get('n2').texts).toEqual(['a'])
  })
})

describe('through a change of leader', () => {
  test('a proposal that the old leader never received is answered by the next one', () => {
    const network = new Network(IDS)
    network.elect('n1')
    network.isolate('n1')
    network.propose('n2', 'waits')
    network.lose('n2', 'n1')
    network.lose('n3', 'n1')
    network.tick(3, ['n2', 'n3'])
    expect(network.get('n2').texts).toEqual(['waits'])
  })

  test('one that the old leader had replicated is committed by the next one, and once', () => {
    const network = new Network(IDS)
    network.elect('n1')
    network.hold = (m) => m.type === 'AppendOk' || m.type === 'Commit'
    network.propose('n2', 'replicated')
    network.crash('n1')
    network.held = []
    network.hold = () => false
    network.tick(40)
    network.restart('n1')
    network.tick(20)
    for (const id of IDS) expect(network.get(id).texts).toEqual(['replicated'])
  })

  test('one that only the old leader holds is overwritten, found dead, and proposed again', () => {
    const network = new Network(IDS)
    network.elect('n1')
    network.tick(2)
    network.hold = (m) => m.from === 'n1' && m.type === 'Append'
    network.propose('n1', 'from the leader')
    network.propose('n3', 'through the leader')
    expect(network.get('n1').status.last.index).toBe(3)
    network.isolate('n1')
    network.held = []
    network.hold = () => false
    network.tick(40, ['n2', 'n3'])
    expect(network.get('n3').texts).toEqual(['through the leader'])

    network.heal()
    network.tick(40)

    for (const id of IDS)
      expect(network.get(id).texts).toEqual(['through the leader', 'from the leader'])
  })

  test('a forwarded proposal delayed over two leader changes is taken by nobody', () => {
    const network = new Network(IDS)
    network.elect('n1')
    network.hold = (m) => m.type === 'Propose' && m.term === 1
    network.propose('n3', 'once')
    network.get('n1').raft.transferLeadership('n2')
    network.deliver()
    network.get('n2').raft.transferLeadership('n1')
    network.deliver()
    network.release()
    network.tick(30)
    for (const id of IDS) expect(network.get(id).texts).toEqual(['once'])
  })
})
