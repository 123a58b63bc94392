// The tests that the seed reports name (reference: conventions, part 9), each under its name: the floor under everything else.
// What a report only measured is checked here for its outcome; its figures belong to the benchmark.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ConfigError, readConfig } from '../../node/config/config.ts'
import {
  PUBLISH_DEADLINE_MS,
  type Reply,
  startNode,
  startNodes,
  type TestNode,
  turnsUntil,
} from './harness.ts'

const event = (topic: string, id: string, more: object = {}) => ({
  topic,
  event_id: id,
  timestamp: '2026-01-01T00:00:00Z',
  source: 'tests',
  payload: { value: 1 },
  ...more,
})

const many = (count: number, topic = 'stress') =>
  Array.from({ length: count }, (_, number) => event(topic, `${number}`))

const stats = async (node: TestNode) => (await node.request('/stats')).body
const events = async (node: TestNode, query = '') =>
  (await node.request(`/events${query}`)).body.events

const outcomes = (reply: Reply): string[] =>
  reply.body.results.map((result: { outcome: string }) => result.outcome)

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'sekali-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  return directory
}

/** Stops the node and starts another on what it left behind. */
async function restart(node: TestNode, directory: string): Promise<TestNode> {
  return startNode({ directory, log: await node.stop() })
}

describe('001', () => {
  test('test_01_publish_valid_event', async () => {
    const node = await startNode()

    const reply = await node.publish(event('orders', '1'))

    expect(reply.status).toBe(200)
    expect(reply.body).toMatchObject({ status: 'committed', count: 1, accepted: 1, duplicates: 0 })
  })

  test('test_02_publish_invalid_schema_missing_field', async () => {
    const node = await startNode()

    const reply = await node.publish({ topic: 'orders', payload: {} })

    expect(reply.body).toMatchObject({ status: 422, code: 'invalid_event', field: 'event_id' })
    expect(await stats(node)).toMatchObject({ received: 0 })
  })

  test('test_03_publish_invalid_types', async () => {
    const node = await startNode()

    for (const wrong of [{ event_id: 123 }, { payload: 'text' }, { timestamp: 1_700_000_000 }]) {
      const reply = await node.publish(event('orders', '1', wrong))
      expect(reply.body).toMatchObject({ status: 422, field: Object.keys(wrong)[0] })
    }
    expect(await stats(node)).toMatchObject({ received: 0 })
  })

  test('test_04_publish_empty_payload', async () => {
    const node = await startNode()

    expect((await node.publish(event('orders', '1', { payload: {} }))).status).toBe(200)
    expect(await events(node)).toMatchObject([{ payload: {} }])
  })

  test('test_05_deduplication_single_topic', async () => {
    const node = await startNode()

    const first = await node.publish(event('orders', '1'))
    const second = await node.publish(event('orders', '1'))

    expect([...outcomes(first), ...outcomes(second)]).toEqual(['accepted', 'duplicate'])
    expect(await events(node)).toHaveLength(1)
    expect(await stats(node)).toMatchObject({ unique_processed: 1, duplicate_dropped: 1 })
  })

  test('test_06_different_topics_same_id', async () => {
    const node = await startNode()

    await node.publish(event('orders', '1'))
    await node.publish(event('payments', '1'))

    expect(await events(node)).toMatchObject([{ topic: 'orders' }, { topic: 'payments' }])
  })

  test('test_07_batch_publish_mixed', async () => {
    const node = await startNode()
    await node.publish(event('orders', '1'))

    const reply = await node.publish([
      event('orders', '1'),
      event('orders', '2'),
      event('orders', '2'),
    ])

    expect(outcomes(reply)).toEqual(['duplicate', 'accepted', 'duplicate'])
    expect(reply.body).toMatchObject({ accepted: 1, duplicates: 2 })
  })

  test('test_08_persistence_check', async () => {
    const directory = await temporaryDirectory()
    const before = await startNode({ directory })
    await before.publish([event('orders', '1'), event('orders', '2')])
    const stored = await events(before)

    const after = await restart(before, directory)

    expect(await events(after)).toEqual(stored)
    expect(outcomes(await after.publish(event('orders', '1')))).toEqual(['duplicate'])
    expect(await stats(after)).toMatchObject({ received: 3, unique_processed: 2 })
  })

  test('test_09_concurrency_race_condition', async () => {
    const nodes = await startNodes(3)

    const replies = await Promise.all(
      Array.from({ length: 50 }, (_, number) =>
        nodes[number % 3]!.publish(event('orders', 'same')),
      ),
    )

    expect(replies.flatMap(outcomes).filter((outcome) => outcome === 'accepted')).toHaveLength(1)
    expect(new Set(replies.map((reply) => reply.body.results[0].position))).toEqual(new Set([1]))
    expect(await stats(nodes[0]!)).toMatchObject({ unique_processed: 1, duplicate_dropped: 49 })
  })

  test('test_10_high_concurrency_batch', async () => {
    const node = await startNode()

    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, number) =>
        node.publish(
          many(100).map((item) => ({ ...item, event_id: `${item.event_id}-${number % 10}` })),
        ),
      ),
    )

    expect(replies.every((reply) => reply.status === 200)).toBe(true)
    expect(await stats(node)).toMatchObject({
      received: 2_000,
      unique_processed: 1_000,
      duplicate_dropped: 1_000,
    })
  })

  test('test_11_stats_structure', async () => {
    const node = await startNode()

    expect(Object.keys(await stats(node))).toEqual(
      expect.arrayContaining([
        'received',
        'unique_processed',
        'duplicate_dropped',
        'topics',
        'uptime_seconds',
        'dedup_rate_percent',
      ]),
    )
  })

  test('test_12_stats_logic_consistency', async () => {
    const node = await startNode()
    await node.publish([event('a', '1'), event('a', '1'), event('b', '1')])
    await node.publish([event('a', '1')])

    const { received, unique_processed, duplicate_dropped } = await stats(node)

    expect([received, unique_processed, duplicate_dropped]).toEqual([4, 2, 2])
    expect(received).toBe(unique_processed + duplicate_dropped)
  })

  test('test_13_filter_by_topic', async () => {
    const node = await startNode()
    await node.publish([event('a', '1'), event('b', '2'), event('a', '3')])

    expect(await events(node, '?topic=a')).toMatchObject([{ event_id: '1' }, { event_id: '3' }])
    expect(await events(node, '?topic=c')).toEqual([])
  })

  test('test_14_uptime_format', async () => {
    const node = await startNode()
    node.clock.advance(120_500)

    expect((await stats(node)).uptime_seconds).toBe(120.5)
  })

  test('test_15_method_not_allowed', async () => {
    const node = await startNode()

    expect((await node.request('/publish')).status).toBe(405)
    expect((await node.request('/stats', { method: 'POST' })).status).toBe(405)
  })

  test('test_16_database_index_speed', async () => {
    const node = await startNode()
    await node.publish(many(2_000, 'common'))
    await node.publish(event('rare', '1'))

    // What an index is for, without a clock: a rare topic is one short page, however much else is stored.
    const page = await node.request('/events?topic=rare&limit=1')

    expect(page.body.events).toMatchObject([{ topic: 'rare', position: 2_001 }])
    expect(
      (await node.request('/events?topic=common&order=desc&limit=1')).body.events,
    ).toMatchObject([{ position: 2_000 }])
  })
})

