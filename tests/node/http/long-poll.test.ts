// GET /events?wait=: what is there comes at once, what is not is waited for, and the answer always says where to ask on.

import { beforeEach, describe, expect, test } from 'vitest'
import { type Reply, startNode, type TestNode, turnsUntil } from '../harness.ts'

let node: TestNode

beforeEach(async () => {
  node = await startNode({ subscribersMax: 2 })
  await node.publish([
    { topic: 'a', event_id: '1', source: 's' },
    { topic: 'b', event_id: '2', source: 's' },
  ])
})

/** A poll that waits. */
async function poll(query: string): Promise<{ reply: Promise<Reply>; answered: () => boolean }> {
  const before = node.api.followers.count
  let answered = false
  const reply = node.request(`/events?${query}`).finally(() => {
    answered = true
  })
  await turnsUntil(() => answered || node.api.followers.count > before)
  return { reply, answered: () => answered }
}

const ids = ({ body }: Reply) => body.events.map((event: { event_id: string }) => event.event_id)

describe('an answer at once', () => {
  test('of what is stored, with where to go on', async () => {
    const reply = await node.request('/events?wait=1000&after=0')

    expect(ids(reply)).toEqual(['1', '2'])
    expect(reply.body.next).toBe('2')
  })

  test('where the page is full, as without waiting', async () => {
    const reply = await node.request('/events?wait=1000&limit=1')

    expect(ids(reply)).toEqual(['1'])
    expect(reply.body.next).toBe('1')
  })

  test('that is empty, when nothing is to be waited for', async () => {
    const reply = await node.request('/events?wait=0&after=2')

    expect(reply.body).toEqual({ events: [], next: '2' })
  })

  test('behind what does not fit: not to be looked through again', async () => {
    const reply = await node.request('/events?wait=0&topic=b&after=0&source=other')

    expect(reply.body).toEqual({ events: [], next: '2' })
  })
})

describe('waiting', () => {
  test('ends with the first event', async () => {
    const { reply, answered } = await poll('wait=20000&after=2')
    expect(answered()).toBe(false)

    await node.publish({ topic: 'c', event_id: '3' })

    expect(ids(await reply)).toEqual(['3'])
    expect((await reply).body.next).toBe('3')
    expect(node.api.followers.count).toBe(0)
  })

  test('goes on past events that do not match', async () => {
    const { reply, answered } = await poll('wait=20000&after=2&topic=a&source=s')
    await node.publish({ topic: 'b', event_id: '3', source: 's' })
    await node.publish({ topic: 'a', event_id: '4', source: 'other' })
    await turnsUntil(() => node.api.followers.count === 1)
    expect(answered()).toBe(false)

    await node.publish({ topic: 'a', event_id: '5', source: 's' })

    expect(ids(await reply)).toEqual(['5'])
  })

  test('ends empty at its time, and says how far it has looked', async () => {
    const { reply, answered } = await poll('wait=20000&after=0&topic=c')
    await node.publish({ topic: 'b', event_id: '3' })
    node.clock.advance(19_999)
    await turnsUntil(() => node.api.followers.countAtTail === 1)
    expect(answered()).toBe(false)

    node.clock.advance(1)
    const first = await reply

    expect(first.body.events).toEqual([])
    expect(Number(first.body.next)).toBeGreaterThanOrEqual(2)
  })

  test('for a position ahead of this node is no fault', async () => {
    const { reply } = await poll('wait=20000&after=9')

    node.clock.advance(20_000)

    expect((await reply).body).toEqual({ events: [], next: '9' })
  })

  test('ends when the node stops', async () => {
    const { reply } = await poll('wait=20000&after=2')

    node.api.followers.close()

    expect((await reply).body).toEqual({ events: [], next: '2' })
  })
})

test('all that is published is had once by asking again and again', async () => {
  const found: string[] = []
  let next = '0'
  const published = (async () => {
    for (let id = 3; id <= 60; id += 1) await node.publish({ topic: 'b', event_id: `${id}` })
  })()
  while (found.length < 59) {
    const reply = await node.request(`/events?wait=20000&topic=b&limit=3&after=${next}`)
    found.push(...ids(reply))
    next = reply.body.next
  }
  await published

  expect(found).toEqual(Array.from({ length: 59 }, (_, place) => `${place + 2}`))
})

describe('refused', () => {
  test.each([
    ['wait=30001', 'wait'],
    ['wait=-1', 'wait'],
    ['wait=1s', 'wait'],
    ['wait=1&order=desc', 'wait'],
  ])('%s', async (query, field) => {
    const reply = await node.request(`/events?${query}`)

    expect(reply.body).toMatchObject({ status: 400, code: 'bad_parameter', field })
  })

  test('more at once than the limit, streams included', async () => {
    await poll('wait=20000&after=2')
    await poll('wait=20000&after=2')

    const reply = await node.request('/events?wait=20000&after=2')

    expect(reply.body).toMatchObject({ status: 429, limit: { name: 'subscribersMax', value: 2 } })
    node.api.followers.close()
  })
})
