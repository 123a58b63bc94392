// The SDK over real nodes: the edge, the routes and the state machine, in this process, in one order that can lose its
// leader or stall. Time stands still until a test lets it pass.

import { describe, expect, test } from 'vitest'
import type { Sekali, SekaliOptions } from '../../../client/sekali.ts'
import { Sekali as SekaliClient } from '../../../client/sekali.ts'
import { PUBLISH_DEADLINE_MS, startNodes, type TestNode, turnsUntil } from '../../node/harness.ts'
import { eventNumber, events, World } from './world.ts'

interface Cluster {
  readonly nodes: readonly TestNode[]
  readonly world: World
  /** These ids do not answer: connections to them are refused. */
  readonly down: Set<string>
  client(options?: Partial<SekaliOptions>): Sekali
}

async function start(): Promise<Cluster> {
  const nodes = await startNodes(3)
  const world = new World()
  const down = new Set<string>()
  // One time for both sides.
  world.clock.onAdvance(() => {
    const { clock } = nodes[0]!
    clock.advance(world.nowMs - clock.monotonicMs())
  })
  const client = (options: Partial<SekaliOptions> = {}): Sekali =>
    new SekaliClient(
      { nodes: nodes.map(({ backend }) => urlOf(backend.id)), ...options },
      {
        ...world.ports(() => 0.1),
        transport: {
          request: async (url, { method, path, body, signal }) => {
            const node = nodes.find(({ backend }) => urlOf(backend.id) === url)
            if (node === undefined || down.has(node.backend.id)) {
              throw Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
            }
            const headers = body === null ? {} : { 'content-type': 'application/json' }
            const cut = new Promise<never>((_, reject) => {
              signal.addEventListener('abort', () => reject(signal.reason), { once: true })
            })
            const reply = await Promise.race([node.request(path, { method, body, headers }), cut])
            if (down.has(node.backend.id)) {
              throw Object.assign(new Error('reset'), { code: 'ECONNRESET' })
            }
            const { status, text } = reply
            return { status, text, header: (name) => reply.headers.get(name) }
          },
          open: world.open,
          close: async () => {},
        },
      },
    )
  return { nodes, world, down, client }
}

const urlOf = (id: string): string => `http://${id}.test:8001`

const all = async <Item>(items: AsyncIterable<Item>): Promise<Item[]> => {
  const list: Item[] = []
  for await (const item of items) list.push(item)
  return list
}

describe('publishing', () => {
  test('is read back at once, from whichever node the client moved to', async () => {
    const { client, down, world } = await start()
    const sekali = client()
    await sekali.publish({ ...eventNumber(1), payload: { total: 42 } })
    down.add('n1')

    const event = await world.drive(sekali.get('orders', 'o-1'))

    expect(event).toMatchObject({ ...eventNumber(1), position: 1, payload: { total: 42 } })
    expect((await sekali.stats()).node_id).toBe('n2')
  })

  test('a client that moved to a node that lags waits rather than see the past', async () => {
    const { client, nodes, down, world } = await start()
    const sekali = client()
    nodes[1]!.backend.pauseApply()
    await sekali.publish(eventNumber(1))
    down.add('n1')

    const seen = sekali.seen([eventNumber(1)])
    await world.turns()
    while (nodes[1]!.backend.readersWaiting === 0 && world.advanceToNext()) await world.turns()
    nodes[1]!.backend.resumeApply()

    expect(await world.drive(seen)).toEqual([{ ...eventNumber(1), position: 1 }])
  })

  test('a conflict is told with the position of the first copy', async () => {
    const { client } = await start()
    const sekali = client()
    await sekali.publish(eventNumber(1))

    const published = await sekali.publish({ ...eventNumber(1), payload: { other: true } })

    expect(published).toEqual({
      ...eventNumber(1),
      outcome: 'duplicate',
      position: 1,
      conflict: true,
    })
  })

  test('waits out an election: a pause, and no error', async () => {
    const { client, nodes, world } = await start()
    const { sequencer } = nodes[0]!
    sequencer.loseLeader()

    const published = client().publish(events(3))
    await turnsUntil(() => sequencer.pending === 1)
    world.clock.advance(2_000)
    sequencer.heal('n2')

    expect((await published).map(({ outcome }) => outcome)).toEqual(Array(3).fill('accepted'))
  })

  test('no leader until the deadline: not known, since the last try was cut short, and not stored', async () => {
    const { client, nodes, world } = await start()
    const { sequencer } = nodes[0]!
    sequencer.loseLeader()

    const error = await world.failure(client().publish(eventNumber(1)))

    expect(error).toMatchObject({ code: 'outcome_unknown', retryable: true })
    expect(world.nowMs).toBeLessThanOrEqual(30_000)
    expect(sequencer.entries).toEqual([])
  })

  test('no node that can find a leader in time: no_leader, certainly not stored', async () => {
    const { client, nodes, world } = await start()
    const { sequencer } = nodes[0]!
    sequencer.loseLeader()
    const deadlineMs = PUBLISH_DEADLINE_MS + 1

    const published = client({ deadlineMs, tryMs: deadlineMs }).publish(eventNumber(1))
    await turnsUntil(() => sequencer.pending === 1)
    world.clock.advance(PUBLISH_DEADLINE_MS)

    expect(await world.failure(published)).toMatchObject({ code: 'no_leader', retryable: true })
  })

  test('a stalled cluster: repeated with the same ids until it is known, and stored once', async () => {
    const { client, nodes, world } = await start()
    const { sequencer } = nodes[0]!
    sequencer.stall()

    const published = client().publish(events(10))
    await turnsUntil(() => sequencer.entries.length === 1)
    world.clock.advance(3_000) // which the first try has
    await world.turns()
    world.advanceToNext() // the pause
    await turnsUntil(() => sequencer.entries.length === 2)
    sequencer.heal()
    const results = await world.drive(published)

    expect(results.every(({ outcome, maybeOwn }) => outcome === 'duplicate' && maybeOwn)).toBe(true)
    const stats = await client().stats()
    expect([stats.unique_processed, stats.received]).toEqual([10, 20])
  })

  test('a node that dies after storing: found again elsewhere', async () => {
    const { client, nodes, down, world } = await start()
    const { sequencer } = nodes[0]!
    sequencer.stall()

    const published = client().publish(eventNumber(1))
    await turnsUntil(() => sequencer.entries.length === 1)
    down.add('n1')
    sequencer.heal('n2')

    expect(await world.drive(published)).toMatchObject({
      outcome: 'duplicate',
      maybeOwn: true,
      position: 1,
    })
  })
})

