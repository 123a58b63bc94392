// CloudEvents at POST /publish in their three modes, what is stored of them, and how they, and events of ours, are given back.

import { describe, expect, test } from 'vitest'
import { cloudEventSchema } from '../../../client/contract/cloud-event.ts'
import { storedEventSchema } from '../../../client/contract/event.ts'
import { type Reply, startNode, type TestNode } from '../harness.ts'

const ONE = 'application/cloudevents+json'
const BATCH = 'application/cloudevents-batch+json'

const cloudEvent = (more: object = {}) => ({
  specversion: '1.0',
  id: 'e-1',
  source: '/till/4',
  type: 'com.example.order',
  ...more,
})

const binary = (
  node: TestNode,
  headers: Record<string, string>,
  body?: string | Uint8Array<ArrayBuffer>,
) =>
  node.request('/publish', {
    method: 'POST',
    headers: {
      'ce-specversion': '1.0',
      'ce-id': 'e-1',
      'ce-source': '/till/4',
      'ce-type': 'com.example.order',
      ...headers,
    },
    ...(body !== undefined && { body }),
  })

/** All that is stored, as CloudEvents, in the very text. */
async function cloudEventsOf(node: TestNode): Promise<string> {
  return (await node.request('/events', { headers: { accept: BATCH } })).text
}

function expectRefused(node: TestNode, reply: Reply, status: number, facts: object): void {
  expect(reply.body).toMatchObject({ status, ...facts })
  expect(node.backend.events.stats()).toMatchObject({ received: 0, lastPosition: 0 })
  expect(node.faults).toEqual([])
}

