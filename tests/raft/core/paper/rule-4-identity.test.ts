// DESIGN.md, rule 4: store ids, pins, and nodes that have lost their memory.

import { expect, test } from 'vitest'
import { Disk } from '../disk.ts'
import { FIVE, freshOf, IDS, Network, startOf, storeOf } from '../network.ts'
import { ofType, Solo } from '../solo.ts'

const standings = (network: Network) =>
  [...network.members.values()].map((member) => member.status.standing)

const fresh = (ids: readonly string[]) =>
  Object.fromEntries(ids.map((id) => [id, freshOf(id, ids)]))

test('a cluster forms when all have met once, and not before', () => {
  const network = new Network(IDS, fresh(IDS))
  expect(standings(network)).toEqual(['member', 'member', 'member'])

  const partial = new Network(IDS, fresh(IDS))
  partial.crash('n3')
  partial.wipe('n1')
  partial.wipe('n2')
  partial.restart('n1')
  partial.restart('n2')
  partial.tick(50)
  expect(standings(partial)).toEqual(['forming', 'forming'])
  expect(partial.leader).toBeNull()
})

test('that a cluster has formed is remembered: two of three go on alone after a restart', () => {
  const network = new Network(IDS, fresh(IDS))
  network.crash('n3')
  network.restart('n1')
  network.restart('n2')

  network.elect('n1')
  network.propose('n2', 'a')

  expect(network.get('n2').texts).toEqual(['a'])
})

test('a wiped node neither votes nor counts until a majority without it has committed its new id', () => {
  const network = new Network(IDS)
  network.elect('n1')
  network.crash('n2')
  network.crash('n3')
  network.wipe('n3')
  network.restart('n3')
  network.get('n1').propose('needs two disks')
  network.tick(5)
  expect(network.get('n3').status.standing).toBe('suspect')
  expect(network.get('n1').texts).toEqual([])

  network.restart('n2')
  network.tickUntil(() => network.leader !== null)
  network.tick(10)

  expect(standings(network)).toEqual(['member', 'member', 'member'])
  expect(network.get('n3').texts).toEqual(['needs two disks'])
})

test('a leader vouches for no store that it met long ago: its node may have lost that one, too, and be a member again', () => {
  const network = new Network(IDS)
  network.elect('n2')
  network.crash('n3')
  network.wipe('n3', 'second-store')
  network.cutBetween('n2', 'n3')
  network.restart('n3') // n1 alone meets it
  network.crash('n3')
  network.wipe('n3', 'third-store')
  network.heal()
  network.cutBetween('n1', 'n3')
  network.restart('n3')
  network.tick(5)
  expect(network.get('n3').status).toMatchObject({ standing: 'member', store: 'third-store' })

  network.get('n2').raft.transferLeadership('n1')
  network.tick(5)
  expect(network.leader).toBe('n1')
  network.heal()
  network.meet('n1', 'n3')
  network.tick(5)

  expect(network.get('n1').trace).not.toContain('vouch')
  expect(network.get('n3').status).toMatchObject({ standing: 'member', store: 'third-store' })
})

test('a suspect answers no vote request and does not even enter its term', () => {
  const network = new Network(IDS)
  network.crash('n3')
  network.wipe('n3')
  network.restart('n3')
  network.deliver()
  const { term } = network.get('n3').status

  const before = network.delivered.length
  network.hand({
    type: 'Vote',
    from: 'n1',
    to: 'n3',
    term: term + 5,
    last: { index: 9, term: term + 4 },
    force: true,
  })
  network.deliver()

  expect(network.get('n3').status.term).toBe(term)
  expect(network.delivered.slice(before).filter((m) => m.from === 'n3')).toEqual([])
})

test('a cleared node holds its term and its vote for the leader that cleared it', () => {
  const network = new Network(IDS)
  network.elect('n1')
  network.crash('n3')
  network.wipe('n3')
  network.restart('n3')
  network.tick(5)

  const { status } = network.get('n3')
  expect(status.standing).toBe('member')
  expect(network.disks.get('n3')!.hardState).toEqual({ term: status.term, vote: 'n1' })
})

