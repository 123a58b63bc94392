// The other reads: seen, topics, stats, digest, cluster, probes; and how fresh a read is.

import { describe, expect, test } from 'vitest'
import { seenAnswerSchema, topicsPageSchema } from '../../../client/contract/read.ts'
import {
  clusterSchema,
  digestAnswerSchema,
  healthSchema,
  statsSchema,
} from '../../../client/contract/state.ts'
import {
  PUBLISH_DEADLINE_MS,
  startNode,
  startNodes,
  type TestNode,
  turnsUntil,
} from '../harness.ts'

const event = (topic: string, id: string) => ({ topic, event_id: id })

const seen = (node: TestNode, body: unknown, contentType = 'application/json') =>
  node.request('/seen', {
    method: 'POST',
    headers: { 'content-type': contentType },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })

describe('POST /seen', () => {
  test('positions in the order asked, null for what was never accepted, nothing written', async () => {
    const node = await startNode()
    await node.publish([event('a', '1'), event('a', '2')])
    const before = node.backend.events.stats()

    const { body } = await seen(node, { ids: [event('a', '2'), event('b', '1'), event('a', '1')] })

    expect(body).toEqual({
      results: [
        { topic: 'a', event_id: '2', position: 2 },
        { topic: 'b', event_id: '1', position: null },
        { topic: 'a', event_id: '1', position: 1 },
      ],
    })
    expect(seenAnswerSchema.safeParse(body).success).toBe(true)
    expect(node.backend.events.stats()).toEqual(before)
  })

  test('a name that could never be stored was never seen', async () => {
    const node = await startNode()

    const { body } = await seen(node, {
      ids: [event('a.*', ''), event('x'.repeat(5_000), '\ud800')],
    })

    expect(body.results.map((result: { position: unknown }) => result.position)).toEqual([
      null,
      null,
    ])
  })

  test.each([
    ['{', 400, 'malformed_json'],
    ['', 400, 'malformed_json'],
    ['{"ids":[]}', 422, 'empty_batch'],
    ['{}', 422, 'invalid_request'],
    ['{"ids":[{"topic":"a"}]}', 422, 'invalid_request'],
    ['{"ids":[{"topic":"a","event_id":1}]}', 422, 'invalid_request'],
    ['{"ids":[{"topic":"a","event_id":"1"}],"more":1}', 422, 'invalid_request'],
    [JSON.stringify({ ids: Array(10_001).fill(event('a', '1')) }), 413, 'batch_too_large'],
  ])('%.40s is refused', async (body, status, code) => {
    const node = await startNode()

    const reply = await seen(node, body)

    expect(reply.body).toMatchObject({ status, code })
    expect(node.faults).toEqual([])
  })

  test('another media type is refused', async () => {
    const node = await startNode()

    expect((await seen(node, '{}', 'text/plain')).status).toBe(415)
  })
})

describe('GET /topics', () => {
  test('by name, with counts, page by page', async () => {
    const node = await startNode()
    await node.publish([event('b', '1'), event('a', '1'), event('a', '2'), event('c', '1')])

    const first = (await node.request('/topics?limit=2')).body
    const second = (await node.request(`/topics?limit=2&after=${first.next}`)).body

    expect(first.topics).toEqual([
      { topic: 'a', events: 2, last_position: 3 },
      { topic: 'b', events: 1, last_position: 1 },
    ])
    expect(second).toEqual({ topics: [{ topic: 'c', events: 1, last_position: 4 }], next: null })
    expect(topicsPageSchema.safeParse(first).success).toBe(true)
  })
})

describe('GET /stats and /digest', () => {
  test('before anything is received', async () => {
    const node = await startNode()

    const { body } = await node.request('/stats')

    expect(statsSchema.parse(body)).toMatchObject({
      received: 0,
      dedup_rate_percent: 0,
      topics: [],
      topics_total: 0,
      last_position: 0,
      fsync: true,
    })
  })

  test('counts what was received, and apart from it what this node did', async () => {
    const node = await startNode()
    await node.publish([event('a', '1'), event('b', '1'), event('a', '1')])
    await node.publish({ ...event('a', '1'), payload: { other: true } })
    await node.publish('{')

    const { body } = await node.request('/stats')

    expect(body).toMatchObject({
      received: 4,
      unique_processed: 2,
      duplicate_dropped: 2,
      dedup_rate_percent: 50,
      conflicts: 1,
      topics: ['a', 'b'],
      topics_total: 2,
      applied_index: 2,
      commit_index: 2,
      last_position: 2,
      node: { requests: 3, rejected: 1, forwarded: 0, pending: 0, standing: 'member' },
    })
    expect(statsSchema.safeParse(body).success).toBe(true)
  })

  test('the digest of each index, equal on every node', async () => {
    const [n1, n2] = (await startNodes(2)) as [TestNode, TestNode]
    await n1.publish(event('a', '1'))
    await n2.publish(event('a', '2'))
    await n1.backend.settle()

    const digests = []
    for (const path of ['/digest?index=1', '/digest?index=2', '/digest']) {
      const here = (await n1.request(path)).body
      expect((await n2.request(path)).body).toEqual(here)
      expect(digestAnswerSchema.safeParse(here).success).toBe(true)
      digests.push(here)
    }

    expect(digests.map(({ index }) => index)).toEqual([1, 2, 2])
    expect(digests[0].digest).not.toBe(digests[1].digest)
    expect(digests[2].digest).toBe(digests[1].digest)
  })

  test('a digest not applied yet is waited for, briefly', async () => {
    const node = await startNode()
    const early = node.request('/digest?index=1')
    await node.publish(event('a', '1'))
    expect((await early).body).toMatchObject({ index: 1 })

    const never = node.request('/digest?index=99')
    await turnsUntil(() => node.backend.readersWaiting === 1)
    node.clock.advance(2_000)
    expect((await never).body).toMatchObject({ status: 503, code: 'behind' })
  })

  test('a digest no longer kept is gone', async () => {
    const node = await startNode()
    await node.publish(event('a', '1'))
    node.backend.events.digestAt = () => null

    expect((await node.request('/digest?index=1')).body).toMatchObject({ code: 'digest_gone' })
  })
})

