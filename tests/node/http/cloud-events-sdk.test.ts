// The unmodified SDK of CloudEvents for JavaScript against a node that listens: what it emits in each mode is stored once and
// comes back, read by the same SDK, as what was emitted.

import { CloudEvent, emitterFor, HTTP, httpTransport, type Message, Mode } from 'cloudevents'
import { expect, onTestFinished, test } from 'vitest'
import { createApiServer } from '../../../node/http/server.ts'
import { startNode } from '../harness.ts'

async function listeningNode(): Promise<string> {
  const node = await startNode()
  const server = createApiServer(node.api, node.app, 100)
  const port = await server.listen('127.0.0.1', 0)
  onTestFinished(() => server.close(0))
  return `http://127.0.0.1:${port}`
}

async function fetched(url: string, accept: string): Promise<Message> {
  const response = await fetch(url, { headers: { accept } })
  return { headers: Object.fromEntries(response.headers), body: await response.text() }
}

const order = new CloudEvent<unknown>({
  id: 'o 1/é',
  source: '/shops/7?till=4',
  type: 'com.example.order.placed',
  subject: 'orders/1',
  dataschema: 'https://example.com/order.json',
  datacontenttype: 'application/json',
  time: '2026-01-01T00:00:00.123Z',
  partitionkey: 'k-1',
  data: { total: 42, lines: [{ sku: 'ü', n: 2 }] },
})
const text = new CloudEvent<unknown>({
  id: 't-1',
  source: 'urn:example:log',
  type: 'log.line',
  datacontenttype: 'text/plain',
  time: '2026-01-01T00:00:01.000Z',
  data: 'one line, "quoted"',
})
const bytes = new CloudEvent<unknown>({
  id: 'b-1',
  source: 'urn:example:camera',
  type: 'picture',
  datacontenttype: 'image/png',
  time: '2026-01-01T00:00:02.000Z',
  data: new Uint8Array([0, 255, 128, 10]),
})

// The SDK writes header values as they are, so what is no ASCII goes in bodies only.
const plain = order.cloneWith({ id: 'o-1' })

test.each([
  ['structured', Mode.STRUCTURED, [order, text, bytes]],
  ['binary', Mode.BINARY, [plain, text, bytes]],
])('%s: emitted twice, stored once, given back the same', async (_, mode, events) => {
  const url = await listeningNode()
  const emit = emitterFor(httpTransport(`${url}/publish`), { mode })

  for (const [place, event] of events.entries()) {
    const first = (await emit(event)) as Message
    const again = (await emit(event)) as Message

    const { source, id } = event
    const told = { topic: event.type, event_id: id, source, position: place + 1 }
    expect(first.headers['sekali-outcome']).toBe('accepted')
    expect(JSON.parse(String(first.body)).results).toEqual([{ ...told, outcome: 'accepted' }])
    expect(again.headers['sekali-outcome']).toBe('duplicate')
    expect(JSON.parse(String(again.body)).results).toEqual([{ ...told, outcome: 'duplicate' }])
  }

  const found = HTTP.toEvent(await fetched(`${url}/events`, 'application/cloudevents-batch+json'))
  expect((found as CloudEvent<unknown>[]).map((event) => event.toJSON())).toEqual(
    events.map((event) => event.toJSON()),
  )
})

test('a batch', async () => {
  const url = await listeningNode()
  const send = httpTransport(`${url}/publish`)
  const batch: Message = {
    headers: { 'content-type': 'application/cloudevents-batch+json' },
    body: JSON.stringify([order, text, bytes]),
  }

  const answer = (await send(batch)) as Message

  expect(JSON.parse(String(answer.body))).toMatchObject({ count: 3, accepted: 3 })
  const found = HTTP.toEvent(await fetched(`${url}/events`, 'application/cloudevents-batch+json'))
  expect(found).toHaveLength(3)
})

test('an event of ours is read by the SDK as one that it would have made itself', async () => {
  const url = await listeningNode()
  await fetch(`${url}/publish`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ topic: '/orders/neu ü', event_id: '1', payload: { total: 42 } }),
  })

  const path = '/events/%2Forders%2Fneu%20%C3%BC/1'
  const found = HTTP.toEvent(await fetched(`${url}${path}`, 'application/cloudevents+json'))
  const event = found as CloudEvent<unknown>

  expect(event.validate()).toBe(true)
  expect(event).toMatchObject({ id: '1', type: '/orders/neu ü', data: { total: 42 } })
  expect(event.source).toBe('/topics/%2Forders%2Fneu%20%C3%BC')
})
