// The publisher against nodes that answer as each test says, with a clock that only moves when somebody sleeps.

import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { Answer } from '../../cluster/http.ts'
import { LatencyHistogram } from '../../cluster/publish/latency.ts'
import type { OutgoingEvent, SourceItem } from '../../cluster/publish/outgoing.ts'
import { bar, finalTable, progressLine } from '../../cluster/publish/progress.ts'
import { Publisher, type PublisherOptions, type Tally } from '../../cluster/publish/publisher.ts'
import { syntheticEvents } from '../../cluster/publish/synthetic.ts'

interface Sent {
  readonly node: number
  readonly ids: readonly string[]
  readonly atMs: number
}

/** What a node does with a request: an answer, or an error for none. */
type Behaviour = (sent: Sent) => Answer | Error

const OPTIONS: PublisherOptions = {
  nodeCount: 3,
  batchEventsMax: 2,
  concurrency: 1,
  rate: null,
  deadlineMs: 10_000,
}

function event(id: string): OutgoingEvent {
  const json = JSON.stringify({ topic: 't', event_id: id })
  return { type: 'event', topic: 't', eventId: id, json, place: `event ${id}` }
}

const events = (...ids: string[]): OutgoingEvent[] => ids.map(event)

function answer(status: number, body: unknown, retryAfter: string | null = null): Answer {
  return { status, body, node: 'n1', position: null, retryAfter }
}

/** A store that three nodes share. */
function storing(): Behaviour {
  const positions = new Map<string, number>()
  return ({ ids }) => {
    const results = ids.map((id) => {
      const known = positions.get(id)
      if (known === undefined) positions.set(id, positions.size + 1)
      const outcome = known === undefined ? 'accepted' : 'duplicate'
      return { topic: 't', event_id: id, outcome, position: positions.get(id)! }
    })
    const accepted = results.filter(({ outcome }) => outcome === 'accepted').length
    const duplicates = ids.length - accepted
    return answer(200, { status: 'committed', count: ids.length, accepted, duplicates, results })
  }
}

const unavailable = () => answer(503, { code: 'no_leader', detail: 'none' })

async function run(
  items: readonly SourceItem[],
  behaviour: Behaviour,
  options: Partial<PublisherOptions> = {},
): Promise<{ tally: Tally; sent: Sent[]; told: string[]; slept: number[] }> {
  let nowMs = 0
  const sent: Sent[] = []
  const slept: number[] = []
  const told: string[] = []
  const publisher = new Publisher(
    {
      async send(node, body) {
        const parsed = JSON.parse(body) as { events: { event_id: string }[] }
        const one = { node, ids: parsed.events.map(({ event_id }) => event_id), atMs: nowMs }
        sent.push(one)
        const result = behaviour(one)
        if (result instanceof Error) throw result
        return result
      },
      now: () => nowMs,
      wallClock: () => 1_000_000,
      random: () => 0.5,
      async sleep(ms) {
        slept.push(ms)
        nowMs += ms
      },
      calling: (batch) => told.push(`call ${batch.map(({ eventId }) => eventId).join('')}`),
      returned: (call, _, got) => void told.push(`return ${call}: ${got?.status ?? 'nothing'}`),
    },
    { ...OPTIONS, ...options },
  )
  async function* source(): AsyncGenerator<SourceItem> {
    yield* items
  }
  return { tally: await publisher.run(source()), sent, told, slept }
}