test('two suspects of three: the cluster waits and says why', () => {
  const network = new Network(IDS)
  network.elect('n1')
  network.propose('n1', 'kept')
  for (const id of ['n2', 'n3']) {
    network.crash(id)
    network.wipe(id)
  }
  for (const id of ['n2', 'n3']) network.restart(id)

  network.tick(100)

  expect(standings(network).toSorted()).toEqual(['member', 'suspect', 'suspect'])
  expect(network.leader).toBeNull()
  expect(network.get('n1').texts).toEqual(['kept'])
})

test('a directory set back to an older copy is found out by what the peers have seen it promise', () => {
  const network = new Network(IDS)
  network.elect('n1')
  network.propose('n1', 'a')
  const copy = network.disks.get('n3')!.load()
  network.propose('n1', 'b')
  network.tick(3)
  network.crash('n3')
  network.disks.set('n3', new Disk(copy))

  const member = network.restart('n3')
  network.deliver()

  expect(member.trace).toContain('lost')
  network.tick(10)
  expect(network.get('n3').status).toMatchObject({ standing: 'member', store: /spare/ })
  expect(network.get('n3').texts).toEqual(['a', 'b'])
})

test('a leader set back to before its term is found out by the vote on a disk, though all processes are new', () => {
  const network = new Network(IDS)
  network.elect('n1')
  network.propose('n1', 'a')
  const copy = network.disks.get('n3')!.load()
  network.isolate('n2')
  network.get('n1').raft.transferLeadership('n3')
  network.tick(5)
  network.propose('n3', 'on the disks of n1 and n3')
  for (const id of IDS) network.crash(id)
  network.disks.set('n3', new Disk(copy))
  network.heal()

  for (const id of IDS) network.restart(id)
  network.deliver()

  expect(network.get('n3').trace).toContain('lost')
  network.tickUntil(() => network.leader !== null)
  network.tick(10)
  expect(standings(network)).toEqual(['member', 'member', 'member'])
  expect(network.get('n2').texts).toEqual(['a', 'on the disks of n1 and n3'])
})

test('who learns that it has forgotten takes back what a write under way was to promise', () => {
  const solo = new Solo()
  const { store } = solo.status
  const last = { index: 0, term: 0 }
  solo.member.slowDisk = true
  solo.hear('n2', 5, { type: 'Vote', last, force: false })
  expect(solo.member.unfinished?.thenSend).toMatchObject([{ type: 'VoteResp', granted: true }])

  // It voted for somebody else in a later term, before its directory was set back.
  solo.hear('n3', 5, {
    type: 'Remembered',
    pinned: store,
    seen: { term: 6, match: last },
    commit: 0,
  })
  solo.member.slowDisk = false
  solo.member.finishAppend()

  expect(solo.status.standing).toBe('suspect')
  expect(ofType(solo.said(), 'VoteResp')).toEqual([])
})

test('a log that lost its end makes the node a suspect under a new id before it says anything', () => {
  const network = new Network(IDS)
  network.elect('n1')
  network.propose('n1', 'a')
  network.propose('n1', 'b')
  network.crash('n3')
  const disk = network.disks.get('n3')!
  disk.entries.pop()

  network.restart('n3')
  expect(network.get('n3').status).toMatchObject({ standing: 'suspect', store: /spare/ })

  network.tick(10)
  expect(network.get('n3').status.standing).toBe('member')
  expect(network.get('n3').texts).toEqual(['a', 'b'])
})

test('a node that was down during an election is not suspected for a term it never entered', () => {
  const network = new Network(IDS)
  network.elect('n1')
  network.isolate('n3')
  network.get('n1').raft.transferLeadership('n2')
  network.tick(5)
  expect(network.get('n2').status).toMatchObject({ role: 'leader', term: 2 })
  network.heal()

  network.restart('n3')
  network.tick(5)

  expect(network.get('n3').status).toMatchObject({ standing: 'member', store: storeOf('n3') })
})

