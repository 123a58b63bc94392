// GET /overview: what one node knows of all, how old it is, and whether all store the same.

import { describe, expect, test } from 'vitest'
import { type Overview, overviewSchema } from '../../../client/contract/overview.ts'
import {
  REPORT_EVERY_MS,
  REPORT_FRESH_MS,
  REPORT_GAP_MS_MIN,
} from '../../../node/overview/cluster-view.ts'
import { REIGNS_MAX } from '../../../node/overview/leadership.ts'
import { RATE_INTERVAL_MS, RATE_INTERVALS_MAX } from '../../../node/overview/rate-history.ts'
import { REPORT_BYTES_MAX } from '../../../raft/transport/limits.ts'
import { startNode, startNodes, type TestNode } from '../harness.ts'

const event = (id: string) => ({ topic: 'a', event_id: id })

async function overview(node: TestNode): Promise<Overview> {
  const reply = await node.request('/overview')
  expect(node.faults).toEqual([])
  return overviewSchema.parse(reply.body)
}

const rowOf = async (node: TestNode, id: string) =>
  (await overview(node)).nodes.find(({ node_id }) => node_id === id)!

/** n1 (leads), n2: linked by hand. */
async function pair(): Promise<[TestNode, TestNode]> {
  return (await startNodes(2)) as [TestNode, TestNode]
}

/** What `from` says now reaches `to`. */
function report(from: TestNode, to: TestNode): void {
  from.clock.advance(REPORT_EVERY_MS)
  to.view.hear(from.backend.id, from.told.at(-1)!)
}

describe('the nodes', () => {
  test('a node knows itself, and nothing yet of who has not spoken', async () => {
    const [n1] = await pair()
    await n1.publish([event('1'), event('2'), event('1')])

    const { nodes, ...rest } = await overview(n1)

    expect(rest).toMatchObject({ node_id: 'n1', term: 1, leader_id: 'n1', topics_total: 1 })
    expect(nodes[0]).toMatchObject({
      node_id: 'n1',
      self: true,
      age_ms: 0,
      fresh: true,
      lag: 0,
      digest_check: null,
      report: { role: 'leader', received: 3, unique_processed: 2, duplicate_dropped: 1 },
    })
    expect(nodes[1]).toMatchObject({
      node_id: 'n2',
      self: false,
      report: null,
      age_ms: null,
      fresh: false,
      digest_check: null,
    })
  })

  test('what a peer says of itself is shown as it said it, with its age', async () => {
    const [n1, n2] = await pair()
    await n1.publish([event('1'), event('2')])
    await n2.backend.settle()
    report(n1, n2)
    n2.clock.advance(300)
    await n1.publish(event('3'))

    expect(await rowOf(n2, 'n1')).toMatchObject({
      fresh: true,
      age_ms: 300,
      report: { role: 'leader', term: 1, leader_id: 'n1', last_position: 2, fsync: true },
    })
  })

  test('a peer that falls silent is no longer of now, and what was known of it stays', async () => {
    const [n1, n2] = await pair()
    report(n1, n2)

    n2.clock.advance(REPORT_FRESH_MS)
    const before = await rowOf(n2, 'n1')
    n2.clock.advance(1)
    const after = await rowOf(n2, 'n1')

    expect(before.fresh).toBe(true)
    expect(after).toMatchObject({ fresh: false, age_ms: REPORT_FRESH_MS + 1 })
    expect(after.report).toEqual(before.report)
  })

  test('a peer whose link went down is no longer of now, however young its report is', async () => {
    const [n1, n2] = await pair()
    report(n1, n2)
    const before = await rowOf(n2, 'n1')

    n2.unlinked.add('n1')

    expect(before).toMatchObject({ linked: true, fresh: true })
    expect(await rowOf(n2, 'n1')).toEqual({
      ...before,
      linked: false,
      fresh: false,
      lag: null, // nor does anybody know any more how far it is
    })
  })

  test('lag is what the leader says it is; without a fresh leader nobody knows', async () => {
    const [n1, n2] = await pair()
    n2.backend.pauseApply()
    await n1.publish(event('1'))
    report(n1, n2)

    expect((await rowOf(n1, 'n2')).lag).toBe(0) // it holds the entry, though it has not applied it
    expect((await rowOf(n2, 'n2')).lag).toBe(0)
    expect((await rowOf(n2, 'n1')).lag).toBe(0)

    n2.clock.advance(REPORT_FRESH_MS + 1)
    expect((await rowOf(n2, 'n2')).lag).toBe(null)
    n1.sequencer.loseLeader()
    expect((await rowOf(n1, 'n2')).lag).toBe(null)
  })
})