describe('structured and batched', () => {
  test('an event is stored once, and the answer names its source', async () => {
    const node = await startNode()

    const first = await node.publish(cloudEvent(), ONE)
    const again = await node.publish(cloudEvent(), `${ONE}; charset=utf-8`)

    expect(first.body).toEqual({
      status: 'committed',
      count: 1,
      accepted: 1,
      duplicates: 0,
      results: [
        {
          topic: 'com.example.order',
          event_id: 'e-1',
          source: '/till/4',
          outcome: 'accepted',
          position: 1,
        },
      ],
    })
    expect(first.headers.get('sekali-outcome')).toBe('accepted')
    expect(again.body.results[0]).toMatchObject({ outcome: 'duplicate', position: 1 })
    expect(again.headers.get('sekali-outcome')).toBe('duplicate')
  })

  test('a batch is taken in its order, and none of it if one is bad', async () => {
    const node = await startNode()

    const refused = await node.publish([cloudEvent(), cloudEvent({ id: '' })], BATCH)
    expectRefused(node, refused, 422, { code: 'invalid_event', index: 1, field: 'id' })
    const taken = await node.publish([cloudEvent({ id: 'e-2' }), cloudEvent()], BATCH)

    expect(taken.body.results.map(({ event_id }: { event_id: string }) => event_id)).toEqual([
      ...['e-2', 'e-1'],
    ])
  })

  test('an empty batch is a success of no events', async () => {
    const node = await startNode()

    const reply = await node.publish([], BATCH)

    expect(reply.status).toBe(200)
    expect(reply.body).toEqual({
      status: 'committed',
      count: 0,
      accepted: 0,
      duplicates: 0,
      results: [],
    })
    expect(reply.headers.get('sekali-outcome')).toBe('none')
    expect(node.sequencer.entries).toEqual([])
  })

  test('every character comes back as it was sent: extensions, unknown digits, order, escapes', async () => {
    const node = await startNode()
    const text =
      '{"type":"a.b", "specversion" : "1.0","id":"\\u00e9","source":"urn:x","data":{"n":12345678901234567890.10,"z":1,"a":[ ]},' +
      '"traceparent":"00-1-2-00","flag":true,"count":7,"time":"2026-01-01T00:00:00.000000001Z","subject":null}'

    await node.publish(text, ONE)

    expect(await cloudEventsOf(node)).toBe(`[${text}]`)
  })

  test.each([
    ['no JSON', '{', 400, { code: 'malformed_json' }],
    ['nothing', '', 400, { code: 'malformed_json' }],
    ['a member twice', '{"id":"1","id":"2"}', 400, { code: 'malformed_json' }],
    ['data twice', '{"data":1,"data":2}', 400, { code: 'malformed_json' }],
    ['two events', `${JSON.stringify(cloudEvent())}{}`, 400, { code: 'malformed_json' }],
    ['an array', JSON.stringify([cloudEvent()]), 422, { code: 'invalid_event' }],
    ['no id', JSON.stringify(cloudEvent({ id: undefined })), 422, { field: 'id' }],
    ['no source', JSON.stringify(cloudEvent({ source: undefined })), 422, { field: 'source' }],
    ['an empty source', JSON.stringify(cloudEvent({ source: '' })), 422, { field: 'source' }],
    ['no type', JSON.stringify(cloudEvent({ type: undefined })), 422, { field: 'type' }],
    [
      'a type that is no topic',
      JSON.stringify(cloudEvent({ type: 'a..b' })),
      422,
      { field: 'type' },
    ],
    [
      'another version',
      JSON.stringify(cloudEvent({ specversion: '0.3' })),
      422,
      { field: 'specversion' },
    ],
    ['a time that is none', JSON.stringify(cloudEvent({ time: 'now' })), 422, { field: 'time' }],
    ['a long id', JSON.stringify(cloudEvent({ id: 'x'.repeat(256) })), 422, { field: 'id' }],
    ['an extension that is an object', JSON.stringify(cloudEvent({ a: {} })), 422, { field: 'a' }],
    ['a name with capitals', JSON.stringify(cloudEvent({ aB: 'x' })), 422, { field: 'aB' }],
    ['a name that means something', '{"__proto__":{"id":"1"}}', 422, { field: '__proto__' }],
    ['bad Base64', JSON.stringify(cloudEvent({ data_base64: 'x' })), 422, { field: 'data_base64' }],
    [
      'two kinds of data',
      JSON.stringify(cloudEvent({ data: 1, data_base64: 'AA==' })),
      422,
      { field: 'data_base64' },
    ],
    ['half a surrogate pair', '{"data":"\\ud800"}', 422, { field: 'data' }],
    [
      'data too deep',
      JSON.stringify(cloudEvent()).replace('}', `,"data":${'['.repeat(64)}${']'.repeat(64)}}`),
      422,
      { field: 'data' },
    ],
  ])('%s is refused', async (_, body, status, facts) => {
    const node = await startNode()

    expectRefused(node, await node.publish(body, ONE), status as number, facts as object)
  })

  test('limits of size and number hold', async () => {
    const node = await startNode({ limits: { batchEventsMax: 2, eventBytesMax: 200 } })

    const many = await node.publish(
      [1, 2, 3].map((id) => cloudEvent({ id: `${id}` })),
      BATCH,
    )
    const large = await node.publish([cloudEvent(), cloudEvent({ data: 'x'.repeat(200) })], BATCH)

    expectRefused(node, many, 413, { code: 'batch_too_large' })
    expectRefused(node, large, 413, { code: 'event_too_large', index: 1 })
  })

  test.each([
    'application/cloudevents+xml',
    'application/cloudevents',
    'application/cloudevents-batch+avro',
  ])('the format of %s is not taken', async (type) => {
    const node = await startNode()

    expectRefused(node, await node.publish('', type), 415, { code: 'unsupported_media_type' })
  })
})