describe('reading', () => {
  test('events come page by page, forwards and backwards, as one sequence', async () => {
    const { client } = await start()
    const sekali = client()
    await sekali.publish(events(250))

    const forwards = await all(sekali.events({ pageSize: 100 }))
    const backwards = await all(sekali.events({ order: 'desc', pageSize: 7 }))
    const pages = await all(sekali.eventsPages({ pageSize: 100, after: 50 }))

    expect(forwards.map(({ event_id }) => event_id)).toEqual(
      events(250).map(({ event_id }) => event_id),
    )
    expect(backwards).toEqual(forwards.toReversed())
    expect(pages.map((page) => page.events.length)).toEqual([100, 100])
    expect(pages[0]!.events[0]!.position).toBe(51)
  })

  test('a page may be taken up elsewhere by its cursor, and a reader may stop at any event', async () => {
    const { client } = await start()
    await client().publish(events(30))

    const [page] = await all(client().eventsPages({ pageSize: 10 }))
    const rest: number[] = []
    for await (const { position } of client().events({ after: page!.next! })) {
      rest.push(position)
      if (position === 15) break
    }

    expect(rest).toEqual([11, 12, 13, 14, 15])
  })

  test('a node that goes away between two pages is not noticed', async () => {
    const { client, down, world } = await start()
    const sekali = client()
    await sekali.publish(events(30))
    const read = all(
      (async function* () {
        for await (const page of sekali.eventsPages({ pageSize: 10 })) {
          down.add('n1')
          yield* page.events
        }
      })(),
    )

    expect(await world.drive(read)).toHaveLength(30)
  })

  test('filters are passed on', async () => {
    const { client } = await start()
    const sekali = client()
    await sekali.publish([
      { topic: 'a.b', event_id: '1', source: 's 1&', timestamp: '2026-01-01T00:00:00Z' },
      { topic: 'a/c', event_id: '2', source: 's 1&', timestamp: '2026-01-02T00:00:00+01:00' },
      { topic: 'd', event_id: '3', timestamp: '2026-01-03T00:00:00Z' },
    ])
    const ids = async (query: Parameters<Sekali['events']>[0]): Promise<string[]> =>
      (await all(sekali.events(query))).map(({ event_id }) => event_id)

    expect(await ids({ topic: 'a.*' })).toEqual(['1', '2'])
    expect(await ids({ source: 's 1&' })).toEqual(['1', '2'])
    expect(await ids({ since: '2026-01-01T23:00:00Z', until: '2026-01-02T12:00:00Z' })).toEqual([
      '2',
    ])
    expect(await ids({ consistency: 'linearizable', minPosition: 3, after: 2 })).toEqual(['3'])
  })

  test.each(['..', '.', 'a/b?c#d%2F', '+ +', 'é 🦉'])(
    'an event with the id %j is found',
    async (id) => {
      const { client } = await start()
      const sekali = client()
      await sekali.publish({ topic: '/prod/billing', event_id: id })

      expect(await sekali.get('/prod/billing', id)).toMatchObject({ event_id: id, position: 1 })
      expect(await sekali.get('/prod/billing', 'other')).toBe(null)
    },
  )

  test('seen answers for more ids than one request takes, in order', async () => {
    const { client } = await start()
    const sekali = client()
    await sekali.publish(events(3))
    const ids = events(10_500).toReversed()

    const seen = await sekali.seen(ids)

    expect(seen.map(({ event_id }) => event_id)).toEqual(ids.map(({ event_id }) => event_id))
    expect(seen.map(({ position }) => position).filter((position) => position !== null)).toEqual([
      3, 2, 1,
    ])
  })

  test('topics, stats and cluster, of any node or of one', async () => {
    const { client } = await start()
    const sekali = client()
    await sekali.publish([{ topic: 'b' }, { topic: 'a' }, { topic: 'b' }])

    expect(await all(sekali.topics())).toEqual([
      { topic: 'a', events: 1, last_position: 2 },
      { topic: 'b', events: 2, last_position: 3 },
    ])
    expect((await sekali.stats()).node_id).toBe('n1')
    expect((await sekali.stats(urlOf('n3'))).node_id).toBe('n3')
    expect((await sekali.stats('n3')).node_id).toBe('n3')
    expect((await sekali.cluster()).members).toHaveLength(3)
  })

  test('a refused query is an error at once', async () => {
    const { client, world } = await start()

    await expect(client().events({ topic: 'a.**.b' }).next()).rejects.toMatchObject({
      code: 'bad_parameter',
      retryable: false,
    })
    expect(world.nowMs).toBe(0)
  })

  test('a node that is asked for by name and is down is waited for, and no other is asked', async () => {
    const { client, down, world } = await start()
    down.add('n2')

    const error = await world.failure(client().stats(urlOf('n2')))

    expect(error).toMatchObject({ code: 'unreachable' })
  })
})