describe('digests', () => {
  test('are compared at the index that the peer had applied, whatever came after', async () => {
    const [n1, n2] = await pair()
    await n1.publish(event('1'))
    await n2.backend.settle()
    report(n1, n2)
    await n1.publish(event('2'))
    await n2.backend.settle()

    expect((await rowOf(n2, 'n1')).digest_check).toMatchObject({ verdict: 'equal', index: 1 })
    expect(n2.warnings).toEqual([])
  })

  test('wait for a node that is behind; meanwhile the last comparison stands, with its age', async () => {
    const [n1, n2] = await pair()
    await n1.publish(event('1'))
    await n2.backend.settle()
    report(n1, n2)
    expect((await rowOf(n2, 'n1')).digest_check).toEqual({ verdict: 'equal', index: 1, age_ms: 0 })

    n2.backend.pauseApply()
    await n1.publish(event('2'))
    report(n1, n2)
    const waiting = await rowOf(n2, 'n1')
    n2.backend.resumeApply()
    await n2.backend.settle()

    expect(waiting.digest_check).toEqual({ verdict: 'equal', index: 1, age_ms: REPORT_EVERY_MS })
    expect((await rowOf(n2, 'n1')).digest_check).toEqual({ verdict: 'equal', index: 2, age_ms: 0 })
  })

  test('that differ are shown, and logged once', async () => {
    const [n1, n2] = await pair()
    await n1.publish(event('1'))
    await n2.backend.settle()

    for (let time = 0; time < 2; time++) {
      n1.clock.advance(REPORT_EVERY_MS)
      const said = JSON.parse(Buffer.from(n1.told.at(-1)!).toString())
      n2.view.hear('n1', Buffer.from(JSON.stringify({ ...said, digest: 'f'.repeat(32) })))
      expect((await rowOf(n2, 'n1')).digest_check).toMatchObject({ verdict: 'differs', index: 1 })
    }

    expect(n2.warnings).toEqual(['a peer stores something else: its digest differs'])
  })

  test('of an index that is no longer kept are not judged', async () => {
    const [n1, n2] = await pair()
    n2.backend.events.digestAt = () => null
    report(n1, n2)

    expect((await rowOf(n2, 'n1')).digest_check).toBe(null)
  })
})