describe('binary', () => {
  test('attributes in headers, JSON as data', async () => {
    const node = await startNode()

    const reply = await binary(
      node,
      {
        'content-type': 'application/json',
        'ce-time': '2026-01-01T07:00:00+07:00',
        'ce-count': '7',
      },
      '{"n":1.10}',
    )

    expect(reply.body).toMatchObject({ accepted: 1 })
    // In the order in which the headers came, which is by name where there is no socket.
    expect(await cloudEventsOf(node)).toBe(
      '[{"count":"7","id":"e-1","source":"/till/4","specversion":"1.0",' +
        '"time":"2026-01-01T07:00:00+07:00","type":"com.example.order",' +
        '"datacontenttype":"application/json","data":{"n":1.10}}]',
    )
  })

  test.each([
    ['text/plain', 'a "b"\n', { data: 'a "b"\n' }],
    ['text/plain; charset=utf-8', 'é', { data: 'é' }],
    ['application/soap+xml', '<a/>', { data: '<a/>' }],
    ['text/plain', Buffer.from([0xff]), { data_base64: '/w==' }],
    ['text/plain; charset=latin1', 'a', { data_base64: 'YQ==' }],
    ['application/octet-stream', 'a', { data_base64: 'YQ==' }],
    ['application/vnd.x+json; v=1', '[1]', { data: [1] }],
    ['Application/JSON', 'null', { data: null }],
  ])('%s', async (type, body, data) => {
    const node = await startNode()

    await binary(node, { 'content-type': type }, body)

    const [event] = JSON.parse(await cloudEventsOf(node))
    expect(event).toEqual({ ...cloudEvent(), datacontenttype: type, ...data })
  })

  test('no body is no data', async () => {
    const node = await startNode()

    await binary(node, { 'content-type': 'application/json' })
    await binary(node, { 'ce-id': 'e-2' })

    const events = JSON.parse(await cloudEventsOf(node))
    expect(events).toEqual([
      cloudEvent({ datacontenttype: 'application/json' }),
      cloudEvent({ id: 'e-2' }),
    ])
  })

  test.each([
    ['a%20b%C3%A9%25', 'a bé%'],
    ['100%', '100%'],
    ['%zz', '%zz'],
    ['"quoted \\"x\\" %41"', 'quoted "x" A'],
    ['%2520', '%20'],
    ['Ã©', 'é'], // the bytes of UTF-8, as Node.js tells them
  ])('the header value %s means %s', async (sent, meant) => {
    const node = await startNode()

    await binary(node, { 'ce-subject': sent })

    expect(JSON.parse(await cloudEventsOf(node))[0].subject).toBe(meant)
  })

  test.each([
    [{ 'ce-subject': '%ff' }, 400, { code: 'bad_parameter', field: 'ce-subject' }],
    [{ 'ce-subject': 'é' }, 400, { code: 'bad_parameter', field: 'ce-subject' }],
    [{ 'ce-datacontenttype': 'text/plain' }, 400, { field: 'ce-datacontenttype' }],
    [{ 'ce-data': '1' }, 400, { field: 'ce-data' }],
    [{ 'ce-a_b': '1' }, 400, { field: 'ce-a_b' }],
    [{ 'ce-id': '' }, 422, { code: 'invalid_event', field: 'id' }],
    [{ 'ce-specversion': '2.0' }, 422, { field: 'specversion' }],
  ])('%j is refused', async (headers, status, facts) => {
    const node = await startNode()

    expectRefused(
      node,
      await binary(node, headers as Record<string, string>),
      status as number,
      facts as object,
    )
  })

  test('an attribute that is missing is named, and the event is not taken for one of ours', async () => {
    const node = await startNode()

    const reply = await node.request('/publish', {
      method: 'POST',
      headers: { 'ce-id': '1', 'content-type': 'application/json' },
      body: '{"topic":"a","event_id":"1"}',
    })

    expectRefused(node, reply, 422, { code: 'invalid_event', field: 'specversion' })
  })

  test('data cannot add attributes', async () => {
    const node = await startNode()

    const reply = await binary(node, { 'content-type': 'application/json' }, '1,"subject":"x"')

    expectRefused(node, reply, 400, { code: 'malformed_json', offset: 1 })
  })

  test('headers beside a body that is a CloudEvent are copies, and not looked at', async () => {
    const node = await startNode()

    await binary(node, { 'content-type': ONE, 'ce-id': 'other' }, JSON.stringify(cloudEvent()))

    expect(JSON.parse(await cloudEventsOf(node))).toEqual([cloudEvent()])
  })
})