describe('batches', () => {
  test('are filled in order, go round the nodes, and the last one may be short', async () => {
    const { sent, tally } = await run(events('a', 'b', 'c', 'd', 'e'), storing())

    expect(sent.map(({ node, ids }) => [node, ids.join('')])).toEqual([
      [0, 'ab'],
      [1, 'cd'],
      [2, 'e'],
    ])
    expect(tally).toMatchObject({ sent: 5, accepted: 5, duplicates: 0, retries: 0, errors: 0 })
  })

  test('leave early when the source pauses', async () => {
    const { sent } = await run([event('a'), { type: 'pause' }, event('b')], storing())

    expect(sent.map(({ ids }) => ids)).toEqual([['a'], ['b']])
  })

  test('stay below a number of bytes', async () => {
    const large = (id: string) => ({ ...event(id), json: `${event(id).json}${' '.repeat(3e6)}` })

    const { sent } = await run([large('a'), large('b')], storing(), { batchEventsMax: 100 })

    expect(sent.map(({ ids }) => ids)).toEqual([['a'], ['b']])
  })

  test('leave no faster than the rate', async () => {
    const { sent } = await run(events('a', 'b', 'c', 'd', 'e', 'f'), storing(), { rate: 4 })

    expect(sent.map(({ atMs }) => atMs)).toEqual([0, 500, 1_000])
  })

  test('are under way together only as many as allowed', async () => {
    let underWay = 0
    let most = 0
    const publisher = new Publisher(
      {
        async send(_, body) {
          underWay += 1
          most = Math.max(most, underWay)
          await setImmediate()
          underWay -= 1
          const parsed = JSON.parse(body) as { events: { event_id: string }[] }
          const ids = parsed.events.map(({ event_id }) => event_id)
          return storing()({ node: 0, ids, atMs: 0 }) as Answer
        },
        now: () => 0,
        wallClock: () => 0,
        random: () => 0,
        sleep: async () => {},
        calling: () => 0,
        returned: () => {},
      },
      { ...OPTIONS, concurrency: 3, batchEventsMax: 1 },
    )
    async function* source(): AsyncGenerator<SourceItem> {
      yield* events(...'abcdefghij')
    }

    const tally = await publisher.run(source())

    expect(tally.accepted).toBe(10)
    expect(most).toBe(3)
  })
})

describe('a batch that was not taken', () => {
  test('goes to the next node with the same ids until one takes it', async () => {
    const store = storing()
    const failures = [new Error('lost'), unavailable(), answer(429, '')]

    const { sent, tally, slept } = await run(
      events('a', 'b'),
      (request) => failures.shift() ?? store(request),
    )

    expect(sent.map(({ node }) => node)).toEqual([0, 1, 2, 0])
    expect(new Set(sent.map(({ ids }) => ids.join()))).toEqual(new Set(['a,b']))
    expect(tally).toMatchObject({ accepted: 2, retries: 3, errors: 0 })
    expect(slept).toEqual([25, 50, 100])
  })

  test('whose answer was lost counts once: the retry is told it is a duplicate', async () => {
    const store = storing()
    let lost = false

    const { tally } = await run(events('a'), (request) => {
      const stored = store(request)
      if (lost) return stored
      lost = true
      return new Error('connection lost')
    })

    expect(tally).toMatchObject({ sent: 1, accepted: 0, duplicates: 1, retries: 1, errors: 0 })
  })

  test('waits as long as the node asked for', async () => {
    const store = storing()
    const answers = [answer(503, { code: 'no_leader' }, '3')]

    const { slept } = await run(events('a'), (request) => answers.shift() ?? store(request))

    expect(slept).toEqual([3_025])
  })

  test('is given up at its deadline, and every event of it is an error', async () => {
    const { tally, sent } = await run(events('a', 'b'), unavailable, { deadlineMs: 1_000 })

    expect(tally).toMatchObject({ accepted: 0, errors: 2 })
    expect(tally.failures[0]).toEqual({
      place: 'event a',
      reason: expect.stringMatching(/^given up after \d+ tries, last: 503: no_leader, none$/),
    })
    expect(sent.at(-1)!.atMs).toBeLessThan(1_000)
  })
})

describe('a batch that was refused', () => {
  const refusing =
    (bad: string, naming: boolean): Behaviour =>
    (request) => {
      const index = request.ids.indexOf(bad)
      if (index === -1) return store(request)
      return answer(422, { code: 'invalid_event', detail: 'no', ...(naming ? { index } : {}) })
    }
  let store = storing()

  test.each([true, false])('goes again without the event to blame (named: %s)', async (naming) => {
    store = storing()

    const { tally } = await run(events('a', 'b', 'bad', 'c', 'd'), refusing('bad', naming), {
      batchEventsMax: 5,
    })

    expect(tally).toMatchObject({ accepted: 4, duplicates: 0, errors: 1 })
    expect(tally.failures).toEqual([{ place: 'event bad', reason: '422: invalid_event, no' }])
  })

  test('for something that is not in the events is not tried in parts', async () => {
    const { tally, sent } = await run(events('a', 'b'), () => answer(404, ''))

    expect(sent).toHaveLength(1)
    expect(tally.errors).toBe(2)
  })
})

test('an answer about other events is an error, never an acknowledgement', async () => {
  const { tally } = await run(events('a'), () =>
    (storing() as (sent: Sent) => Answer)({ node: 0, ids: ['other'], atMs: 0 }),
  )

  expect(tally).toMatchObject({ accepted: 0, errors: 1 })
})

