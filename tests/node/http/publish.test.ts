// POST /publish: what is taken, what is refused and how, and that a refusal leaves no trace. B numbers are those of the
// examples of bad input in reference/faults.md, part 11.

import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { problemSchema } from '../../../client/contract/problem.ts'
import { publishAnswerSchema } from '../../../client/contract/publish.ts'
import { type Reply, startNode, type TestNode, turnsUntil } from '../harness.ts'

const event = (id: string, more: object = {}) => ({ topic: 'orders', event_id: id, ...more })

/** The answer is a problem of this kind, and nothing was stored or counted. */
function expectRefused(node: TestNode, reply: Reply, status: number, code: string): void {
  expect(reply.body).toMatchObject({ status, code, instance: '/publish' })
  expect(reply.status).toBe(status)
  expect(reply.headers.get('content-type')).toBe('application/problem+json')
  expect(problemSchema.safeParse(reply.body).error).toBeUndefined()
  expect(node.backend.events.stats()).toMatchObject({ received: 0, lastPosition: 0 })
  expect(node.faults).toEqual([])
}

describe('what is taken', () => {
  test('one event, an array, an envelope, one a line: the same four events', async () => {
    const node = await startNode()

    const replies = [
      await node.publish(event('1')),
      await node.publish([event('2')]),
      await node.publish({ events: [event('3')] }),
      await node.publish(`${JSON.stringify(event('4'))}\n`, 'application/x-ndjson'),
    ]

    expect(replies.map((reply) => reply.status)).toEqual([200, 200, 200, 200])
    expect(replies.map((reply) => reply.body.results[0].position)).toEqual([1, 2, 3, 4])
    for (const reply of replies)
      expect(publishAnswerSchema.safeParse(reply.body).success).toBe(true)
  })

  test('results are in the order sent; a conflict is marked; the counts add up', async () => {
    const node = await startNode()
    await node.publish(event('1', { payload: { a: 1 } }))

    const { body, headers } = await node.publish([
      event('2'),
      event('1', { payload: { a: 1 } }),
      event('1', { payload: { a: 2 } }),
      event('2'),
    ])

    expect(body).toEqual({
      status: 'committed',
      count: 4,
      accepted: 1,
      duplicates: 3,
      results: [
        { topic: 'orders', event_id: '2', outcome: 'accepted', position: 2 },
        { topic: 'orders', event_id: '1', outcome: 'duplicate', position: 1 },
        { topic: 'orders', event_id: '1', outcome: 'duplicate', position: 1, conflict: true },
        { topic: 'orders', event_id: '2', outcome: 'duplicate', position: 2 },
      ],
    })
    expect(headers.get('sekali-outcome')).toBe('mixed')
  })

  test('the answer tells who gave it and how far that node had applied, this publish included', async () => {
    const node = await startNode()

    const { headers } = await node.publish([event('1'), event('2')])

    expect(Object.fromEntries([...headers].filter(([name]) => name.startsWith('sekali-')))).toEqual(
      {
        'sekali-node': 'n1',
        'sekali-role': 'leader',
        'sekali-term': '1',
        'sekali-leader': 'n1',
        'sekali-applied': '1',
        'sekali-position': '2',
        'sekali-outcome': 'accepted',
      },
    )
  })

  test.each([
    'application/json',
    'application/json; charset=UTF-8',
    'Application/JSON;charset="utf-8"',
    'application/x-ndjson',
    'application/ndjson; charset=utf-8',
    'application/jsonl',
  ])('B3: the media type %s', async (type) => {
    const node = await startNode()

    expect((await node.publish(event('1'), type)).status).toBe(200)
  })

  test('without a media type the body is read as JSON', async () => {
    const node = await startNode()

    const reply = await node.request('/publish', {
      method: 'POST',
      body: new TextEncoder().encode(JSON.stringify(event('1'))),
    })

    expect(reply.status).toBe(200)
  })

  test('a body in gzip', async () => {
    const node = await startNode()

    const reply = await node.request('/publish', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      body: gzipSync(JSON.stringify([event('1'), event('2')])),
    })

    expect(reply.body).toMatchObject({ accepted: 2 })
  })

  test('publishes that arrive together become one entry and keep their own outcomes', async () => {
    const node = await startNode()

    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, number) => node.publish([event(`${number}`), event('same')])),
    )

    expect(replies.map((reply) => reply.body.results[0].outcome)).toEqual(
      Array.from({ length: 20 }, () => 'accepted'),
    )
    expect(replies.filter((reply) => reply.body.results[1].outcome === 'accepted')).toHaveLength(1)
    expect(node.backend.events.stats()).toMatchObject({ received: 40, unique: 21 })
  })
})