test('what a node has promised since its start is no evidence against it at a later meeting', () => {
  const network = new Network(IDS)
  network.elect('n1')
  network.cutBetween('n2', 'n3')
  network.restart('n3')
  network.deliver()
  network.propose('n1', 'acknowledged to n1, told to n2')
  network.tick(3)

  network.heal()
  network.meet('n2', 'n3')
  network.meet('n3', 'n2')
  network.tick(3)

  expect(network.get('n3').status).toMatchObject({ standing: 'member', store: storeOf('n3') })
})

test('a follower that lags below its leader’s log is not suspected at its restart', () => {
  const network = new Network(IDS)
  network.elect('n1')
  network.propose('n1', 'a')
  network.cutBetween('n1', 'n3')
  for (let i = 0; i < 5; i++) network.propose('n1', `b${i}`)
  network.get('n1').takeCheckpoint()
  network.tick(2)
  expect(network.get('n1').status.firstIndex).toBeGreaterThan(3)
  network.restart('n2')
  network.tick(2)

  network.restart('n3')
  network.tick(2)
  network.heal()
  network.tick(20)

  expect(network.get('n3').status).toMatchObject({ standing: 'member', store: storeOf('n3') })
  expect(network.get('n3').texts).toHaveLength(6)
})

test('a cleared node that leads brings a follower up to date that still knows its old store', () => {
  const network = new Network(IDS)
  network.elect('n1')
  network.propose('n1', 'a')
  network.crash('n3')
  network.wipe('n3', 'second-store')
  // n1 and n2 must commit the entry that clears n3, and n2 must not learn that it is committed.
  network.hold = (m) => m.to === 'n2' && (m.type === 'Commit' || m.type === 'Heartbeat')
  network.restart('n3')
  network.tick(5)
  expect(network.get('n3').status.standing).toBe('member')
  network.restart('n3')
  network.held = []
  network.hold = () => false

  network.crash('n1')
  network.tickUntil(() => network.leader !== null)
  network.tick(20)

  expect(standings(network)).toEqual(['member', 'member'])
  expect(network.get('n2').status.commit).toBe(network.get('n3').status.commit)
})

test('a node whose config entry is committed but that crashes before it is cleared is cleared later', () => {
  const network = new Network(IDS)
  network.elect('n1')
  network.crash('n3')
  network.wipe('n3', 'second-store')
  network.restart('n3')
  const n3 = network.get('n3')
  n3.slowDisk = true
  network.tick(3)
  // All of it is written but for the identity that says so.
  for (let i = 0; i < 20 && n3.status.standing !== 'member'; i++) {
    n3.finishAppend()
    network.deliver()
  }
  expect(n3.status.standing).toBe('member')
  expect(network.disks.get('n3')!.identity.member).toBe(false)

  network.restart('n3')
  network.tick(10)

  expect(network.get('n3').status).toMatchObject({ standing: 'member', store: 'second-store' })
})

test('five nodes, two wiped at once, form again by themselves', () => {
  const network = new Network(FIVE)
  network.elect('n1')
  network.propose('n1', 'kept')
  for (const id of ['n4', 'n5']) {
    network.crash(id)
    network.wipe(id)
    network.restart(id)
  }

  network.tick(20)

  expect(standings(network)).toEqual(Array(5).fill('member'))
  for (const id of FIVE) expect(network.get(id).texts).toEqual(['kept'])
})

test('a node refuses to know members that are not in its configuration', () => {
  const network = new Network(IDS, { n1: startOf('n1', IDS) })
  network.get('n1').step({
    type: 'Heartbeat',
    from: 'stranger',
    to: 'n1',
    term: 9,
    session: 1,
    commit: 0,
    readSequence: 0,
    matches: [],
  })
  network.deliver()
  expect(network.get('n1').status.term).toBe(0)
  expect(network.get('n1').trace).toContain('refused')
})

