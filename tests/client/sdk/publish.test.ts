// What a publish comes to when nodes refuse, hang, die after storing, or are no nodes at all. Two things hold throughout:
// no event is stored twice, and "certainly not stored" is said only when it is so.

import { getEventListeners } from 'node:events'
import { describe, expect, test } from 'vitest'
import type { Retry } from '../../../client/sdk/caller.ts'
import { PublishError } from '../../../client/sdk/outcome.ts'
import fc from '../../properties.ts'
import { A, B, type Behaviour, C, eventNumber, json, World } from './world.ts'

const EVENT = eventNumber(1)
const DEADLINE_MS = 30_000

describe('one event', () => {
  test('comes back with its outcome and position', async () => {
    const world = new World()
    const sekali = world.client()

    const first = await world.drive(sekali.publish(EVENT))
    const second = await world.drive(sekali.publish(EVENT))

    expect(first).toEqual({ ...EVENT, outcome: 'accepted', position: 1 })
    expect(second).toEqual({ ...EVENT, outcome: 'duplicate', position: 1 })
  })

  test('shows a conflict as the node does', async () => {
    const world = new World()
    const result = { ...EVENT, outcome: 'duplicate', position: 7, conflict: true }
    const answer = { status: 'committed', count: 1, accepted: 0, duplicates: 1, results: [result] }
    world.script(A, () => json(200, answer))

    expect(await world.drive(world.client().publish(EVENT))).toEqual(result)
  })

  test('without an id is given one, and keeps it through every try', async () => {
    const world = new World()
    world.script(A, 'storesAndLosesConnection', 'hangs', 'answers')
    world.script(B, { code: 'no_leader' }, 'answers')

    const published = await world.drive(world.client().publish({ topic: 'orders' }))

    expect(published.event_id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-/)
    expect(world.asked.map(({ body }) => body)).toEqual(
      Array(4).fill(`{"events":[{"topic":"orders","event_id":"${published.event_id}"}]}`),
    )
    expect(world.stored.size).toBe(1)
  })
})

describe('which node is asked', () => {
  test('one, as long as it answers; drawn at random', async () => {
    for (const [random, url] of [
      [0, A],
      [0.99, B],
    ] as const) {
      const world = new World()
      const sekali = world.client({}, () => random)

      for (let number = 0; number < 5; number += 1) {
        await world.drive(sekali.publish(eventNumber(number)))
      }

      expect(new Set(world.asked.map((asked) => asked.url))).toEqual(new Set([url]))
    }
  })

  test.each<Behaviour>([
    'refusesConnection',
    'losesConnection',
    'hangs',
    'isNoNode',
    { code: 'no_leader' },
    { code: 'stopping' },
    { code: 'overloaded' },
  ])('another one after %j', async (behaviour) => {
    const world = new World()
    world.script(A, behaviour)

    const published = await world.drive(world.client().publish(EVENT))

    expect(published).toMatchObject({ outcome: 'accepted', position: 1 })
    expect(world.asked.map(({ url }) => url)).toEqual([A, B])
  })

  test('the others are learned from the first that answers', async () => {
    const world = new World()
    world.members = [
      { node_id: 'a', url: A },
      { node_id: 'b', url: B },
      { node_id: 'c', url: `${C}/` },
      { node_id: 'd', url: null },
      { node_id: 'e', url: 'file:///etc/passwd' },
    ]
    const sekali = world.client({ nodes: A })
    await world.drive(sekali.publish(EVENT))

    world.script(A, 'refusesConnection')
    world.script(B, 'refusesConnection')
    await world.drive(sekali.publish(eventNumber(2)))

    expect(sekali.nodes).toEqual([A, B, C])
    expect(world.asked.map(({ url }) => url)).toEqual([A, A, B, C])
  })
})

describe('Retry-After', () => {
  test('holds back from the node that said it, not from the others', async () => {
    const world = new World()
    world.script(A, { code: 'stopping', retryAfter: '2' })

    await world.drive(world.client().publish(EVENT))

    expect(world.asked.map(({ url, atMs }) => [url, atMs])).toEqual([
      [A, 0],
      [B, 0],
    ])
  })

  test('is waited for when every node said it, by later calls too', async () => {
    const world = new World()
    world.script(A, { code: 'overloaded', retryAfter: '2' }, 'answers')
    const sekali = world.client({ nodes: A })

    const first = sekali.publish(EVENT)
    await world.turns()
    const second = sekali.publish(eventNumber(2))
    await world.drive(Promise.all([first, second]))

    expect(world.asked.map(({ atMs }) => atMs)).toEqual([0, 2_000, 2_000])
  })

  test('beyond the deadline ends the call at once: no try would fit', async () => {
    const world = new World()
    world.script(A, { code: 'overloaded', retryAfter: '3600' })

    const error = await world.failure(world.client({ nodes: A }).publish(EVENT))

    expect(error).toMatchObject({ code: 'overloaded', retryable: true })
    expect(world.nowMs).toBe(0)
  })
})