describe('004', () => {
  test('004 deduplication 1: a second copy is dropped and counted', async () => {
    const node = await startNode()
    await node.publish(event('a', '1'))

    expect(outcomes(await node.publish(event('a', '1')))).toEqual(['duplicate'])
    expect(await stats(node)).toMatchObject({ duplicate_dropped: 1, dedup_rate_percent: 50 })
  })

  test('004 deduplication 2: the first copy is kept, a different second one is a conflict', async () => {
    const node = await startNode()
    await node.publish(event('a', '1', { payload: { first: true } }))

    const reply = await node.publish(event('a', '1', { payload: { first: false } }))

    expect(reply.body.results).toEqual([
      { topic: 'a', event_id: '1', outcome: 'duplicate', position: 1, conflict: true },
    ])
    expect(await events(node)).toMatchObject([{ payload: { first: true } }])
  })

  test('004 deduplication 3: the same id on another topic is another event', async () => {
    const node = await startNode()

    expect(outcomes(await node.publish([event('a', '1'), event('b', '1')]))).toEqual([
      'accepted',
      'accepted',
    ])
  })

  test('004 persistence 1: events outlive a restart', async () => {
    const directory = await temporaryDirectory()
    const before = await startNode({ directory })
    await before.publish(many(50))

    const after = await restart(before, directory)

    expect(await events(after)).toHaveLength(50)
  })

  test('004 persistence 2: counters and duplicates outlive a restart', async () => {
    const directory = await temporaryDirectory()
    const before = await startNode({ directory })
    await before.publish([event('a', '1'), event('a', '1')])
    const { digest } = await stats(before)

    const after = await restart(before, directory)

    expect(await stats(after)).toMatchObject({ received: 2, duplicate_dropped: 1, digest })
    expect(outcomes(await after.publish(event('a', '1')))).toEqual(['duplicate'])
  })

  test('004 concurrency 1: equal events at once, one wins', async () => {
    const node = await startNode()

    const replies = await Promise.all(
      Array.from({ length: 10 }, () => node.publish(event('a', '1'))),
    )

    expect(replies.flatMap(outcomes).toSorted()).toEqual([
      'accepted',
      ...Array(9).fill('duplicate'),
    ])
  })

  test('004 concurrency 2: different events at once, none is lost', async () => {
    const node = await startNode()

    await Promise.all(many(200).map((item) => node.publish(item)))

    const positions = (await events(node, '?limit=1000')).map(
      (item: { position: number }) => item.position,
    )
    expect(positions).toEqual(Array.from({ length: 200 }, (_, number) => number + 1))
  })

  test('004 concurrency 3: counters lose no update', async () => {
    const nodes = await startNodes(3)

    await Promise.all(
      Array.from({ length: 90 }, (_, number) =>
        nodes[number % 3]!.publish(event('a', `${number % 30}`)),
      ),
    )

    for (const node of nodes) {
      await node.backend.settle()
      expect(await stats(node)).toMatchObject({
        received: 90,
        unique_processed: 30,
        duplicate_dropped: 60,
      })
    }
  })

  test('004 concurrency 4: a batch is stored as a whole or not at all', async () => {
    const node = await startNode()

    const refused = await node.publish([event('a', '1'), event('a', ''), event('a', '3')])

    expect(refused.body).toMatchObject({ status: 422, index: 1, field: 'event_id' })
    expect(await events(node)).toEqual([])
  })

  test('004 validation 1: a missing topic', async () => {
    const node = await startNode()

    expect((await node.publish({ event_id: '1' })).body).toMatchObject({
      status: 422,
      field: 'topic',
    })
  })

  test('004 validation 2: a timestamp that is none', async () => {
    const node = await startNode()

    const reply = await node.publish(event('a', '1', { timestamp: 'yesterday' }))

    expect(reply.body).toMatchObject({ status: 422, field: 'timestamp' })
  })

  test('004 validation 3: a payload that is no object', async () => {
    const node = await startNode()

    for (const payload of [null, [], 'text', 1]) {
      const reply = await node.publish(event('a', '1', { payload }))
      expect(reply.body).toMatchObject({ status: 422, field: 'payload' })
    }
  })

  test('004 validation 4: a topic has 1 to 255 characters', async () => {
    const node = await startNode()

    expect((await node.publish(event('x'.repeat(255), '1'))).status).toBe(200)
    for (const topic of ['', 'x'.repeat(256)]) {
      expect((await node.publish(event(topic, '1'))).body).toMatchObject({
        status: 422,
        field: 'topic',
      })
    }
  })

  test('004 endpoints 1: POST /publish', async () => {
    const node = await startNode()

    const { status, body } = await node.publish({ events: [event('a', '1')] })

    expect(status).toBe(200)
    expect(body.results).toEqual([{ topic: 'a', event_id: '1', outcome: 'accepted', position: 1 }])
  })

  test('004 endpoints 2: GET /events', async () => {
    const node = await startNode()
    await node.publish(event('a', '1'))

    expect(await events(node)).toEqual([
      { ...event('a', '1'), position: 1, received_at: '2026-01-01T00:00:00.000Z' },
    ])
  })

  test('004 endpoints 3: GET /stats', async () => {
    const node = await startNode()
    await node.publish([event('a', '1'), event('a', '1'), event('b', '1')])

    expect(await stats(node)).toMatchObject({ dedup_rate_percent: 33.333, topics: ['a', 'b'] })
  })

  test('004 endpoints 4: GET /health', async () => {
    const node = await startNode()

    expect((await node.request('/health')).body).toMatchObject({
      status: 'healthy',
      node_id: 'n1',
      role: 'leader',
    })
  })

  test('004 batch 1: every event has its outcome, in the order sent', async () => {
    const node = await startNode()
    await node.publish(event('a', '2'))

    const reply = await node.publish([event('a', '3'), event('a', '2'), event('a', '1')])

    expect(reply.body.results.map((result: { event_id: string }) => result.event_id)).toEqual([
      '3',
      '2',
      '1',
    ])
    expect(outcomes(reply)).toEqual(['accepted', 'duplicate', 'accepted'])
  })

  test('004 batch 2: a batch above the limit is refused as a whole', async () => {
    const node = await startNode()

    const reply = await node.publish(many(10_001))

    expect(reply.body).toMatchObject({ status: 413, code: 'batch_too_large' })
    expect(await stats(node)).toMatchObject({ received: 0 })
  })

  test('004 stress 1: 20 users at once, every answer and every counter right', async () => {
    const nodes = await startNodes(3)

    const replies = await Promise.all(
      Array.from({ length: 20 }, async (_, user) => {
        const answers: Reply[] = []
        for (let round = 0; round < 10; round += 1) {
          answers.push(
            await nodes[(user + round) % 3]!.publish(event('load', `${user}-${round % 7}`)),
          )
        }
        return answers
      }),
    )

    const answered = replies.flat().flatMap(outcomes)
    expect(answered).toHaveLength(200)
    expect(answered.filter((outcome) => outcome === 'accepted')).toHaveLength(140)
    for (const node of nodes) await node.backend.settle()
    const digests = await Promise.all(nodes.map(async (node) => (await stats(node)).digest))
    expect(new Set(digests).size).toBe(1)
  })
})