describe('identity', () => {
  test('source and id together; neither the type nor an event of ours is the same', async () => {
    const node = await startNode()
    await node.publish({ topic: 'com.example.order', event_id: 'e-1', source: '/till/4' })

    const replies = [
      await node.publish(cloudEvent(), ONE),
      await node.publish(cloudEvent({ source: '/till/5' }), ONE),
      await node.publish(cloudEvent({ type: 'other' }), ONE),
      await node.publish({ topic: 'other', event_id: 'e-1' }),
    ]

    expect(replies.map(({ body }) => body.results[0].outcome)).toEqual([
      ...['accepted', 'accepted', 'duplicate', 'accepted'],
    ])
    expect(replies[2]!.body.results[0]).toMatchObject({ conflict: true, position: 2 })
  })

  test.each([
    ['another time', { time: '2026-02-02T00:00:00Z' }, false],
    ['another trace', { traceparent: '00-a-b-01', tracestate: 'x' }, false],
    ['the type of data spelt out', { datacontenttype: 'application/json; charset=UTF-8' }, false],
    ['data with its keys in another order', { data: { b: 2, a: 1.0 } }, false],
    ['an attribute that is null', { subject: null }, false],
    ['other data', { data: { a: 1, b: 3 } }, true],
    ['no data', { data: undefined }, true],
    ['another extension', { flag: false }, true],
    ['another subject', { subject: 'x' }, true],
    ['an extension that is empty', { note: '' }, true],
    ['another type of data', { datacontenttype: 'application/vnd.x+json' }, true],
  ])('%s: conflict %s', async (_, more, conflict) => {
    const node = await startNode()
    const event = cloudEvent({ data: { a: 1, b: 2 }, flag: true })
    await node.publish(event, ONE)

    const { body } = await node.publish({ ...event, ...more }, ONE)

    expect(body.results[0].outcome).toBe('duplicate')
    expect(body.results[0].conflict ?? false).toBe(conflict)
  })

  test('the same event in another mode is the same', async () => {
    const node = await startNode()
    await node.publish(cloudEvent({ flag: true, count: 7, data: { a: [1] } }), ONE)

    const { body } = await binary(
      node,
      { 'content-type': 'application/json', 'ce-flag': 'true', 'ce-count': '7' },
      '{ "a": [1] }',
    )

    expect(body.results[0]).toMatchObject({ outcome: 'duplicate', position: 1 })
    expect(body.results[0].conflict).toBeUndefined()
  })

  test('/seen knows them by source and id', async () => {
    const node = await startNode()
    await node.publish(cloudEvent(), ONE)
    const ids = [
      { source: '/till/4', id: 'e-1' },
      { source: '/till/4', id: 'e-2' },
      { topic: 'com.example.order', event_id: 'e-1' },
    ]

    const { body } = await node.request('/seen', {
      method: 'POST',
      body: new TextEncoder().encode(JSON.stringify({ ids })),
    })

    expect(body.results).toEqual(
      ids.map((id, place) => ({ ...id, position: place === 0 ? 1 : null })),
    )
  })

  test('one of them is read by source and id', async () => {
    const node = await startNode()
    await node.publish([cloudEvent(), cloudEvent({ id: 'e-2' })], BATCH)

    const found = await node.request('/events?source=/till/4&event_id=e-2')
    const missing = await node.request('/events?source=/till/5&event_id=e-2')

    expect(found.body.events).toMatchObject([{ position: 2, event_id: 'e-2', cloudevent: true }])
    expect(missing.body.events).toEqual([])
    expect((await node.request('/events?event_id=e-2')).status).toBe(400)
    expect((await node.request('/events/com.example.order/e-2')).status).toBe(404)
  })
})

describe('the topic', () => {
  test('is the type, unless the request names another', async () => {
    const node = await startNode()

    await node.publish(cloudEvent(), ONE)
    await node.request('/publish?topic=orders/new', {
      method: 'POST',
      headers: { 'content-type': ONE },
      body: JSON.stringify(cloudEvent({ id: 'e-2', type: 'no..topic' })),
    })

    const { body } = await node.request('/topics')
    expect(body.topics.map(({ topic }: { topic: string }) => topic)).toEqual([
      ...['com.example.order', 'orders/new'],
    ])
    expect(JSON.parse(await cloudEventsOf(node))[1].type).toBe('no..topic')
  })

  test('cannot be a pattern, and is no parameter for events of ours', async () => {
    const node = await startNode()
    const post = (contentType: string) =>
      node.request('/publish?topic=a.*', {
        method: 'POST',
        headers: { 'content-type': contentType },
      })

    expectRefused(node, await post(ONE), 400, { code: 'bad_parameter', field: 'topic' })
    expectRefused(node, await post('application/json'), 400, { code: 'bad_parameter' })
  })
})