test('bad input is counted and named, and the rest goes on', async () => {
  const { tally } = await run(
    [event('a'), { type: 'bad', place: 'line 7', reason: 'is not JSON' }, event('b')],
    storing(),
  )

  expect(tally).toMatchObject({ sent: 2, accepted: 2, errors: 1 })
  expect(tally.failures).toEqual([{ place: 'line 7', reason: 'is not JSON' }])
})

test('a ledger that cannot be written ends the run', async () => {
  async function* source(): AsyncGenerator<SourceItem> {
    yield* events('a', 'b', 'c')
  }
  const publisher = new Publisher(
    {
      send: async () => storing()({ node: 0, ids: ['a', 'b'], atMs: 0 }) as Answer,
      now: () => 0,
      wallClock: () => 0,
      random: () => 0,
      sleep: async () => {},
      calling() {
        throw new Error('disk full')
      },
      returned() {},
    },
    OPTIONS,
  )

  await expect(publisher.run(source())).rejects.toThrow('disk full')
})

test('each try is told before it is sent, and what it came to before the next', async () => {
  const behaviours: Behaviour[] = [() => new Error('lost'), unavailable, storing()]

  const { told } = await run(events('a', 'b'), (sent) => behaviours.shift()!(sent))

  expect(told).toEqual([
    'call ab',
    'return 1: nothing',
    'call ab',
    'return 3: 503',
    'call ab',
    'return 5: 200',
  ])
})

describe('made-up events', () => {
  const OPTIONS = {
    events: 2_000,
    duplicateShare: 0.3,
    topics: ['a', 'b'],
    sources: 3,
    seed: 7,
    wallClock: () => 0,
  }

  async function idsOf(options: Partial<typeof OPTIONS> = {}): Promise<string[]> {
    const ids: string[] = []
    for await (const item of syntheticEvents({ ...OPTIONS, ...options })) {
      if (item.type === 'event') ids.push(item.eventId)
    }
    return ids
  }

  test('are the same for the same seed, and others for another', async () => {
    const ids = await idsOf()

    expect(ids).toHaveLength(2_000)
    expect(await idsOf()).toEqual(ids)
    expect((await idsOf({ seed: 8 })).filter((id) => ids.includes(id))).toEqual([])
  })

  test('hold about the wanted share of re-sent ones', async () => {
    const share = 1 - new Set(await idsOf()).size / 2_000

    expect(share).toBeGreaterThan(0.27)
    expect(share).toBeLessThan(0.33)
    expect(new Set(await idsOf({ duplicateShare: 0 })).size).toBe(2_000)
  })
})

describe('figures', () => {
  test('percentiles are right to within 2 %, and never above the largest value', () => {
    const latency = new LatencyHistogram()
    for (let ms = 1; ms <= 1_000; ms += 1) latency.add(ms)

    for (const share of [0.5, 0.95, 0.99]) {
      expect(latency.percentileMs(share) / (1_000 * share)).toBeGreaterThanOrEqual(1)
      expect(latency.percentileMs(share) / (1_000 * share)).toBeLessThan(1.021)
    }
    expect(latency.percentileMs(1)).toBe(1_000)
    expect(new LatencyHistogram().percentileMs(0.5)).toBe(0)
  })

  test('the bar fills from left to right and never overflows', () => {
    expect(bar(0)).toBe(`[${'·'.repeat(24)}]`)
    expect(bar(0.5)).toBe(`[${'█'.repeat(12)}${'·'.repeat(12)}]`)
    expect(bar(1.5)).toBe(`[${'█'.repeat(24)}]`)
  })

  test('progress tells what is settled, how fast, and how long it will take', async () => {
    const { tally } = await run(events('a', 'b', 'a'), storing())

    expect(progressLine({ tally, elapsedMs: 500, total: 30, share: null })).toBe(
      '3 / 30 · 6/s · 4.5 s left',
    )
    expect(progressLine({ tally, elapsedMs: 0, total: null, share: null })).toBe('3 · 0/s')
  })

  test('the final table adds up', async () => {
    const { tally } = await run(events('a', 'b', 'a'), storing())

    const rows = finalTable({ tally, elapsedMs: 1_500 }).split('\n')

    expect(rows.map((row) => row.split(/ {2,}/))).toEqual(
      expect.arrayContaining([
        ['sent', '3'],
        ['accepted', '2'],
        ['duplicates', '1 (33.3 %)'],
        ['errors', '0'],
        ['time', '1.5 s'],
        ['events/s', '2'],
      ]),
    )
  })
})
