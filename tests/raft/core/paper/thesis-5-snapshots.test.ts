// Thesis §5 (paper §7): log compaction and snapshots. The store is its own snapshot (DESIGN.md, "Snapshots").

import { describe, expect, test } from 'vitest'
import type { Checkpoint } from '../../../../raft/core/types.ts'
import { entriesOf, FIVE, IDS, Network, startOf } from '../network.ts'
import { append, ofType, Solo } from '../solo.ts'

/** n1 leads; n3 was away while the log moved past it and was compacted. */
function lagging(ids = IDS): Network {
  const network = new Network(ids)
  network.elect('n1')
  network.propose('n1', 'before')
  network.isolate('n3')
  for (const text of ['a', 'b', 'c']) network.propose('n1', text)
  network.get('n1').takeCheckpoint()
  network.deliver()
  return network
}

const TEXTS = ['before', 'a', 'b', 'c']

function offer(index: number, term: number, session = 1) {
  const checkpoint: Checkpoint = { index, term, state: new Uint8Array(0) }
  return { type: 'SnapshotOffer', session, checkpoint, pins: [], configIndex: 0 } as const
}

describe('compaction', () => {
  test('§5 a checkpoint makes the log below it free to go, once it is durable', () => {
    const network = new Network(IDS)
    network.elect('n1')
    network.propose('n1', 'a')
    const n1 = network.get('n1')
    n1.slowDisk = true
    n1.takeCheckpoint()
    n1.settle()
    expect(n1.status.firstIndex).toBe(1)

    n1.finishAppend()
    n1.settle()

    expect(n1.status.firstIndex).toBe(3)
    expect(n1.disk.checkpoint).toMatchObject({ index: 2, term: 1 })
  })

  test('§5 a node goes on from its checkpoint after a restart', () => {
    const network = new Network(IDS)
    network.elect('n1')
    network.propose('n1', 'a')
    network.get('n2').takeCheckpoint()
    network.propose('n1', 'b')
    network.restart('n2')
    network.tick(2)

    expect(network.get('n2').status.firstIndex).toBe(3)
    expect(network.get('n2').texts).toEqual(['a', 'b'])
  })

  test('§5 the log above an offer on its way is kept until the follower has it', () => {
    const network = lagging()
    network.get('n3').slowInstall = true
    network.heal()
    network.tick(3)
    expect(network.get('n3').installing).toMatchObject({ index: 5 })

    for (const text of ['d', 'e', 'f']) network.propose('n1', text)
    network.get('n1').takeCheckpoint()
    network.deliver()

    expect(network.get('n1').status.firstIndex).toBe(6)
    network.get('n3').finishInstall()
    network.tick(3)
    expect(network.get('n3').texts).toEqual([...TEXTS, 'd', 'e', 'f'])
    expect(ofType(network.delivered, 'SnapshotOffer')).toHaveLength(1)
  })
})