test('a cleared node knows the others’ stores from the cluster, not from whom it happens to meet first', () => {
  const network = new Network(IDS)
  network.elect('n1')
  // n2 is lost and cleared without ever meeting n3, then leads.
  network.crash('n2')
  network.wipe('n2', 'second-store')
  network.cutBetween('n2', 'n3')
  network.restart('n2')
  network.tick(5)
  expect(network.get('n2').status.standing).toBe('member')
  network.get('n1').raft.transferLeadership('n2')
  network.tick(2)
  expect(network.leader).toBe('n2')
  // n1 and n3 elect n1 and commit without it; then n3 is lost in turn, and n1 is not there to know better.
  network.isolate('n2')
  network.lose('n1', 'n2')
  network.tickUntil(() => network.get('n1').status.term > 2, 60, ['n1', 'n3'])
  network.tick(5, ['n1', 'n3'])
  network.propose('n1', 'committed by n1 and n3')
  expect(network.get('n1').texts).toEqual(['committed by n1 and n3'])
  network.crash('n3')
  network.wipe('n3', 'third-store')
  network.heal()
  network.isolate('n1')
  network.restart('n3')
  network.get('n2').propose('must not be committed by n2 and the new n3')
  network.tick(8)

  expect(network.get('n2').texts).toEqual([])
  network.heal()
  for (const [a, b] of [
    ['n1', 'n2'],
    ['n1', 'n3'],
  ] as const) {
    network.meet(a, b)
    network.meet(b, a)
  }
  network.tick(60)
  expect(standings(network)).toEqual(['member', 'member', 'member'])
  for (const id of IDS) expect(network.get(id).texts).toHaveLength(2)
})

test('a vote shows its node to be cleared, though the voted for does not know yet', () => {
  const network = new Network(IDS)
  network.elect('n2')
  network.get('n3').slowApply = true
  network.propose('n2', 'is being applied on n3')
  network.crash('n1')
  network.wipe('n1', 'second-store')
  network.restart('n1')
  network.tick(5)
  expect(network.get('n1').status.standing).toBe('member')
  // n3 alone has the longest log, with the entry that cleared n1 in it, and has forgotten that it is committed.
  network.hold = (m) => m.to === 'n1' && m.type === 'Append'
  network.propose('n2', 'x')
  network.crash('n2')
  network.wipe('n2', 'third-store')
  network.held = []
  network.hold = () => false
  network.restart('n3')
  network.restart('n2')
  expect(network.get('n3').status.commit).toBe(1)

  network.tick(100)

  expect(network.leader).toBe('n3')
  expect(standings(network)).toEqual(['member', 'member', 'member'])
  for (const id of IDS) expect(network.get(id).texts).toEqual(['is being applied on n3', 'x'])
})

test('a node that is cleared while it knows no leader gives its vote of that term to nobody', () => {
  const network = new Network(IDS)
  network.crash('n1')
  network.wipe('n1', 'second-store')
  const n1 = network.restart('n1')
  network.deliver()
  expect(n1.status.standing).toBe('suspect')
  n1.slowInstall = true
  n1.step({
    type: 'SnapshotOffer',
    from: 'n2',
    to: 'n1',
    term: 3,
    session: 1,
    checkpoint: { index: 9, term: 3, state: new Uint8Array(0) },
    pins: ['n2', 'n3']
      .map((node) => ({ node, store: storeOf(node) }))
      .concat({
        node: 'n1',
        store: 'second-store',
      }),
    configIndex: 8,
  })
  n1.settle()
  n1.step({ type: 'StaleTerm', from: 'n3', to: 'n1', term: 4 })
  n1.finishInstall()
  n1.settle()

  expect(n1.status).toMatchObject({ standing: 'member', term: 4, vote: 'n1', leader: null })
  expect(network.disks.get('n1')!.identity).toMatchObject({ member: true, configIndex: 8 })
  n1.outbox.splice(0)
  const last = { index: 99, term: 3 }
  n1.step({ type: 'Vote', from: 'n3', to: 'n1', term: 4, last, force: true })
  n1.settle()
  expect(n1.outbox).toMatchObject([{ type: 'VoteResp', granted: false }])
})
