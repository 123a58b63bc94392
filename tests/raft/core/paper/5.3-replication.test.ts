// §5.3: log replication.

import { describe, expect, test } from 'vitest'
import type { RaftConfig } from '../../../../raft/core/config.ts'
import { entriesOf, IDS, Network, startOf } from '../network.ts'
import { append, heartbeat, ofType, Solo } from '../solo.ts'

const ack = (session: number, match: number) => ({ type: 'AppendOk', session, match }) as const

describe('the leader', () => {
  test('§5.3 opens its term with an entry of its own and sends it to all at once', () => {
    const solo = new Solo({ entries: entriesOf([1]) }).become('candidate')

    const said = solo.hear('n2', 2, { type: 'VoteResp', granted: true })

    expect(ofType(said, 'Append').map(({ to, prev, entries }) => ({ to, prev, entries }))).toEqual(
      ['n2', 'n3'].map((to) => ({
        to,
        prev: { index: 1, term: 1 },
        entries: [{ index: 2, term: 2, type: 'noop', proposal: null, data: new Uint8Array(0) }],
      })),
    )
  })

  test('§5.3 replicates a proposal in parallel with its own disk write, and counts itself only after it', () => {
    const solo = new Solo().become('leader')
    const [sent] = ofType(solo.tick(), 'Heartbeat')
    solo.hear('n2', 1, ack(sent!.session, 1))
    solo.member.slowDisk = true
    solo.member.propose('a')

    const appends = ofType(solo.said(), 'Append')
    expect(appends).toMatchObject([{ to: 'n2', entries: [{ index: 2 }] }])
    expect(solo.status.commit).toBe(1)

    solo.hear('n2', 1, ack(sent!.session, 2))
    expect(solo.status.commit).toBe(1)
    solo.member.finishAppend()
    expect(solo.status.commit).toBe(2)
  })

  test('§5.3 commits on its followers’ disks alone when its own is slow, but applies only what it holds', () => {
    const network = new Network(IDS)
    network.elect('n1')
    network.get('n1').slowDisk = true
    network.propose('n1', 'a')

    expect(network.get('n1').status.commit).toBe(2)
    expect(network.get('n1').texts).toEqual([])
    expect(network.get('n2').texts).toEqual(['a'])
    network.get('n1').finishAppend()
    network.deliver()
    expect(network.get('n1').texts).toEqual(['a'])
  })

  test('§5.3 tells followers of a commit at once, not only with the next append', () => {
    const network = new Network(IDS)
    network.elect('n1')
    network.propose('n1', 'a')

    for (const id of IDS) expect(network.get(id).status.commit).toBe(2)
  })

  test('§5.3 never sends a commit index beyond what the follower is known to hold', () => {
    const solo = new Solo().become('leader')
    const [n2] = ofType(solo.tick(), 'Heartbeat')
    solo.hear('n2', 1, ack(n2!.session, 1))
    solo.member.propose('a')
    solo.said()
    solo.hear('n2', 1, ack(n2!.session, 2))
    expect(solo.status.commit).toBe(2)

    const beats = ofType(solo.tick(), 'Heartbeat')

    expect(beats.map(({ to, commit }) => `${to} ${commit}`)).toEqual(['n2 2', 'n3 0'])
  })

  test('§5.3 drops replies of another session', () => {
    const solo = new Solo().become('leader')
    const [before] = ofType(solo.tick(), 'Heartbeat')
    solo.member.step({ type: 'PeerMet', peer: 'n2', store: 'store-of-n2' })
    solo.said()

    solo.hear('n2', 1, ack(before!.session, 1))
    solo.hear('n2', 1, {
      type: 'AppendConflict',
      session: before!.session,
      prev: { index: 0, term: 0 },
      hint: { index: 0, term: 0 },
    })

    expect(solo.status.peers[0]).toMatchObject({ node: 'n2', match: 0, state: 'probe' })
    expect(solo.status.commit).toBe(0)
  })

  test('§5.3 believes no acknowledgement beyond its own log', () => {
    const solo = new Solo().become('leader')
    const [beat] = ofType(solo.tick(), 'Heartbeat')

    solo.hear('n2', 1, ack(beat!.session, 99))

    expect(solo.status.peers[0]!.match).toBe(0)
    expect(solo.status.commit).toBe(0)
  })
})