describe('taking a snapshot', () => {
  test('§5 a follower that lags behind the leader’s log is brought up by one', () => {
    const network = lagging()
    network.heal()
    network.tick(5)

    expect(network.get('n3').texts).toEqual(TEXTS)
    expect(network.get('n3').status.firstIndex).toBe(6)
    expect(network.get('n1').status.peers).toContainEqual(
      expect.objectContaining({ node: 'n3', state: 'replicate', match: 5 }),
    )
  })

  test('§5 it comes into force, and is acknowledged, when its record is durable', () => {
    const solo = new Solo({ entries: entriesOf([1]) })
    solo.hear('n2', 2, append({ index: 1, term: 1 }))
    solo.member.slowDisk = true

    expect(solo.hear('n2', 2, offer(7, 2))).toEqual([])
    expect(solo.member.applied).toEqual([])
    solo.member.finishAppend()

    expect(solo.said()).toMatchObject([{ type: 'AppendOk', match: 7, session: 1 }])
    expect(solo.member.applied).toHaveLength(7)
    expect(solo.member.disk.base).toEqual({ index: 7, term: 2 })
  })

  test('§5 an offer not above the own commit is answered with the commit', () => {
    const solo = new Solo({ entries: entriesOf([1, 1, 1]), commit: 3 })

    expect(solo.hear('n2', 1, offer(3, 1))).toMatchObject([{ type: 'AppendOk', match: 3 }])

    expect(solo.member.readies.every((ready) => ready.install === null)).toBe(true)
  })

  test('§5 the same offer again is one transfer, another one is another', () => {
    const solo = new Solo()
    solo.member.slowInstall = true
    const installs = () => solo.member.readies.filter((ready) => ready.install !== null).length

    solo.hear('n2', 1, offer(7, 1))
    solo.hear('n2', 1, offer(7, 1))
    expect(installs()).toBe(1)
    solo.hear('n2', 1, offer(9, 1))
    expect(installs()).toBe(2)
    solo.hear('n2', 1, offer(9, 1, 2))
    expect(installs()).toBe(3)
    solo.hear('n3', 2, offer(9, 1, 2))
    expect(installs()).toBe(4)
  })

  test('§5 of two offers only the last one can come into force', () => {
    const solo = new Solo()
    solo.member.slowInstall = true
    solo.hear('n2', 1, offer(7, 1))
    const first = solo.member.installing
    solo.hear('n3', 2, offer(5, 1))

    solo.member.step({ type: 'SnapshotVerified', checkpoint: first })
    solo.said()
    expect(solo.status.commit).toBe(0)

    solo.member.finishInstall()
    expect(solo.said()).toMatchObject([{ type: 'AppendOk', to: 'n3', match: 5 }])
  })

  test('§5 entries behind it stay if the log connects', () => {
    const solo = new Solo({ entries: entriesOf([1, 1, 1, 1]) })
    solo.hear('n2', 1, offer(2, 1))

    expect(solo.status).toMatchObject({ commit: 2, last: { index: 4, term: 1 }, firstIndex: 3 })
    expect(solo.network.terms('n1')).toBe('1 1')
  })

  test('§5 another history behind it, or at its own place, goes', () => {
    for (const terms of [[1, 1, 1, 1], [1, 1], [1]]) {
      const solo = new Solo({ entries: entriesOf(terms) })
      solo.hear('n2', 3, offer(2, 3))

      expect(solo.status).toMatchObject({ commit: 2, last: { index: 2, term: 3 } })
      expect(solo.network.terms('n1')).toBe('')
    }
  })

  test('§5 a log that has overtaken a snapshot on its way keeps itself', () => {
    const solo = new Solo({ entries: entriesOf([1]) })
    solo.member.slowInstall = true
    solo.hear('n2', 1, offer(3, 1))
    solo.hear('n2', 1, append({ index: 1, term: 1 }, entriesOf([1, 1, 1], 2), 4))

    solo.member.finishInstall()

    expect(solo.said()).toEqual([])
    expect(solo.status).toMatchObject({ commit: 4, firstIndex: 1 })
    expect(solo.member.applied).toHaveLength(4)
  })

  test('§5 a write under way makes nothing durable that a snapshot has replaced', () => {
    const solo = new Solo({ entries: entriesOf([1]) })
    solo.member.slowDisk = true
    solo.hear('n2', 2, append({ index: 1, term: 1 }, entriesOf([2, 2, 2], 2)))
    solo.hear('n2', 2, offer(3, 2))
    solo.member.finishAppend() // the three entries
    const said = solo.said()
    expect(ofType(said, 'AppendOk').every((m) => m.match <= 4)).toBe(true)
    solo.member.finishAppend() // the snapshot, and what is kept behind it

    solo.said()
    expect(solo.member.disk.base).toEqual({ index: 3, term: 2 })
    expect(solo.network.terms('n1')).toBe('2')
    expect(solo.member.applied).toHaveLength(3)
  })

  test('§5 commits and appends while one is under way lead to nothing applied twice', () => {
    const network = lagging()
    network.get('n3').slowInstall = true
    network.get('n3').slowApply = true
    network.heal()
    for (let i = 0; i < 5; i++) {
      network.propose('n1', `${i}`)
      network.tick()
      network.get('n3').finishApply()
    }
    network.get('n3').finishInstall()
    network.get('n3').slowApply = false
    network.get('n3').finishApply()
    network.tick(5)

    expect(network.get('n3').texts).toEqual(network.get('n1').texts)
  })

  test('§5 it brings the pins of the config entries that it jumps over', () => {
    const network = new Network(FIVE)
    network.elect('n1')
    network.isolate('n3')
    network.crash('n5')
    network.wipe('n5', 'second-store')
    network.restart('n5')
    network.tick(5)
    expect(network.get('n5').status.standing).toBe('member')
    network.get('n1').takeCheckpoint()
    network.deliver()

    network.heal()
    network.tick(5)

    expect(network.disks.get('n3')!.identity.pins).toContainEqual({
      node: 'n5',
      store: 'second-store',
    })
  })

  test('§5 it brings them as well when the leader that offered it is gone by then', () => {
    const network = new Network(FIVE)
    network.elect('n1')
    network.isolate('n3')
    network.crash('n5')
    network.wipe('n5', 'second-store')
    network.restart('n5')
    network.tick(5)
    network.get('n1').takeCheckpoint()
    network.deliver()
    network.get('n3').slowInstall = true
    network.heal()
    network.tick(2)
    expect(network.get('n3').installing).not.toBeNull()

    network.crash('n1')
    network.tickUntil(() => network.leader !== null)
    network.hold = (m) => m.to === 'n3' && m.type === 'SnapshotOffer'
    network.get('n3').finishInstall()
    network.tick(1)

    expect(network.disks.get('n3')!.identity.pins).toContainEqual({
      node: 'n5',
      store: 'second-store',
    })
  })
})

