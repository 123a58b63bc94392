// Reading events back: unchanged, in order, page by page, and never more than was asked for.

import { beforeEach, describe, expect, test } from 'vitest'
import { storedEventSchema } from '../../../client/contract/event.ts'
import { eventsPageSchema } from '../../../client/contract/read.ts'
import { startNode, type TestNode } from '../harness.ts'

let node: TestNode

const ids = (body: { events: { event_id: string }[] }) => body.events.map((found) => found.event_id)
const get = async (path: string) => (await node.request(path)).body

/** Follows `next` to the end. */
async function walk(query: string): Promise<string[]> {
  const found: string[] = []
  let after = ''
  for (;;) {
    const page = await get(`/events?${query}${after}`)
    found.push(...ids(page))
    if (page.next === null) return found
    after = `&after=${page.next}`
  }
}

describe('pages', () => {
  beforeEach(async () => {
    node = await startNode()
    await node.publish([
      { topic: 'a.x', event_id: '1', source: 's1', timestamp: '2026-01-01T00:00:00Z' },
      { topic: 'a/y', event_id: '2', source: 's2', timestamp: '2026-01-01T01:00:00+01:00' },
      { topic: 'b', event_id: '3', source: 's1', timestamp: '2026-01-01T00:00:01Z' },
      { topic: 'a.x', event_id: '4', source: 's1', timestamp: '2025-12-31T23:59:59Z' },
    ])
  })

  test('B37: all topics in the one order, with the contract’s shape', async () => {
    const body = await get('/events')

    expect(ids(body)).toEqual(['1', '2', '3', '4'])
    expect(body.next).toBeNull()
    expect(eventsPageSchema.safeParse(body).success).toBe(true)
  })

  test.each([
    ['topic=a.x', ['1', '4']],
    ['topic=a.*', ['1', '2', '4']],
    ['topic=**', ['1', '2', '3', '4']],
    ['topic=a.>', ['1', '2', '4']],
    ['topic=nothing', []],
    ['source=s1', ['1', '3', '4']],
    ['topic=a.x&event_id=4', ['4']],
    ['topic=b&event_id=4', []],
    ['since=2026-01-01T00:00:00Z', ['1', '2', '3']],
    ['until=2026-01-01T00:00:00Z', ['4']],
    ['since=2026-01-01T01:00:00%2B01:00&until=2026-01-01T00:00:01Z', ['1', '2']],
    ['after=2', ['3', '4']],
    ['order=desc', ['4', '3', '2', '1']],
    ['order=desc&after=3', ['2', '1']],
  ])('%s', async (query, expected) => {
    expect(ids(await get(`/events?${query}`))).toEqual(expected)
  })

  test.each(['', 'topic=a.x', 'topic=a.*', 'source=s1', 'order=desc', 'topic=a.*&order=desc'])(
    'pages of one event put together are the whole: %s',
    async (query) => {
      expect(await walk(`${query}&limit=1`.replace(/^&/, ''))).toEqual(
        ids(await get(`/events?${query}`)),
      )
    },
  )

  test('B46: a page is capped', async () => {
    const batch = Array.from({ length: 1_200 }, (_, id) => ({ topic: 'many', event_id: `m${id}` }))
    await node.publish(batch)

    expect((await get('/events?topic=many')).events).toHaveLength(100)
    expect((await get('/events?topic=many&limit=1000')).events).toHaveLength(1_000)
    expect(await walk('topic=many&limit=1000')).toHaveLength(1_200)
  })

  test.each([
    ['topic=a&topic=b', 'topic'],
    ['limit=0', 'limit'],
    ['limit=-1', 'limit'],
    ['limit=1.5', 'limit'],
    ['limit=abc', 'limit'],
    ['limit=1e3', 'limit'],
    ['limit=0x10', 'limit'],
    ['limit=%201', 'limit'],
    ['limit=007', 'limit'],
    ['limit=', 'limit'],
    ['limit=999999999999', 'limit'],
    ['limit=1001', 'limit'],
    ['after=-1', 'after'],
    ['after=99999999999999999', 'after'],
    ['order=up', 'order'],
    ['consistency=banana', 'consistency'],
    ['min_position=x', 'min_position'],
    ['since=yesterday', 'since'],
    ['until=2026-02-30T00:00:00Z', 'until'],
    ['event_id=1', 'event_id'],
    ['topic=a.*&event_id=1', 'event_id'],
    ['topic=', 'topic'],
    ['topic=a..b', 'topic'],
    ['topic=**.b', 'topic'],
    ['topic=%ff', 'topic'],
    ['colour=red', 'colour'],
    ['__proto__=1', '__proto__'],
  ])('B38, B39, B40, B45: %s is refused', async (query, field) => {
    const reply = await node.request(`/events?${query}`)

    expect(reply.body).toMatchObject({ status: 400, code: 'bad_parameter', field })
    expect(reply.status).toBe(400)
  })
})

describe('what was sent comes back unchanged', () => {
  beforeEach(async () => {
    node = await startNode()
  })

  test('the payload is the very text, numbers with their digits', async () => {
    const payload =
      '{"n":1.10,"big":12345678901234567890123,"e":1e999,"z":-0,"s":"\\u0041é😀","a":[ ]}'
    await node.publish(`{"topic":"t","event_id":"1","payload":${payload}}`)

    const { text } = await node.request('/events/t/1')

    expect(text).toContain(`"payload":${payload}`)
    expect((await node.request('/events')).text).toContain(text)
  })

  test('defaults are those of the contract', async () => {
    await node.publish({ topic: 't', event_id: '1' })

    const { body } = await node.request('/events/t/1')

    expect(storedEventSchema.parse(body)).toEqual({
      position: 1,
      topic: 't',
      event_id: '1',
      timestamp: '2026-01-01T00:00:00.000Z',
      source: '',
      received_at: '2026-01-01T00:00:00.000Z',
      payload: {},
    })
  })

  test.each([
    ['/prod/billing/paid', 'a/b'],
    ['a.b', '100%'],
    ['ünïcode/✓', '😀 +&?#'],
    ['\u0000\n\u001b', '\u202e"\\'],
    ['a', '..x'],
  ])('the topic %j and id %j are found under their own path', async (topic, eventId) => {
    await node.publish({ topic, event_id: eventId })

    const path = `/events/${encodeURIComponent(topic)}/${encodeURIComponent(eventId)}`
    expect((await node.request(path)).body).toMatchObject({ topic, event_id: eventId, position: 1 })
    const query = new URLSearchParams({ topic, event_id: eventId })
    expect(ids((await node.request(`/events?${query}`)).body)).toEqual([eventId])
  })

  test('B22, B23: what looks alike is not the same event', async () => {
    await node.publish([
      { topic: 'a', event_id: 'b\0c' },
      { topic: 'a\0b', event_id: 'c' },
      { topic: 'n', event_id: '\u00e9' },
      { topic: 'n', event_id: 'e\u0301' },
    ])

    expect(node.backend.events.stats().unique).toBe(4)
  })

  test('an event that was never accepted, and a path that cannot be decoded', async () => {
    expect(await get('/events/t/none')).toMatchObject({ status: 404, code: 'event_not_found' })
    expect(await get('/events/%ff/1')).toMatchObject({ status: 400, field: 'topic' })
    expect(await get('/events/t/%')).toMatchObject({ status: 400, field: 'event_id' })
  })
})
