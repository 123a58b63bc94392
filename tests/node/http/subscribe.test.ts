// GET /subscribe over real connections: what it looks like on the wire, what is refused before it begins, and how slow readers
// and a stopping node are treated.

import { type IncomingMessage, request } from 'node:http'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createApiServer } from '../../../node/http/server.ts'
import { type NodeOptions, startNode, turnsUntil } from '../harness.ts'

const LOOPBACK = '127.0.0.1'

async function listen(options: NodeOptions = {}) {
  const node = await startNode(options)
  const server = createApiServer(node.api, node.app, 100)
  const port = await server.listen(LOOPBACK, 0)
  onTestFinished(() => server.close(0))
  const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    Stream.open(port, path, headers, method)
  const publish = (...ids: string[]) =>
    node.publish(ids.map((event_id) => ({ topic: 'orders', event_id })))
  return { node, server, port, get, publish }
}

/** An answer as it comes in. */
class Stream {
  readonly chunks: string[] = []
  ended = false
  readonly answer: IncomingMessage
  #changed: () => void = () => {}

  private constructor(answer: IncomingMessage) {
    this.answer = answer
    answer.setEncoding('utf8')
    answer.on('data', (text: string) => {
      this.chunks.push(text)
      this.#changed()
    })
    answer.on('close', () => {
      this.ended = true
      this.#changed()
    })
    answer.on('error', () => {})
  }

  static open(port: number, path: string, headers: object, method: string): Promise<Stream> {
    return new Promise((resolve, reject) => {
      const outgoing = request({ host: LOOPBACK, port, path, method, headers: { ...headers } })
      outgoing.on('response', (answer) => resolve(new Stream(answer)))
      outgoing.on('error', reject)
      outgoing.end()
      onTestFinished(() => void outgoing.destroy())
    })
  }

  async until(holds: (stream: Stream) => boolean): Promise<void> {
    while (!holds(this)) {
      if (this.ended) throw new Error(`it ended after: ${this.text}`)
      await new Promise<void>((resolve) => {
        this.#changed = resolve
      })
    }
  }

  get text(): string {
    return this.chunks.join('')
  }

  has(text: string): Promise<void> {
    return this.until(() => this.text.includes(text))
  }

  async end(): Promise<void> {
    while (!this.ended) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve
      })
    }
  }

  get ids(): number[] {
    return [...this.text.matchAll(/^id: (\d+)\ndata: \{"position":\1,"topic"/gm)].map(([, id]) =>
      Number(id),
    )
  }
}

describe('the stream', () => {
  test('is CloudEvents where Accept asks for them, each on one line under its position', async () => {
    const { node, get } = await listen()
    const sent = '{"specversion":"1.0",\n"id":"1","source":"/s","type":"a","data":\t{"n":1.0}}'
    await node.publish(sent, 'application/cloudevents+json')
    await node.publish({ topic: 'b', event_id: '2' })

    const stream = await get('/subscribe?after=0', {
      accept: 'text/event-stream, application/cloudevents+json',
    })
    await stream.has('/topics/b')

    expect(stream.answer.headers['content-type']).toBe('text/event-stream')
    const [first, second] = [...stream.text.matchAll(/^id: (\d+)\ndata: (.*)$/gm)]
    expect(first?.slice(1)).toEqual(['1', sent.replaceAll(/[\n\t]/g, ' ')])
    expect(second?.[1]).toBe('2')
    expect(JSON.parse(second![2]!)).toMatchObject({ type: 'b', id: '2', source: '/topics/b' })
  })

  test('is events under their positions, each on one line, as GET /events shows them', async () => {
    const { node, get } = await listen()
    await node.publish('{"topic":"a","event_id":"1","payload":{"text":"a\\nb",\r\n\t"n":1.0}}')
    const { events } = (await node.request('/events')).body
    const stored = (await node.request('/events/a/1')).text

    const stream = await get('/subscribe?after=0')
    await stream.has('"a"')

    expect(stream.text).toBe(`retry: 500\n\nid: 1\ndata: ${stored}\n\n`)
    expect(events).toEqual([JSON.parse(stored)])
  })

  test('says what it is, who sends it, and that nobody may keep or collect it', async () => {
    const { get } = await listen()

    const { answer } = await get('/subscribe')

    expect(answer.statusCode).toBe(200)
    expect(answer.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      'sekali-node': 'n1',
      'sekali-position': '0',
    })
    expect(answer.headers['transfer-encoding']).toBeUndefined()
  })

  test('begins with what comes, and names that place; with after=0, at the beginning', async () => {
    const { get, publish } = await listen()
    await publish('1', '2')

    const fresh = await get('/subscribe')
    const whole = await get('/subscribe?after=0')
    await fresh.has('event: start')
    await publish('3')
    await fresh.has('"3"')
    await whole.has('"3"')

    expect(fresh.text).toContain('event: start\nid: 2\ndata: {"position":2}\n\n')
    expect(fresh.ids).toEqual([3])
    expect(whole.ids).toEqual([1, 2, 3])
    expect(whole.text).not.toContain('event:')
  })

  test('goes on behind Last-Event-ID, whatever the URL says', async () => {
    const { get, publish } = await listen()
    await publish('1', '2', '3')

    const stream = await get('/subscribe?after=0', { 'Last-Event-ID': '2' })
    await stream.has('"3"')

    expect(stream.ids).toEqual([3])
  })

  test('keeps to its topics', async () => {
    const { node, get } = await listen()
    await node.publish([
      { topic: 'a.b', event_id: '1' },
      { topic: 'b', event_id: '2' },
      { topic: 'a.c', event_id: '3' },
    ])

    const stream = await get('/subscribe?topic=a.*&after=0')
    await stream.has('"3"')

    expect(stream.ids).toEqual([1, 3])
  })

  test('shows that it lives, and up to where all was told', async () => {
    const { node, get, publish } = await listen()
    await publish('1')
    const stream = await get('/subscribe?topic=none&after=0')
    await turnsUntil(() => node.api.followers.countAtTail === 1)

    node.clock.advance(15_000)
    await stream.has('id: 1')

    expect(stream.text).toBe('retry: 500\n\n: 1\nid: 1\n\n')
  })

  test('HEAD has its headers, and ends', async () => {
    const { node, get } = await listen()

    const head = await get('/subscribe', {}, 'HEAD')
    await head.end()

    expect(head.answer.headers['content-type']).toBe('text/event-stream')
    expect(node.api.followers.count).toBe(0)
  })
})