describe('offering a snapshot', () => {
  test('§5 to a follower that is gone none is prepared, until it answers again', () => {
    const network = lagging()
    network.hold = (m) => m.type === 'SnapshotOffer'
    network.heal()
    network.tick(3)
    network.isolate('n3')
    network.tick(100)
    expect(network.get('n1').readies.flatMap((ready) => ready.offers)).toHaveLength(1)

    network.hold = () => false
    network.heal()
    network.tick(5)
    expect(network.get('n3').texts).toEqual(TEXTS)
  })

  test('§5 one that was lost is repeated', () => {
    const network = lagging()
    network.hold = (m) => m.type === 'SnapshotOffer'
    network.heal()
    network.tick(5)
    expect(network.held).toHaveLength(1)
    network.held = []
    network.hold = () => false

    network.tick(25)

    expect(network.get('n3').texts).toEqual(TEXTS)
  })

  test('§5 appends go to the follower again after its acknowledgement was lost', () => {
    const network = lagging()
    network.hold = (m) => m.type === 'AppendOk' && m.from === 'n3'
    network.heal()
    network.tick(5)
    network.held = []
    network.hold = () => false
    network.propose('n1', 'd')

    network.tick(25)

    expect(network.get('n3').texts).toEqual([...TEXTS, 'd'])
    expect(network.get('n1').status.peers[1]).toMatchObject({ state: 'replicate' })
  })
})