describe('an outcome that is not known', () => {
  test.each<Behaviour>([
    'storesAndHangs',
    'storesAndLosesConnection',
    'storesAndSaysUnknown',
    'storesBehindProxyThatGivesUp',
  ])(
    'is asked for again after %s; a duplicate then may be our own first try',
    async (behaviour) => {
      const world = new World()
      world.script(A, behaviour)

      const published = await world.drive(world.client().publish(EVENT))

      expect(published).toEqual({ ...EVENT, outcome: 'duplicate', position: 1, maybeOwn: true })
      expect(world.stored.size).toBe(1)
    },
  )

  test('is no doubt after tries that certainly stored nothing', async () => {
    const world = new World()
    world.script(A, 'refusesConnection')
    world.script(B, { code: 'no_leader' }, 'answers')
    const sekali = world.client()
    world.store({ method: 'POST', path: '', body: JSON.stringify({ events: [EVENT] }) } as never)

    const published = await world.drive(sekali.publish(EVENT))

    expect(published).toEqual({ ...EVENT, outcome: 'duplicate', position: 1 })
  })

  test('ends as outcome_unknown, with the ids, and only when no try fits before the deadline', async () => {
    const world = new World()
    world.script(A, 'storesAndHangs')
    world.script(B, 'losesConnection')

    const error = await world.failure(world.client().publish({ topic: 'orders' }))

    expect(error).toBeInstanceOf(PublishError)
    expect(error).toMatchObject({ code: 'outcome_unknown', retryable: true, results: [null] })
    expect((error as PublishError).events).toEqual(world.published[0])
    expect(world.nowMs).toBe(DEADLINE_MS)
  })

  test('is not made certain by a later refusal', async () => {
    const world = new World()
    world.script(A, 'storesAndLosesConnection')
    world.script(B, { code: 'invalid_event', index: 0 })

    const error = await world.failure(world.client().publish(EVENT))

    expect(error).toMatchObject({
      code: 'outcome_unknown',
      cause: { cause: { code: 'invalid_event' } },
    })
  })

  test.each<[Behaviour, string]>([
    ['refusesConnection', 'unreachable'],
    [{ code: 'no_leader' }, 'no_leader'],
    [{ code: 'overloaded' }, 'overloaded'],
  ])('is none when every try was %j: %s', async (behaviour, code) => {
    const world = new World()
    world.script(A, behaviour)
    world.script(B, behaviour)

    const error = await world.failure(world.client({}, () => 0.5).publish(EVENT))

    expect(error).toMatchObject({ code, retryable: true })
    expect(world.stored.size).toBe(0)
  })
})

describe('answers that are not to be believed', () => {
  const foreign = { topic: 'orders', event_id: 'other', outcome: 'accepted', position: 1 }
  const committed = { status: 'committed', count: 1, accepted: 1, duplicates: 0 }

  test.each([
    ['the results of another request', { ...committed, results: [foreign] }],
    ['no results', { ...committed, results: [] }],
    ['queued', { status: 'queued' }],
    ['a position that is none', { ...committed, results: [{ ...foreign, ...EVENT, position: 0 }] }],
  ])('%s', async (_, body) => {
    const world = new World()
    world.script(A, () => json(200, body))

    await world.drive(world.client().publish(EVENT))

    expect(world.asked.map(({ url }) => url)).toEqual([A, B])
  })

  test('a code of a later version means what its status means', async () => {
    const detail = { detail: 'new', retryable: true, code: 'new_in_2' }
    const world = new World()
    world.script(
      A,
      () => json(503, detail),
      () => json(422, { ...detail, retryable: false }),
    )
    const sekali = world.client({ nodes: A })

    const error = await world.failure(sekali.publish(EVENT))

    expect(world.asked).toHaveLength(2)
    expect(error).toMatchObject({ code: 'outcome_unknown', cause: { cause: { status: 422 } } })
  })
})