describe('a follower', () => {
  const prev = { index: 2, term: 1 }

  test('§5.3 acknowledges what it holds durably, up to prev + n', () => {
    const solo = new Solo({ entries: entriesOf([1, 1, 1, 1, 1]) })
    solo.member.slowDisk = true

    expect(solo.hear('n2', 1, append(prev, entriesOf([1], 3)))).toMatchObject([
      { type: 'AppendOk', match: 3 },
    ])
    expect(solo.hear('n2', 1, append({ index: 5, term: 1 }, entriesOf([1], 6)))).toEqual([])
    solo.member.finishAppend()
    expect(solo.said()).toMatchObject([{ type: 'AppendOk', match: 6 }])
  })

  test('§5.3 refuses entries behind a place where its log differs', () => {
    const solo = new Solo({ entries: entriesOf([1, 1, 2]) })

    expect(solo.hear('n2', 5, append({ index: 3, term: 4 }, entriesOf([5], 4)))).toMatchObject([
      { type: 'AppendConflict', prev: { index: 3, term: 4 }, hint: { index: 3, term: 2 } },
    ])
    expect(solo.hear('n2', 5, append({ index: 9, term: 4 }))).toMatchObject([
      { type: 'AppendConflict', prev: { index: 9, term: 4 }, hint: { index: 3, term: 2 } },
    ])
    expect(solo.status.last).toEqual({ index: 3, term: 2 })
  })

  test('§5.3 removes a conflicting suffix, and only then', () => {
    const solo = new Solo({ entries: entriesOf([1, 1, 2, 2, 2]) })

    solo.hear('n2', 3, append(prev, entriesOf([3], 3)))

    expect(solo.network.terms('n1')).toBe('1 1 3')
  })

  test('§5.3 a delayed, shorter append removes nothing that agrees', () => {
    const solo = new Solo({ entries: entriesOf([1, 1]) })
    solo.hear('n2', 1, append(prev, entriesOf([1, 1, 1, 1], 3)))

    const said = solo.hear('n2', 1, append(prev, entriesOf([1, 1], 3)))

    expect(said).toMatchObject([{ type: 'AppendOk', match: 4 }])
    expect(solo.status.last.index).toBe(6)
  })

  test('§5.3 an append behind its commit is answered with the commit', () => {
    const solo = new Solo({ entries: entriesOf([1, 1, 1, 1]), commit: 3 })

    expect(solo.hear('n2', 1, append({ index: 1, term: 1 }, entriesOf([1], 2)))).toMatchObject([
      { type: 'AppendOk', match: 3 },
    ])
  })

  test('§5.3 commits what the leader has committed, as far as their logs are known to agree', () => {
    const solo = new Solo({ entries: entriesOf([1, 1, 1, 1, 1]) })

    solo.hear('n2', 2, heartbeat(5))
    expect(solo.status.commit).toBe(0)
    solo.hear('n2', 2, append(prev, [], 5))
    expect(solo.status.commit).toBe(2)
    solo.hear('n2', 2, { type: 'Commit', session: 1, commit: 5 })
    expect(solo.status.commit).toBe(2)
  })

  test('§5.3 what agreed with one leader need not agree with the next', () => {
    const solo = new Solo({ entries: entriesOf([1, 1]) })
    solo.hear('n2', 2, append(prev, entriesOf([2, 2, 2], 3)))

    solo.hear('n3', 3, heartbeat(5))

    expect(solo.status.commit).toBe(0)
  })

  test('§5.3 hands entries to the state machine in order, committed and durable ones only', () => {
    const solo = new Solo()
    solo.member.slowDisk = true
    solo.hear('n2', 1, append({ index: 0, term: 0 }, entriesOf([1, 1]), 2))
    expect(solo.status.commit).toBe(2)
    expect(solo.member.applied).toEqual([])

    solo.member.finishAppend()
    solo.said()

    expect(solo.member.applied.map((entry) => entry.index)).toEqual([1, 2])
  })
})