describe('a lost store', () => {
  /** n3 keeps its compacted log and has lost its state machine's store. */
  function rebuilding(): Network {
    const network = new Network(IDS)
    network.elect('n1')
    for (const text of TEXTS) network.propose('n1', text)
    network.get('n3').takeCheckpoint()
    network.deliver()
    network.crash('n3')
    network.disks.get('n3')!.storeLost = true
    return network
  }

  test('is filled by a snapshot, even when nothing was written since', () => {
    const network = rebuilding()
    network.restart('n3')
    expect(network.get('n3').texts).toEqual([])

    network.tick(15)

    expect(network.get('n3').texts).toEqual(TEXTS)
    expect(network.disks.get('n3')!.storeLost).toBe(false)
  })

  test('keeps its log: what lies behind the snapshot is applied from there', () => {
    const network = rebuilding()
    network.propose('n1', 'd')
    network.hold = (m) => m.type === 'SnapshotOffer'
    network.restart('n3')
    network.tick(12)
    network.propose('n2', 'e')
    network.release()
    network.tick(15)

    expect(network.get('n3').texts).toEqual([...TEXTS, 'd', 'e'])
  })

  test('does not stop the node from voting, but from leading', () => {
    const network = rebuilding()
    network.hold = (m) => m.type === 'NeedSnapshot'
    network.restart('n3')
    network.tick(3)
    network.crash('n1')

    network.tickUntil(() => network.leader === 'n2')

    expect(network.get('n3').status).toMatchObject({ role: 'follower', leader: 'n2' })
  })

  test('is asked for again of the next leader', () => {
    const network = rebuilding()
    network.restart('n3').slowInstall = true
    network.tick(15)
    expect(network.get('n3').installing).not.toBeNull()
    network.crash('n1')
    network.get('n3').installing = null // its sender is gone
    network.tickUntil(() => network.leader === 'n2')
    network.get('n3').slowInstall = false

    network.tick(25)

    expect(network.get('n3').texts).toEqual(TEXTS)
  })

  test('is asked for again of the same leader in its next life', () => {
    const network = rebuilding()
    network.restart('n3').slowInstall = true
    network.tick(15)
    network.get('n3').installing = null
    network.restart('n1')
    network.tickUntil(() => network.leader !== null)
    network.get(network.leader!).raft.transferLeadership('n1')
    network.tickUntil(() => network.leader === 'n1', 3)
    network.get('n3').slowInstall = false

    network.tick(25)

    expect(network.get('n3').texts).toEqual(TEXTS)
  })

  test('refuses an offer that ends before its log begins', () => {
    const entries = entriesOf([1, 1], 6)
    const solo = new Solo()
    solo.network.disks.set('n1', solo.member.disk)
    Object.assign(solo.member.disk, {
      base: { index: 5, term: 1 },
      entries,
      checkpoint: { index: 5, term: 1, state: new Uint8Array(0) },
      storeLost: true,
      hardState: { term: 1, vote: null },
    })
    solo.network.heal()
    solo.network.restart('n1')
    solo.network.deliver()
    const member = solo.network.get('n1')
    const hear = (index: number) => {
      member.step({ ...offer(index, 1), from: 'n2', to: 'n1', term: 1 })
      member.settle()
      return member.outbox.splice(0)
    }

    expect(hear(3)).toMatchObject([{ type: 'AppendOk', match: 5 }])
    expect(member.applied).toEqual([])
    expect(hear(6)).toMatchObject([{ type: 'AppendOk', match: 6 }])
    expect(member.applied).toHaveLength(6)
  })

  test('is not filled beyond what the own log has durable', () => {
    const network = rebuilding()
    network.hold = (m) => m.type === 'NeedSnapshot'
    network.restart('n3')
    network.tick(3)
    const n3 = network.get('n3')
    n3.slowDisk = true
    network.propose('n1', 'd')
    network.propose('n2', 'e')
    network.release()
    network.tick(15)
    expect(n3.applied).toEqual([])

    n3.slowDisk = false
    n3.finishAppend()
    network.tick(25)

    expect(n3.texts).toEqual([...TEXTS, 'd', 'e'])
  })
})

test('§5 a log of which only the end is in memory still serves followers from its start', () => {
  const network = new Network(IDS, { n3: startOf('n3', IDS) }, { memoryBytesMax: 200 })
  network.elect('n1')
  network.isolate('n3')
  for (let i = 0; i < 40; i++) network.propose('n1', `${i}`)
  network.heal()

  network.tick(20)

  expect(network.get('n3').texts).toHaveLength(40)
  expect(ofType(network.delivered, 'SnapshotOffer')).toEqual([])
})