describe('what is given back', () => {
  test('to who reads events: the whole CloudEvent as payload, under its id, source and time', async () => {
    const node = await startNode()
    const sent = cloudEvent({ time: '2026-01-01T07:00:00+07:00', data: 'text' })
    await node.publish([sent, cloudEvent({ id: 'e-2' })], BATCH)

    const { events } = (await node.request('/events')).body

    expect(events[0]).toEqual({
      position: 1,
      topic: 'com.example.order',
      event_id: 'e-1',
      timestamp: '2026-01-01T07:00:00+07:00',
      source: '/till/4',
      payload: sent,
      received_at: '2026-01-01T00:00:00.000Z',
      cloudevent: true,
    })
    expect(storedEventSchema.parse(events[0])).toEqual(events[0])
    expect(events[1].timestamp).toBe('2026-01-01T00:00:00.000Z')
  })

  test('an event of ours, wrapped: its topic is type and source, so that source and id stay unique', async () => {
    const node = await startNode()
    await node.publish([
      { topic: 'a/b', event_id: '1', source: 'till 4', payload: { n: 1 } },
      { topic: 'a.b', event_id: '1', timestamp: '2026-01-01T00:00:00Z' },
    ])

    const { headers, text } = await node.request('/events', { headers: { accept: BATCH } })
    const one = await node.request('/events/a%2Fb/1', { headers: { accept: ONE } })

    expect(headers.get('content-type')).toBe(BATCH)
    expect(one.headers.get('content-type')).toBe(ONE)
    const [first, second] = JSON.parse(text)
    expect(first).toEqual({
      specversion: '1.0',
      id: '1',
      source: '/topics/a%2Fb',
      type: 'a/b',
      time: '2026-01-01T00:00:00.000Z',
      datacontenttype: 'application/json',
      origin: 'till 4',
      data: { n: 1 },
    })
    expect(JSON.parse(one.text)).toEqual(first)
    expect(second).toMatchObject({ source: '/topics/a.b', data: {} })
    expect(second.origin).toBeUndefined()
    for (const event of [first, second]) expect(cloudEventSchema.parse(event)).toEqual(event)
  })

  test('page by page: the header tells where the next begins', async () => {
    const node = await startNode()
    await node.publish([cloudEvent(), cloudEvent({ id: 'e-2' })], BATCH)
    const page = (after: string) =>
      node.request(`/events?limit=1&after=${after}`, { headers: { accept: ONE } })

    const first = await page('0')
    const second = await page(first.headers.get('sekali-next')!)

    expect(JSON.parse(first.text)).toEqual([cloudEvent()])
    expect(JSON.parse(second.text)).toEqual([cloudEvent({ id: 'e-2' })])
    expect(second.headers.has('sekali-next')).toBe(false)
  })

  test.each([
    [undefined, 'application/json'],
    ['*/*', 'application/json'],
    ['application/json', 'application/json'],
    [ONE, BATCH],
    [`text/html, ${BATCH};q=0.5, */*;q=0.1`, BATCH],
    [`application/json, ${ONE}`, BATCH],
    [`application/json, ${ONE};q=0.9`, 'application/json'],
    [`${ONE};q=0`, 'application/json'],
  ])('whoever accepts %s gets %s', async (accept, type) => {
    const node = await startNode()

    const { headers } = await node.request(
      '/events',
      accept === undefined ? {} : { headers: { accept } },
    )

    expect(headers.get('content-type')).toBe(type)
    expect(headers.get('vary')).toBe('accept, origin')
  })
})

describe('web hooks', () => {
  test('anybody may deliver here who asks', async () => {
    const node = await startNode()

    const reply = await node.request('/publish', {
      method: 'OPTIONS',
      headers: {
        'webhook-request-origin': 'eventemitter.example.com',
        'webhook-request-rate': '120',
      },
    })

    expect(reply.status).toBe(204)
    expect(reply.headers.get('webhook-allowed-origin')).toBe('eventemitter.example.com')
    expect(reply.headers.get('webhook-allowed-rate')).toBe('*')
    expect(reply.headers.get('allow')).toBe('POST, OPTIONS')
  })

  test('other paths promise nothing', async () => {
    const node = await startNode()

    const reply = await node.request('/events', {
      method: 'OPTIONS',
      headers: { 'webhook-request-origin': 'eventemitter.example.com' },
    })

    expect(reply.headers.has('webhook-allowed-origin')).toBe(false)
  })
})