test('§5.3 conflicts are found a term at a time, not an entry at a time', () => {
  const stale = Array(2000).fill(2)
  const network = new Network(IDS, {
    n1: startOf('n1', IDS, { entries: entriesOf([1, ...Array(1500).fill(3)]) }),
    n2: startOf('n2', IDS, { entries: entriesOf([1]), term: 3 }),
    n3: startOf('n3', IDS, { entries: entriesOf([1, ...stale]), term: 3 }),
  })
  network.elect('n1')
  network.tick(3)

  const refusals = ofType(network.delivered, 'AppendConflict').filter((m) => m.from === 'n3')
  expect(refusals.length).toBeLessThanOrEqual(3)
  expect(network.terms('n3')).toBe(network.terms('n1'))
})

describe('the window', () => {
  const settings = { inflightMessagesMax: 3, messageBytesMax: 200 }
  /** A leader whose n2 is known to agree, with the session that n2 answers in. */
  const streaming = (config: Partial<RaftConfig> = settings) => {
    const solo = new Solo({}, config).become('leader')
    const [beat] = ofType(solo.tick(), 'Heartbeat')
    solo.hear('n2', 1, ack(beat!.session, 1))
    return { solo, session: beat!.session }
  }
  const propose = (solo: Solo, count: number) => {
    const appends = []
    for (let i = 0; i < count; i++) {
      solo.member.propose('x'.repeat(100))
      appends.push(...ofType(solo.said(), 'Append').filter((m) => m.to === 'n2'))
    }
    return appends
  }

  test('§5.3 streams without waiting for answers, up to so many messages', () => {
    const { solo } = streaming()
    const appends = propose(solo, 10)
    expect(appends.map((m) => m.entries[0]!.index)).toEqual([2, 3, 4])
  })

  test('an acknowledgement opens the window for what it covers', () => {
    const { solo, session } = streaming()
    propose(solo, 10)
    const next = ofType(solo.hear('n2', 1, ack(session, 3)), 'Append')
    expect(next.map((m) => m.entries[0]!.index)).toEqual([5, 6])
  })

  test('heartbeats do not push entries past a full window, however long it stays full', () => {
    const { solo, session } = streaming()
    propose(solo, 10)
    const appends = []
    for (let i = 0; i < 8; i++) {
      appends.push(...ofType(solo.tick(), 'Append'))
      appends.push(
        ...ofType(
          solo.hear('n2', 1, { type: 'HeartbeatResp', session, readSequence: 0 }),
          'Append',
        ),
      )
    }
    expect(appends.length).toBeGreaterThan(0)
    expect(appends.flatMap((m) => m.entries)).toEqual([])
  })

  test('what a full window held is sent again when the follower shows that it was lost', () => {
    const network = new Network(IDS, {}, settings)
    network.elect('n1')
    network.tick(3)
    network.hold = (m) => m.type === 'Append' && m.to === 'n3'
    for (let i = 0; i < 10; i++) network.propose('n1', 'x'.repeat(100))
    expect(network.held).toHaveLength(3)
    network.held = []
    network.hold = () => false

    network.tick(10)

    expect(network.get('n3').texts).toHaveLength(10)
  })

  test('the same when the entries are no longer in memory and come from the disk', () => {
    const network = new Network(IDS, {}, { ...settings, memoryBytesMax: 300 })
    network.elect('n1')
    network.tick(3)
    network.hold = (m) => m.type === 'Append' && m.to === 'n3'
    for (let i = 0; i < 30; i++) network.propose('n1', 'x'.repeat(100))
    network.held = []
    network.hold = () => false

    network.tick(40)

    expect(network.get('n3').texts).toHaveLength(30)
  })

  test('bytes bound it as well', () => {
    const { solo } = streaming({ ...settings, inflightMessagesMax: 100, inflightBytesMax: 400 })
    expect(propose(solo, 10)).toHaveLength(3)
  })

  test('one read from the disk is under way at a time for a follower', () => {
    const network = new Network(IDS, {}, { ...settings, memoryBytesMax: 300 })
    network.elect('n1')
    network.isolate('n3')
    for (let i = 0; i < 30; i++) network.propose('n1', 'x'.repeat(100))
    network.get('n1').slowReads = true
    network.heal()
    network.tick(20)
    expect(network.get('n1').reading).toHaveLength(1)

    network.get('n1').slowReads = false
    network.get('n1').finishReads()
    network.tick(30)
    expect(network.get('n3').texts).toHaveLength(30)
  })
})
