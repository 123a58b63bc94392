// Thesis §4.2.3 (stickiness), §6.2 (a leader that hears no majority gives up), §6.4 (ReadIndex).

import { describe, expect, test } from 'vitest'
import { entriesOf, FIVE, IDS, Network, startOf } from '../network.ts'
import { heartbeat, ofType, Solo } from '../solo.ts'

describe('§4.2.3 stickiness', () => {
  const vote = { type: 'Vote', last: { index: 9, term: 3 }, force: false } as const

  test('who hears a leader ignores candidates, and their term', () => {
    const solo = new Solo({ term: 3 })
    solo.hear('n2', 3, heartbeat())

    expect(solo.hear('n3', 4, vote)).toEqual([])

    expect(solo.status).toMatchObject({ term: 3, leader: 'n2', vote: null })
  })

  test('a leader ignores them as well', () => {
    const solo = new Solo().become('leader')
    expect(solo.hear('n3', 9, vote)).toEqual([])
    expect(solo.status).toMatchObject({ role: 'leader', term: 1 })
  })

  test('for one election timeout without a word from the leader, not longer', () => {
    const solo = new Solo({ term: 3 })
    solo.hear('n2', 3, heartbeat())
    solo.tick(9)
    expect(solo.hear('n3', 4, vote)).toEqual([])
    solo.tick(1)
    expect(ofType(solo.hear('n3', 4, vote), 'VoteResp')).toMatchObject([{ granted: true }])
  })

  test('not when the leader itself hands over', () => {
    const solo = new Solo({ term: 3 })
    solo.hear('n2', 3, heartbeat())
    expect(solo.hear('n3', 4, { ...vote, force: true })).toMatchObject([{ granted: true }])
  })

  test('not any more when the leader’s link has closed', () => {
    const solo = new Solo({ term: 3 })
    solo.hear('n2', 3, heartbeat())
    solo.member.step({ type: 'PeerLost', peer: 'n2' })
    expect(ofType(solo.hear('n3', 4, vote), 'VoteResp')).toMatchObject([{ granted: true }])
  })

  test('a node that may not lead shields a silent leader no longer than the others', () => {
    const network = new Network(IDS)
    network.elect('n1')
    for (const text of ['a', 'b']) network.propose('n1', text)
    network.get('n3').takeCheckpoint()
    network.deliver()
    network.crash('n3')
    network.disks.get('n3')!.storeLost = true
    network.hold = (m) => m.type === 'NeedSnapshot'
    network.restart('n3')
    network.tick(2)
    network.crash('n1')
    network.tick(19, ['n3']) // its timer has run out at least once

    expect(network.get('n3').status.leader).toBeNull()
  })
})

describe('§6.2 check quorum', () => {
  test('a leader that hears no majority for an election timeout gives up, in its term', () => {
    const network = new Network(IDS)
    network.elect('n1')
    network.isolate('n1')
    network.tick(9, ['n1'])
    expect(network.get('n1').status.role).toBe('leader')
    network.tick(1, ['n1'])
    expect(network.get('n1').status).toMatchObject({ role: 'follower', term: 1, leader: null })
  })

  test('half of an even cluster is no majority', () => {
    const network = new Network(FIVE.slice(0, 4))
    network.elect('n1')
    for (const id of ['n3', 'n4']) network.cutBetween('n1', id)
    network.tick(12, ['n1', 'n2'])
    expect(network.get('n1').status.role).not.toBe('leader')
  })

  test('a leader is given an election timeout after its election to hear from its followers', () => {
    const solo = new Solo().become('leader')
    solo.tick(9)
    expect(solo.status.role).toBe('leader')
  })

  test('any answer of a member counts, also when it comes from a slow disk’s owner', () => {
    const network = new Network(IDS)
    network.elect('n1')
    network.get('n2').slowDisk = true
    network.get('n3').slowDisk = true
    network.propose('n1', 'a')
    network.tick(50)
    expect(network.get('n1').status.role).toBe('leader')
  })

  test('answers of a node that does not count do not count', () => {
    const network = new Network(IDS)
    network.elect('n1')
    network.crash('n2')
    network.crash('n3')
    network.wipe('n3')
    network.restart('n3')
    network.tick(12, ['n1'])
    expect(network.get('n1').status.role).not.toBe('leader')
  })

  test('a closed link does not count as heard', () => {
    const network = new Network(IDS)
    network.elect('n1')
    network.lose('n1', 'n2')
    network.lose('n1', 'n3')
    network.get('n1').raft.tick()
    expect(network.get('n1').status.role).toBe('follower')
  })

  test('a chain of three: the old leader keeps a majority, or somebody else gets one', () => {
    const network = new Network(IDS)
    network.elect('n1')
    network.cutBetween('n1', 'n3')
    network.propose('n3', 'through the middle')
    network.tick(100)
    expect(network.get('n1').texts).toEqual(network.get('n2').texts)
    expect(network.leader).not.toBeNull()
    network.propose('n2', 'goes on')
    expect(network.get('n2').texts).toContain('goes on')
  })

  test('five nodes with one bridge: who can commit leads', () => {
    const network = new Network(FIVE)
    network.elect('n1')
    // n1 n2 | n3 | n4 n5: only n3 reaches everybody.
    for (const a of ['n1', 'n2']) for (const b of ['n4', 'n5']) network.cutBetween(a, b)
    network.tick(50)
    expect(network.leader).not.toBeNull()
    network.propose('n3', 'goes on')
    network.tick(50)
    expect(network.get('n3').texts).toContain('goes on')
  })
})