describe('what is refused, and stored no part of', () => {
  test('B1: an empty body', async () => {
    const node = await startNode()

    expectRefused(node, await node.publish(''), 400, 'malformed_json')
  })

  test.each([
    'text/plain',
    'multipart/form-data; boundary=x',
    'application/json; charset=latin1',
    'constructor',
  ])('B2: the media type %s', async (type) => {
    const node = await startNode()

    const reply = await node.publish(event('1'), type)

    expectRefused(node, reply, 415, 'unsupported_media_type')
    expect(reply.body.field).toBe('content-type')
  })

  test('B2: what curl -d sends by default, with the way out', async () => {
    const node = await startNode()

    const reply = await node.publish(event('1'), 'application/x-www-form-urlencoded')

    expectRefused(node, reply, 415, 'unsupported_media_type')
    expect(reply.body.detail).toContain("-H 'content-type: application/json'")
  })

  test('B4, B30: a body above the limit, announced or not', async () => {
    const node = await startNode({ limits: { bodyBytesMax: 1_000 } })
    const big = `${JSON.stringify(event('1'))}${' '.repeat(1_000)}`

    const announced = await node.request('/publish', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': '1001' },
      body: big,
    })
    const found = await node.publish(big)

    for (const reply of [announced, found]) {
      expectRefused(node, reply, 413, 'body_too_large')
      expect(reply.body.limit).toEqual({ name: 'bodyBytesMax', value: 1_000 })
      expect(reply.headers.get('connection')).toBe('close')
    }
  })

  test('a small body in gzip that unpacks to a large one', async () => {
    const node = await startNode({ limits: { bodyBytesMax: 10_000 } })
    const bomb = gzipSync(Buffer.alloc(10_000_000, ' '))
    expect(bomb.length).toBeLessThan(10_000)

    const reply = await node.request('/publish', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      body: bomb.subarray(0),
    })

    expectRefused(node, reply, 413, 'body_too_large')
  })

  test('gzip that is none, and an encoding that is not known', async () => {
    const node = await startNode()
    const post = (encoding: string) =>
      node.request('/publish', {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'content-encoding': encoding },
        body: JSON.stringify(event('1')),
      })

    expectRefused(node, await post('gzip'), 400, 'malformed_body')
    const unknown = await post('br')
    expectRefused(node, unknown, 415, 'unsupported_media_type')
    expect(unknown.headers.get('accept-encoding')).toBe('gzip')
  })

  test.each(['{', '[1,]', '{"a":1} // comment', "{'a':1}", '{"topic":NaN}', '{} {}', '\ufeff{}'])(
    'B8, B9, B10: %j, with the place',
    async (body) => {
      const node = await startNode()

      const reply = await node.publish(body)

      expectRefused(node, reply, 400, 'malformed_json')
      expect(reply.body.offset).toBeTypeOf('number')
    },
  )

  test.each(['[]', '{"events":[]}'])('B11: the empty batch %s', async (body) => {
    const node = await startNode()

    expectRefused(node, await node.publish(body), 422, 'empty_batch')
  })

  test('B12: one bad event at index 37 refuses the batch and names itself', async () => {
    const node = await startNode()
    const batch: object[] = Array.from({ length: 50 }, (_, number) => event(`${number}`))
    batch[37] = event('37', { timestamp: '2026-02-30T00:00:00Z' })

    const reply = await node.publish(batch)

    expectRefused(node, reply, 422, 'invalid_event')
    expect(reply.body).toMatchObject({ index: 37, field: 'timestamp', retryable: false })
  })

  test('more events than one request may hold', async () => {
    const node = await startNode({ limits: { batchEventsMax: 2 } })

    expectRefused(
      node,
      await node.publish([event('1'), event('2'), event('3')]),
      413,
      'batch_too_large',
    )
  })

  test('an event above its limit', async () => {
    const node = await startNode({ limits: { eventBytesMax: 100 } })

    const reply = await node.publish(event('1', { payload: { text: 'x'.repeat(100) } }))

    expectRefused(node, reply, 413, 'event_too_large')
  })

  test('what is shown of the input is short and harmless', async () => {
    const node = await startNode()

    const reply = await node.publish({ ...event('1'), [`\u001b[2J\u202e${'x'.repeat(500)}`]: 1 })

    expectRefused(node, reply, 422, 'invalid_event')
    expect(reply.body.detail.length).toBeLessThan(300)
    expect(reply.text).not.toMatch(/\\u001b|\u202e/)
  })

  test('a query parameter, since none is known here', async () => {
    const node = await startNode()

    const reply = await node.request('/publish?sync=1', { method: 'POST', body: '{}' })

    expectRefused(node, reply, 400, 'bad_parameter')
    expect(reply.body.field).toBe('sync')
  })
})