describe('000', () => {
  test('000 publish event: single and batch', async () => {
    const node = await startNode()

    expect((await node.publish(event('a', '1'))).body).toMatchObject({ accepted: 1 })
    expect((await node.publish([event('a', '2'), event('a', '3')])).body).toMatchObject({
      accepted: 2,
    })
  })

  test('000 fetch /events', async () => {
    const node = await startNode()
    await node.publish([event('a', '1'), event('a', '1'), event('a', '2')])

    expect(await events(node)).toMatchObject([{ event_id: '1' }, { event_id: '2' }])
  })

  test('000 validate /stats', async () => {
    const node = await startNode()
    await node.publish([event('a', '1'), event('a', '1')])

    expect(await stats(node)).toMatchObject({
      received: 2,
      unique_processed: 1,
      duplicate_dropped: 1,
      topics: ['a'],
    })
  })

  test('000 integration of queue and deduplication', async () => {
    const node = await startNode()
    node.sequencer.stall()
    const waiting = [node.publish(event('a', '1')), node.publish(event('a', '1'))]
    await turnsUntil(() => node.sequencer.pending === 2)

    node.sequencer.heal()

    expect((await Promise.all(waiting)).flatMap(outcomes).toSorted()).toEqual([
      'accepted',
      'duplicate',
    ])
  })

  test('000 health endpoint', async () => {
    const node = await startNode()

    for (const path of ['/health', '/livez', '/readyz']) {
      expect((await node.request(path)).status).toBe(200)
    }
  })

  test('000 stress with 10,000 events', async () => {
    const node = await startNode()

    const first = await node.publish(many(10_000))
    const second = await node.publish(many(10_000))

    expect(first.body).toMatchObject({ accepted: 10_000, duplicates: 0 })
    expect(second.body).toMatchObject({ accepted: 0, duplicates: 10_000 })
    expect(await stats(node)).toMatchObject({ last_position: 10_000, dedup_rate_percent: 50 })
  })

  test('000 deduplication edge cases: an empty id is refused, the same content under another id is not', async () => {
    const node = await startNode()

    expect((await node.publish(event('a', ''))).body).toMatchObject({
      status: 422,
      field: 'event_id',
    })
    expect(outcomes(await node.publish([event('a', '1'), event('a', '2')]))).toEqual([
      'accepted',
      'accepted',
    ])
  })

  test('000 latency of large batches: one entry and one answer, not one for each event', async () => {
    const node = await startNode()

    await node.publish(many(5_000))

    expect(node.sequencer.entries).toHaveLength(1)
    expect(await stats(node)).toMatchObject({ applied_index: 1, last_position: 5_000 })
  })
})