describe('§6.4 ReadIndex', () => {
  const states = (network: Network, id: string) =>
    network.get(id).readies.flatMap((ready) => ready.readStates)

  test('answers the commit index on any node, confirmed by one round of heartbeats', () => {
    const network = new Network(IDS)
    network.elect('n1')
    network.propose('n1', 'a')
    for (const id of IDS) {
      const ticket = network.get(id).raft.readIndex()
      network.deliver()
      expect(states(network, id)).toEqual([{ ticket, index: 2 }])
    }
  })

  test('is not answered by a leader cut off from its majority', () => {
    const network = new Network(IDS)
    network.elect('n1')
    network.isolate('n1')
    network.get('n1').raft.readIndex()
    network.tick(30, ['n1'])
    expect(states(network, 'n1')).toEqual([])
  })

  test('a round that began before the read does not confirm it', () => {
    const solo = new Solo().become('leader')
    const [beat] = ofType(solo.tick(), 'Heartbeat')
    const { session } = beat!
    solo.hear('n2', 1, { type: 'AppendOk', session, match: 1 })
    const ticket = solo.member.raft.readIndex()
    solo.hear('n2', 1, { type: 'HeartbeatResp', session, readSequence: beat!.readSequence })
    expect(solo.member.readies.flatMap((ready) => ready.readStates)).toEqual([])

    const [asked] = ofType(solo.tick(), 'Heartbeat')
    solo.hear('n2', 1, { type: 'HeartbeatResp', session, readSequence: asked!.readSequence })

    expect(solo.member.readies.flatMap((ready) => ready.readStates)).toEqual([{ ticket, index: 1 }])
  })

  test('waits until the leader has committed an entry of its own term', () => {
    const network = new Network(IDS, {
      n1: startOf('n1', IDS, { entries: entriesOf([1, 1]) }),
      n2: startOf('n2', IDS, { entries: entriesOf([1, 1]) }),
      n3: startOf('n3', IDS, { entries: entriesOf([1, 1]) }),
    })
    network.hold = (m) => m.type === 'AppendOk'
    network.elect('n1')
    const ticket = network.get('n2').raft.readIndex()
    network.tick(3)
    expect(states(network, 'n2')).toEqual([])

    network.release()
    network.tick(2)

    expect(states(network, 'n2')).toEqual([{ ticket, index: 3 }])
  })

  test('a single node, too, waits for its first own commit after a restart', () => {
    const network = new Network(['n1'], {
      n1: startOf('n1', ['n1'], { entries: entriesOf([1, 1]) }),
    })
    network.get('n1').slowDisk = true
    network.tickUntil(() => network.get('n1').status.role === 'candidate')
    network.get('n1').finishAppend()
    network.deliver()
    expect(network.get('n1').status).toMatchObject({ role: 'leader', commit: 0 })
    const ticket = network.get('n1').raft.readIndex()
    network.deliver()
    expect(states(network, 'n1')).toEqual([])

    network.get('n1').finishAppend()
    network.deliver()

    expect(states(network, 'n1')).toEqual([{ ticket, index: 3 }])
  })

  test('is asked again of the next leader', () => {
    const network = new Network(IDS)
    network.elect('n1')
    network.hold = (m) => m.type === 'ReadIndex'
    const ticket = network.get('n3').raft.readIndex()
    network.deliver()
    network.held = []
    network.hold = () => false
    network.crash('n1')
    network.tick(40)

    expect(states(network, 'n3')).toEqual([{ ticket, index: 2 }])
  })

  test('leadership lost and regained in between: confirmed in the term in which the index was taken', () => {
    const network = new Network(IDS)
    network.elect('n1')
    network.hold = (m) => m.type === 'HeartbeatResp'
    const ticket = network.get('n1').raft.readIndex()
    network.deliver()
    network.get('n1').raft.transferLeadership('n2')
    network.deliver()
    network.propose('n2', 'newer')
    network.get('n2').raft.transferLeadership('n1')
    network.deliver()
    expect(network.get('n1').status).toMatchObject({ role: 'leader', term: 3 })

    network.release()
    network.tick(2)

    const [state] = states(network, 'n1')
    expect(state).toMatchObject({ ticket })
    expect(state!.index).toBeGreaterThanOrEqual(4)
  })

  test('is answered once, and not at all when nobody waits any more', () => {
    const network = new Network(IDS)
    network.elect('n1')
    const ticket = network.get('n2').raft.readIndex()
    network.deliver()
    network.tick(30)
    expect(states(network, 'n2')).toHaveLength(1)
    network.hand({ type: 'ReadIndexResp', from: 'n1', to: 'n2', term: 1, ticket, index: 1 })
    network.get('n2').raft.cancelRead(network.get('n2').raft.readIndex())
    network.tick(5)
    expect(states(network, 'n2')).toHaveLength(1)
  })

  test('reads that arrive together share one round', () => {
    const network = new Network(IDS)
    network.elect('n1')
    const before = ofType(network.delivered, 'Heartbeat').length
    for (let i = 0; i < 10; i++) network.get('n1').raft.readIndex()
    network.deliver()
    expect(ofType(network.delivered, 'Heartbeat').length - before).toBe(2)
    expect(states(network, 'n1')).toHaveLength(10)
  })

  test('the answer of a suspect confirms nothing', () => {
    const network = new Network(IDS)
    network.elect('n1')
    network.crash('n2')
    network.crash('n3')
    network.wipe('n3')
    network.restart('n3')
    network.get('n1').raft.readIndex()
    network.tick(5)
    expect(states(network, 'n1')).toEqual([])
  })
})