describe('when the cluster cannot answer', () => {
  test('B33: a full door refuses before anything is proposed, and opens again', async () => {
    const node = await startNode({ pendingRequestsMax: 2 })
    node.sequencer.stall()
    const waiting = [node.publish(event('1')), node.publish(event('2'))]
    await turnsUntil(() => node.sequencer.pending === 2)

    const refused = await node.publish(event('3'))

    expect(refused.body).toMatchObject({
      code: 'overloaded',
      retryable: true,
      limit: { name: 'pendingRequestsMax', value: 2 },
    })
    expect(refused.status).toBe(429)
    expect(refused.headers.get('retry-after')).toBe('1')
    node.sequencer.heal()
    for (const reply of await Promise.all(waiting)) expect(reply.status).toBe(200)
    expect((await node.publish(event('3'))).body).toMatchObject({ accepted: 1 })
  })

  test('B33: bytes count too, and are given back whatever became of them', async () => {
    const body = JSON.stringify(event('1'))
    const node = await startNode({ pendingBytesMax: body.length + 10 })
    node.sequencer.stall()
    const waiting = node.publish(body)
    await turnsUntil(() => node.sequencer.pending === 1)

    const refused = await node.publish(event('2'))
    expect(refused.body).toMatchObject({ code: 'overloaded', limit: { name: 'pendingBytesMax' } })

    node.sequencer.heal()
    await waiting
    await node.publish('{')
    expect((await node.publish(body)).status).toBe(200)
    expect(node.api.door.pending).toBe(0)
  })

  test('B32: proposed and not committed before the deadline: outcome_unknown, and the retry is safe', async () => {
    const node = await startNode()
    node.sequencer.stall()
    const waiting = node.publish(event('1'))
    await turnsUntil(() => node.sequencer.pending === 1)

    node.clock.advance(10_000)
    const unknown = await waiting

    expect(unknown.status).toBe(503)
    expect(unknown.body).toMatchObject({ code: 'outcome_unknown', retryable: true })
    expect(unknown.headers.get('retry-after')).toBe('1')
    node.sequencer.heal()
    expect((await node.publish(event('1'))).body.results[0]).toMatchObject({
      outcome: 'duplicate',
      position: 1,
    })
  })

  test('no leader until the deadline: certainly not stored', async () => {
    const node = await startNode()
    node.sequencer.loseLeader()
    const waiting = node.publish(event('1'))
    await turnsUntil(() => node.sequencer.pending === 1)

    node.clock.advance(10_000)
    const reply = await waiting

    expect(reply.status).toBe(503)
    expect(reply.body).toMatchObject({ code: 'no_leader', retryable: true })
    expect(reply.headers.get('sekali-leader')).toBe('')
    node.sequencer.heal()
    expect((await node.publish(event('1'))).body).toMatchObject({ accepted: 1 })
  })

  test('a publish that waits while a leader dies is answered by the next one', async () => {
    const node = await startNode()
    node.sequencer.loseLeader()
    const waiting = node.publish(event('1'))
    await turnsUntil(() => node.sequencer.pending === 1)

    node.clock.advance(9_999)
    node.sequencer.heal('n2')

    const reply = await waiting
    expect(reply.status).toBe(200)
    expect(reply.headers.get('sekali-leader')).toBe('n2')
  })

  test('B34: a stopping node sends its clients elsewhere', async () => {
    const node = await startNode()
    node.sequencer.leader = 'n2'
    node.backend.reasons = ['stopping']

    const reply = await node.publish(event('1'))

    expect(reply.status).toBe(503)
    expect(reply.body).toMatchObject({
      code: 'stopping',
      leader: { node_id: 'n2', url: 'http://n2.test:8001' },
    })
    expect(reply.headers.get('connection')).toBe('close')
  })

  test('a fault of ours is a 500 that tells the log everything and the client nothing', async () => {
    const node = await startNode()
    node.backend.publish = () => Promise.reject(new TypeError('secret detail'))

    const reply = await node.publish(event('1'))

    expect(reply.status).toBe(500)
    expect(reply.body).toMatchObject({ code: 'internal', retryable: false })
    expect(reply.text).not.toContain('secret detail')
    expect(node.faults.join()).toContain('secret detail')
    expect(reply.headers.get('sekali-node')).toBe('n1')
  })
})