describe('passing states of the cluster do not end it, nor keep it from beginning', () => {
  test('without a leader', async () => {
    const { node, get, publish } = await listen()
    node.sequencer.loseLeader()
    const stream = await get('/subscribe?after=0')
    expect(stream.answer.statusCode).toBe(200)

    const published = publish('1')
    node.sequencer.heal()
    await published
    await stream.has('"1"')
  })

  test('not ready, for whatever reason, and asked for what this node does not have yet', async () => {
    const { node, get, publish } = await listen()
    node.backend.reasons = ['rebuilding', 'no_leader', 'behind']
    const stream = await get('/subscribe?after=1')
    expect(stream.answer.statusCode).toBe(200)
    await publish('1')
    await publish('2')

    node.backend.reasons = []
    node.clock.advance(1)
    await stream.has('"2"')

    expect(stream.ids).toEqual([2])
  })
})

describe('what is refused before it begins', () => {
  test.each([
    ['after=-1', {}, 'after'],
    ['after=x', {}, 'after'],
    ['after=', {}, 'after'],
    ['topic=', {}, 'topic'],
    ['topic=a..b', {}, 'topic'],
    ['topic=**.b', {}, 'topic'],
    ['topic=a&topic=b', {}, 'topic'],
    ['limit=1', {}, 'limit'],
    ['', { 'Last-Event-ID': '1.5' }, 'Last-Event-ID'],
    ['', { 'Last-Event-ID': 'o-1' }, 'Last-Event-ID'],
  ])('%s %o', async (query, headers, field) => {
    const { node, get } = await listen()

    const refusal = await get(`/subscribe?${query}`, headers)
    await refusal.end()

    expect(refusal.answer.statusCode).toBe(400)
    expect(refusal.answer.headers['content-type']).toBe('application/problem+json')
    expect(JSON.parse(refusal.text)).toMatchObject({ code: 'bad_parameter', field })
    expect(node.api.followers.count).toBe(0)
  })

  test('one more than the limit; when another has gone there is room again', async () => {
    const { node, get } = await listen({ subscribersMax: 2 })
    const first = await get('/subscribe')
    await get('/subscribe')

    const refusal = await get('/subscribe')
    await refusal.end()
    first.answer.destroy()
    await turnsUntil(() => node.api.followers.count === 1)

    expect(refusal.answer.statusCode).toBe(429)
    expect(refusal.answer.headers['retry-after']).toBeDefined()
    expect(JSON.parse(refusal.text)).toMatchObject({
      code: 'overloaded',
      retryable: true,
      limit: { name: 'subscribersMax', value: 2 },
    })
    expect((await get('/subscribe')).answer.statusCode).toBe(200)
  })
})

test('who does not read is not sent to: it costs little, and has all of it when it reads', async () => {
  const { node, get } = await listen()
  const payload = { text: 'x'.repeat(250_000) }
  const stream = await get('/subscribe?after=0')
  await stream.has('retry')
  stream.answer.pause()
  let sent = 0
  const takes = node.backend.events.page
  node.backend.events.page = async (query) => {
    const page = await takes.call(node.backend.events, query)
    for (const event of page.events) sent += event.length
    return page
  }

  for (let batch = 0; batch < 20; batch += 1) {
    const ids = Array.from({ length: 16 }, (_, id) => `${batch}-${id}`)
    await node.publish(ids.map((event_id) => ({ topic: 'big', event_id, payload })))
  }
  await turnsUntil(() => node.api.followers.countAtTail === 0)
  expect(sent).toBeLessThan(40_000_000) // what the system's buffers take, of 80 MB

  stream.answer.resume()
  await stream.until(({ chunks }) => chunks.slice(-20).join('').includes('"19-15"'))
  expect(stream.ids).toEqual(Array.from({ length: 320 }, (_, place) => place + 1))
})

describe('a node that stops', () => {
  test('ends its streams, so that nobody waits for them', async () => {
    const { node, server, get } = await listen()
    const stream = await get('/subscribe')
    await stream.has('start')

    node.api.followers.close()
    await server.close(10_000)
    await stream.end()

    expect(stream.text).toMatch(/^retry: 500\n\nevent: start/)
  })

  test('answers who still comes with a stream that ends: an EventSource goes on looking', async () => {
    const { node, get } = await listen()
    node.api.followers.close()

    const stream = await get('/subscribe?after=0')
    await stream.end()

    expect(stream.answer.statusCode).toBe(200)
    expect(stream.text).toBe('retry: 500\n\n')
  })
})