describe('how fresh a read is', () => {
  test('a local read answers from what this node has applied', async () => {
    const [n1, n2] = (await startNodes(2)) as [TestNode, TestNode]
    n2.backend.pauseApply()
    await n1.publish(event('a', '1'))

    expect((await n2.request('/events')).body.events).toEqual([])
    expect((await n1.request('/events')).body.events).toHaveLength(1)
  })

  test.each(['consistency=linearizable', 'min_position=1', 'after=1'])(
    '%s waits until this node has caught up',
    async (query) => {
      const [n1, n2] = (await startNodes(2)) as [TestNode, TestNode]
      n2.backend.pauseApply()
      const published = await n1.publish([event('a', '1'), event('a', '2')])
      expect(published.headers.get('sekali-position')).toBe('2')

      const reading = n2.request(`/events?${query}`)
      await turnsUntil(() => n2.backend.readersWaiting === 1)
      n2.backend.resumeApply()

      const { body, headers } = await reading
      expect(headers.get('sekali-position')).toBe('2')
      expect(body.events.length).toBeGreaterThan(0)
    },
  )

  test.each(['/events', '/events/a/1', '/topics', '/stats', '/digest'])(
    '%s can be asked for as of a position',
    async (path) => {
      const [n1, n2] = (await startNodes(2)) as [TestNode, TestNode]
      n2.backend.pauseApply()
      await n1.publish(event('a', '1'))

      const late = n2.request(`${path}?min_position=1`)
      await turnsUntil(() => n2.backend.readersWaiting === 1)
      n2.clock.advance(PUBLISH_DEADLINE_MS)

      const { status, body, headers } = await late
      expect(status).toBe(503)
      expect(body).toMatchObject({ code: 'behind', retryable: true, leader: { node_id: 'n1' } })
      expect(headers.get('retry-after')).toBe('1')
    },
  )

  test('without a leader a linearizable read fails at the deadline, a local one never', async () => {
    const node = await startNode()
    await node.publish(event('a', '1'))
    node.sequencer.loseLeader()

    const reading = node.request('/events?consistency=linearizable')
    await turnsUntil(() => node.backend.readersWaiting === 1)
    node.clock.advance(PUBLISH_DEADLINE_MS)

    expect((await reading).body).toMatchObject({ status: 503, code: 'no_leader' })
    expect((await node.request('/events')).body.events).toHaveLength(1)
  })
})

describe('the cluster and the probes', () => {
  test('GET /cluster names the members and the leader', async () => {
    const [, n2] = (await startNodes(2)) as [TestNode, TestNode]

    const { body } = await n2.request('/cluster')

    expect(clusterSchema.parse(body)).toMatchObject({
      node_id: 'n2',
      role: 'follower',
      leader: { node_id: 'n1' },
      members: [
        { node_id: 'n1', leader: true, self: false },
        { node_id: 'n2', leader: false, self: true },
      ],
    })
  })

  test('a ready node', async () => {
    const node = await startNode()

    for (const path of ['/livez', '/readyz', '/readyz?verbose', '/readyz?leader=1', '/health']) {
      expect((await node.request(path)).status).toBe(200)
    }
    expect(healthSchema.parse((await node.request('/health')).body)).toMatchObject({
      status: 'healthy',
      reasons: [],
      node_id: 'n1',
      role: 'leader',
    })
  })

  test.each(['no_leader', 'rebuilding', 'behind', 'stopping'] as const)(
    'a node that is unready because of %s is alive all the same',
    async (reason) => {
      const node = await startNode()
      node.backend.reasons = [reason]

      const ready = await node.request('/readyz')
      const health = await node.request('/health')

      expect(ready.body).toMatchObject({ status: 503, code: reason })
      expect(health.status).toBe(503)
      expect(health.body).toMatchObject({ status: 'unhealthy', reasons: [reason], node_id: 'n1' })
      for (const reply of [ready, health]) expect(reply.headers.get('retry-after')).not.toBeNull()
      expect((await node.request('/livez')).status).toBe(200)
    },
  )

  test('a store that is being built again is not read, but how far it is may be asked', async () => {
    const node = await startNode()
    node.backend.reasons = ['rebuilding']

    for (const path of ['/events', '/events/t/1', '/topics', '/digest'])
      expect((await node.request(path)).body).toMatchObject({ status: 503, code: 'rebuilding' })
    expect((await node.request('/stats')).status).toBe(200)
  })

  test('a load balancer that wants the leader finds only the leader ready', async () => {
    const [n1, n2] = (await startNodes(2)) as [TestNode, TestNode]

    expect((await n1.request('/readyz?leader=1')).status).toBe(200)
    expect((await n2.request('/readyz?leader=1')).body).toMatchObject({
      status: 503,
      code: 'not_leader',
      leader: { node_id: 'n1' },
    })
    expect((await n2.request('/readyz')).status).toBe(200)
  })
})