describe('002', () => {
  test('002 duplicates are stopped wherever they enter', async () => {
    const nodes = await startNodes(3)
    await nodes[0]!.publish(event('a', '1'))

    for (const node of nodes) {
      expect(outcomes(await node.publish(event('a', '1')))).toEqual(['duplicate'])
    }
  })
})

describe('003', () => {
  test('003 the same state is read on every node', async () => {
    const nodes = await startNodes(3)
    for (const [number, item] of many(30).entries()) await nodes[number % 3]!.publish(item)

    const answers = []
    for (const node of nodes) {
      const page = await node.request('/events?consistency=linearizable')
      const { digest, received, applied_index } = await stats(node)
      answers.push({ events: page.body.events, digest, received, applied_index })
    }

    expect(answers[0]!.events).toHaveLength(30)
    expect(answers[1]).toEqual(answers[0])
    expect(answers[2]).toEqual(answers[0])
  })

  test('003 any node can lead, and any node takes publishes', async () => {
    const nodes = await startNodes(3)

    for (const [number, leader] of ['n1', 'n2', 'n3'].entries()) {
      nodes[0]!.sequencer.heal(leader)
      for (const [place, node] of nodes.entries()) {
        const reply = await node.publish(event('a', `${number}-${place}`))
        expect(reply.body).toMatchObject({ accepted: 1 })
        expect(reply.headers.get('sekali-leader')).toBe(leader)
      }
    }
  })

  test('003 before there is a leader the answer is 503 with Retry-After, never 500', async () => {
    const nodes = await startNodes(3)
    const [node] = nodes as [TestNode]
    node.sequencer.loseLeader()

    const publishing = nodes.map((each) => each.publish(event('a', '1')))
    await turnsUntil(() => node.sequencer.pending === 3)
    node.clock.advance(PUBLISH_DEADLINE_MS)

    for (const reply of await Promise.all(publishing)) {
      expect(reply.status).toBe(503)
      expect(reply.headers.get('retry-after')).toBe('1')
      expect(reply.body).toMatchObject({ code: 'no_leader', retryable: true })
    }
    expect((await node.request('/stats')).status).toBe(200)
  })

  test('003 a wrong own address is named at start', () => {
    const wrong = () =>
      readConfig({ NODE_ID: 'n4', PEERS: 'n1=http://127.0.0.1:9001' }, () => ({
        text: '',
        mode: 0,
      }))

    expect(wrong).toThrow(ConfigError)
    expect(wrong).toThrow('NODE_ID=n4: is not among PEERS')
  })

  test('003 a publish acknowledged on one node is read on another at once, when asked for', async () => {
    const nodes = await startNodes(2)
    const [n1, n2] = nodes as [TestNode, TestNode]
    n2.backend.pauseApply()
    const { headers } = await n1.publish(event('a', '1'))

    const reading = n2.request(`/events?min_position=${headers.get('sekali-position')}`)
    await turnsUntil(() => n2.backend.readersWaiting === 1)
    n2.backend.resumeApply()

    expect((await reading).body.events).toMatchObject([{ event_id: '1', payload: { value: 1 } }])
  })

  test('003 no payload is lost on the way: what is read is what was sent', async () => {
    const node = await startNode()
    const payload = { text: 'ünïcode 😀', nested: { list: [1, 2.5, null, true] } }
    await node.publish(event('a', '1', { payload }))

    expect(await events(node)).toMatchObject([{ payload }])
  })

  test('003 nobody answers for an id that is not theirs: unknown ids are unknown', async () => {
    const node = await startNode()
    await node.publish(event('a', '1'))

    expect((await node.request('/events/a/2')).status).toBe(404)
    expect((await node.request('/events/b/1')).status).toBe(404)
  })
})