describe('time', () => {
  test('a cluster that needs longer than the first try has is given more with each', async () => {
    const world = new World()
    world.script(A, 'storesAndHangs')
    const retries: Retry[] = []

    await world.failure(
      world.client({ nodes: A, onRetry: (retry) => retries.push(retry) }).publish(EVENT),
    )

    expect(world.asked.map(({ atMs }) => atMs)).toEqual([0, 3_000, 9_000, 21_000])
    expect(retries[0]).toEqual({ url: A, reason: 'no answer in time', open: true, pauseMs: 0 })
  })

  test('pauses grow, with full jitter', async () => {
    const world = new World()
    world.script(A, 'refusesConnection')

    await world.failure(world.client({ nodes: A, deadlineMs: 1_000 }, () => 0.5).publish(EVENT))

    expect(world.asked.map(({ atMs }) => atMs)).toEqual([0, 25, 75, 175, 375, 775])
  })

  test('the deadline of a call goes before that of the client, and nothing outlives it', async () => {
    const world = new World()
    world.script(A, 'hangs')
    const sekali = world.client({ nodes: A })

    const error = await world.failure(sekali.publish(EVENT, { deadlineMs: 100 }))

    expect(error).toMatchObject({ code: 'outcome_unknown' })
    expect(world.nowMs).toBe(100)
    expect(world.timers).toBe(0)
  })
})

describe('a signal', () => {
  const reason = new Error('enough')

  test.each<[string, Behaviour]>([
    ['during a try', 'hangs'],
    ['during a pause', { code: 'overloaded', retryAfter: '5' }],
  ])('%s ends the call with its reason', async (_, behaviour) => {
    for (const scope of ['call', 'client']) {
      const world = new World()
      world.script(A, behaviour)
      const { signal, abort } = aborting(reason)
      const sekali = world.client({ nodes: A, ...(scope === 'client' && { signal }) })

      const call = sekali.publish(EVENT, scope === 'call' ? { signal } : {})
      await world.turns()
      abort()

      expect(await world.failure(call)).toBe(reason)
      expect(world.nowMs).toBe(0)
      expect(world.timers).toBe(0)
    }
  })

  test('that lives on is not held by calls that have ended', async () => {
    const world = new World()
    world.script(A, 'hangs', { code: 'no_leader' }, 'answers')
    const { signal } = aborting(reason)

    await world.drive(world.client({ signal }).publish(EVENT, { signal }))

    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  test('given before ends the call before anything is sent', async () => {
    const world = new World()

    const error = await world.failure(
      world.client().publish(EVENT, { signal: AbortSignal.abort(reason) }),
    )

    expect(error).toBe(reason)
    expect(world.asked).toEqual([])
  })
})

test('PROPERTY: whatever nodes do, nothing is stored twice and every word is true', async () => {
  const behaviours: Behaviour[] = [
    'answers',
    'refusesConnection',
    'losesConnection',
    'hangs',
    'storesAndLosesConnection',
    'storesAndHangs',
    'storesAndSaysUnknown',
    'isNoNode',
    'storesBehindProxyThatGivesUp',
    { code: 'no_leader', retryAfter: '1' },
    { code: 'overloaded', retryAfter: '2' },
    { code: 'stopping' },
    { code: 'body_too_large' },
    { code: 'invalid_event', index: 0 },
  ]
  const script = fc.array(fc.constantFrom(...behaviours), { minLength: 1, maxLength: 8 })

  await fc.assert(
    fc.asyncProperty(
      script,
      script,
      fc.integer({ min: 1, max: 4 }),
      async (first, second, count) => {
        const world = new World()
        world.script(A, ...first)
        world.script(B, ...second)
        const sent = Array.from({ length: count }, (_, number) => eventNumber(number))

        const ended = await world
          .drive(world.client({}, () => 0.5).publish(sent))
          .catch((error: PublishError) => error)

        const storedAt = sent.map(({ topic, event_id }) => world.stored.get(`${topic} ${event_id}`))
        const results = ended instanceof PublishError ? ended.results : ended
        for (const [place, result] of results.entries()) {
          if (result !== null) expect(result.position).toBe(storedAt[place])
          else if ((ended as PublishError).code !== 'outcome_unknown')
            expect(storedAt[place]).toBe(undefined)
        }
        expect(world.timers).toBe(0)
      },
    ),
    { numRuns: 300 },
  )
})

function aborting(reason: Error): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController()
  return { signal: controller.signal, abort: () => controller.abort(reason) }
}