describe('reports', () => {
  test('are sent from time to time, and soon after a change of leader', async () => {
    const node = await startNode()

    for (let ms = 0; ms < REPORT_EVERY_MS; ms += 10) node.clock.advance(10)
    expect(node.told).toHaveLength(1)
    node.clock.advance(10)
    expect(node.told).toHaveLength(2)

    node.sequencer.loseLeader()
    node.sequencer.heal()
    for (let ms = 0; ms < REPORT_GAP_MS_MIN; ms += 10) node.clock.advance(10)
    expect(node.told).toHaveLength(3)
  })

  test('fit the bound of the links by far, also with nine nodes of long names', async () => {
    const nodes = await startNodes(9)
    const [first] = nodes as [TestNode]
    first.backend.members = () =>
      nodes.map(({ backend }) => ({
        node_id: backend.id.padEnd(63, 'x'),
        url: null,
        peer_url: '',
        self: backend === first.backend,
        leader: false,
        state: 'replicate',
        match_index: 0,
        lag: Number.MAX_SAFE_INTEGER,
        counts: true,
        recently_active: true,
      }))

    first.clock.advance(REPORT_EVERY_MS)

    expect(first.told.at(-1)!.length).toBeLessThan(REPORT_BYTES_MAX / 2)
  })

  test.each([
    ['nothing', ''],
    ['no JSON', '{"role":'],
    ['no UTF-8', Buffer.from('ff', 'hex')],
    ['another shape', '[]'],
    ['a role that is none', (said: object) => ({ ...said, role: 'emperor' })],
    ['a negative term', (said: object) => ({ ...said, term: -1 })],
    ['an index that is no safe integer', (said: object) => ({ ...said, applied_index: 1e300 })],
    ['a digest with markup', (said: object) => ({ ...said, digest: '<script>' })],
    ['a field too few', (said: object) => ({ ...said, fsync: undefined })],
    ['nesting as deep as it goes', '['.repeat(REPORT_BYTES_MAX)],
  ])('%s: is ignored, counted, and logged once; what was known stays', async (_, garbage) => {
    const [n1, n2] = await pair()
    report(n1, n2)
    const before = await rowOf(n2, 'n1')
    const said = JSON.parse(Buffer.from(n1.told.at(-1)!).toString())
    const bytes = Buffer.from(
      typeof garbage === 'function' ? JSON.stringify(garbage(said)) : garbage,
    )

    n2.view.hear('n1', bytes)
    n2.view.hear('n1', bytes)

    expect(await rowOf(n2, 'n1')).toEqual({ ...before, reports_ignored: 2 })
    expect(n2.warnings).toEqual(['a report of a peer cannot be understood'])
  })

  test('of a newer version are read as far as they are known', async () => {
    const [n1, n2] = await pair()
    n1.clock.advance(REPORT_EVERY_MS)
    const said = JSON.parse(Buffer.from(n1.told.at(-1)!).toString())

    n2.view.hear('n1', Buffer.from(JSON.stringify({ ...said, mood: 'good' })))

    const row = await rowOf(n2, 'n1')
    expect(row).toMatchObject({ reports_ignored: 0, report: { role: 'leader' } })
    expect(row.report).not.toHaveProperty('mood')
  })
})

describe('leadership', () => {
  test('a gap and the new leader are told with their ages, oldest first', async () => {
    const node = await startNode()
    node.clock.advance(1_000)
    node.sequencer.loseLeader()
    node.view.look()
    node.clock.advance(230)
    node.sequencer.heal('n3')
    node.view.look()
    node.clock.advance(70)

    expect((await overview(node)).leadership).toEqual([
      { term: 1, leader_id: 'n1', role: 'leader', age_ms: 300 },
      { term: 1, leader_id: null, role: 'follower', age_ms: 300 },
      { term: 2, leader_id: 'n3', role: 'follower', age_ms: 70 },
    ])
  })

  test('what lasts is told once, and the oldest are forgotten', async () => {
    const node = await startNode()

    for (let change = 0; change < REIGNS_MAX + 5; change++) {
      node.sequencer.heal()
      node.clock.advance(10)
      node.clock.advance(10)
    }

    const { leadership } = await overview(node)
    expect(leadership).toHaveLength(REIGNS_MAX)
    expect(leadership.at(-1)).toMatchObject({ term: REIGNS_MAX + 6, age_ms: 10 })
  })
})

describe('rates', () => {
  test('events and duplicates applied here, a second at a time', async () => {
    const node = await startNode()
    node.clock.advance(10)
    await node.publish([event('1'), event('2'), event('2')])
    node.clock.advance(RATE_INTERVAL_MS)
    node.clock.advance(RATE_INTERVAL_MS + 50)

    expect((await overview(node)).rates).toEqual({
      interval_ms: RATE_INTERVAL_MS,
      age_ms: 50,
      accepted: [2, 0],
      duplicates: [1, 0],
    })
  })

  test('while the process did not run nothing was measured', async () => {
    const node = await startNode()
    node.clock.advance(10)
    await node.publish(event('1'))
    node.clock.advance(4 * RATE_INTERVAL_MS)

    expect((await overview(node)).rates.accepted).toEqual([null, null, null, 1])
  })

  test('two minutes are kept', async () => {
    const node = await startNode()
    for (let second = 0; second <= RATE_INTERVALS_MAX + 10; second++) node.clock.advance(1_000)

    const { accepted, duplicates } = (await overview(node)).rates
    expect(accepted).toHaveLength(RATE_INTERVALS_MAX)
    expect(duplicates).toHaveLength(RATE_INTERVALS_MAX)
  })
})

test('a parameter that is not known is refused, as everywhere', async () => {
  const node = await startNode()

  expect((await node.request('/overview?x=1')).body).toMatchObject({ code: 'bad_parameter' })
})
