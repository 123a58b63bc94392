// Lists: as few requests as the limits allow, results in the order given, and what is left when one of them fails.

import { describe, expect, test } from 'vitest'
import type { PublishError } from '../../../client/sdk/outcome.ts'
import type { HttpAnswer, HttpRequest } from '../../../client/sdk/transport.ts'
import { A, B, eventNumber, events, problem, World } from './world.ts'

/** A node that takes so many events at a time. */
const takes =
  (eventsMax: number) =>
  (request: HttpRequest, world: World): HttpAnswer =>
    JSON.parse(request.body!).events.length > eventsMax
      ? problem({ code: 'batch_too_large' })
      : world.store(request)

describe('a list', () => {
  test('of none is nothing to do', async () => {
    const world = new World()

    expect(await world.drive(world.client().publish([]))).toEqual([])
    expect(world.asked).toEqual([])
  })

  test('of one comes back as a list', async () => {
    const world = new World()

    expect(await world.drive(world.client().publish([eventNumber(1)]))).toHaveLength(1)
  })

  test('within the limits is one request', async () => {
    const world = new World()

    await world.drive(world.client().publish(events(10_000)))

    expect(world.published.map((batch) => batch.length)).toEqual([10_000])
  })

  test('of 25,000 is three, with all results in order', async () => {
    const world = new World()
    const sent = events(25_000)

    const results = await world.drive(world.client().publish(sent))

    expect(world.published.map((batch) => batch.length)).toEqual([10_000, 10_000, 5_000])
    expect(results.map(({ event_id, position }) => [event_id, position])).toEqual(
      sent.map(({ event_id }, place) => [event_id, place + 1]),
    )
  })

  test('of large events never makes a body above the limit', async () => {
    const world = new World()
    const payload = { text: 'é'.repeat(500_000) }
    const sent = events(20).map((event) => ({ ...event, payload }))

    await world.drive(world.client().publish(sent))

    const bytes = world.asked.map(({ body }) => Buffer.byteLength(body!))
    expect(bytes).toHaveLength(3)
    expect(Math.max(...bytes)).toBeLessThanOrEqual(8 * 1024 * 1024)
    expect(world.stored.size).toBe(20)
  })

  test('is cut smaller where a node takes less', async () => {
    const world = new World()
    world.script(A, takes(300))

    const results = await world.drive(world.client().publish(events(1_000)))

    expect(results.map(({ position }) => position)).toEqual(events(1_000).map((_, at) => at + 1))
  })

  test('is cut smaller where a proxy that is no node takes less', async () => {
    const world = new World()
    world.script(A, { code: 'no_leader' })
    world.script(B, () => ({ status: 413, text: '<html>', header: () => null }), 'answers')

    const results = await world.drive(world.client().publish(events(4)))

    expect(results).toHaveLength(4)
    expect(world.asked.map(({ url }) => url)).toEqual([A, B, B, B])
  })
})

describe('an event that cannot be taken', () => {
  const good = eventNumber(0)

  test.each<[string, unknown, string]>([
    ['no topic', { event_id: 'x' }, 'topic'],
    ['a pattern for a topic', { topic: 'a.*' }, 'topic'],
    ['an empty id', { topic: 'a', event_id: '' }, 'event_id'],
    ['an id too long', { topic: 'a', event_id: 'x'.repeat(256) }, 'event_id'],
    ['a lone surrogate', { topic: 'a', source: '\ud800' }, 'source'],
    ['a date without an offset', { topic: 'a', timestamp: '2026-01-01T00:00:00' }, 'timestamp'],
    ['a list for a payload', { topic: 'a', payload: [] }, 'payload'],
    ['null for a payload', { topic: 'a', payload: null }, 'payload'],
    ['a field that is none', { topic: 'a', evnet_id: 'x' }, 'evnet_id'],
    ['a field of every object', JSON.parse('{"topic":"a","toString":1}'), 'toString'],
  ])('%s: the whole list is refused before anything is sent', async (_, bad, field) => {
    const world = new World()
    const list = [...events(10_001), bad as typeof good]

    const error = await world.failure(world.client().publish(list))

    expect(error).toMatchObject({ code: 'invalid_event', facts: { index: 10_001, field } })
    expect(world.asked).toEqual([])
  })

  test('too large: told with the limit', async () => {
    const world = new World()
    const payload = { text: 'x'.repeat(1024 * 1024) }

    const error = await world.failure(world.client().publish([good, { ...good, payload }]))

    expect(error).toMatchObject({
      code: 'event_too_large',
      facts: { index: 1, limit: { name: 'eventBytesMax' } },
    })
  })

  test('only a node could tell: the error names its place in the list, and what is stored', async () => {
    const world = new World()
    world.script(A, 'answers', { code: 'invalid_event', index: 4 })

    const error = (await world.failure(world.client().publish(events(25_000)))) as PublishError

    expect(error).toMatchObject({
      code: 'invalid_event',
      retryable: false,
      facts: { index: 10_004 },
    })
    expect(error.results.map((result) => result?.position ?? null)).toEqual(
      events(25_000).map((_, at) => (at < 10_000 ? at + 1 : null)),
    )
    expect(world.stored.size).toBe(10_000)
  })

  test('what JSON cannot hold is a mistake of the program', async () => {
    const world = new World()

    const error = await world.failure(world.client().publish({ topic: 'a', payload: { big: 1n } }))

    expect(error).toBeInstanceOf(TypeError)
  })
})

test('one deadline holds for all requests of a list', async () => {
  const world = new World()
  world.script(A, 'answers', 'storesAndHangs')

  const error = await world.failure(world.client({ nodes: A }).publish(events(30_000)))

  expect(error).toMatchObject({ code: 'outcome_unknown' })
  expect((error as PublishError).results.filter((result) => result !== null)).toHaveLength(10_000)
  expect(world.nowMs).toBe(30_000)
})

test('what the user gives is sent as JSON.stringify has it', async () => {
  const world = new World()
  const payload = {
    when: new Date(0),
    much: 1e21,
    zero: -0,
    gone: undefined,
    nested: { ['__proto__']: 1 },
  }

  await world.drive(
    world.client().publish({ ...eventNumber(1), source: undefined, payload } as never),
  )

  expect(world.asked[0]!.body).toBe(
    `{"events":[{"topic":"orders","event_id":"o-1","payload":${JSON.stringify(payload)}}]}`,
  )
})
