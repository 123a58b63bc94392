// Those who follow, without a socket: what each is given, in which order, and what happens when it takes no more, the node
// lags, or its store is built again.

import { beforeEach, describe, expect, test } from 'vitest'
import { Followers, type Following, type Sink } from '../../../node/follow/followers.ts'
import { EVENT_STREAM } from '../../../node/follow/format.ts'
import { parseTopicPattern } from '../../../node/store/topic-pattern.ts'
import fc from '../../properties.ts'
import { startNode, type TestNode, turnsUntil } from '../harness.ts'

let node: TestNode

beforeEach(async () => {
  node = await startNode({ subscribersMax: 1_000 })
})

const publish = (count: number, topic = 'orders') => {
  const from = node.backend.events.stats().lastPosition
  return node.publish(
    Array.from({ length: count }, (_, place) => ({ topic, event_id: `${topic}-${from + place}` })),
  )
}

/** Keeps what it is given; takes everything unless told to be full. */
class Reader implements Sink {
  begins: number[] = []
  positions: number[] = []
  idles: (number | null)[] = []
  gifts = 0
  ended = false
  /** Says after each gift that it takes no more. */
  full = false
  readonly following: Following

  constructor(topic: string | null, after: number | null, followers = node.api.followers) {
    this.following = followers.follow({ topic, after, format: EVENT_STREAM }, this)
  }

  begin(position: number): void {
    this.begins.push(position)
  }

  take(events: Uint8Array, upTo: number): boolean {
    const given = positionsIn(events)
    expect(given.at(-1)).toBeLessThanOrEqual(upTo)
    this.positions.push(...given)
    this.gifts += 1
    return !this.full
  }

  idle(position: number | null): void {
    this.idles.push(position)
  }

  end(): void {
    this.ended = true
  }

  has(count: number): Promise<void> {
    return turnsUntil(() => this.positions.length >= count)
  }
}

function positionsIn(events: Uint8Array): number[] {
  const blocks = Buffer.from(events).toString().split('\n\n').slice(0, -1)
  return blocks.map((block) => {
    const [, id, json] = /^id: (\d+)\ndata: (\{.*\})$/.exec(block)!
    expect(JSON.parse(json!).position).toBe(Number(id))
    return Number(id)
  })
}

const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, place) => from + place)

const settled = () => turnsUntil(() => node.api.followers.countAtTail === node.api.followers.count)

/** Lets everything run that waits for nothing but its turn. */
const turns = async () => {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

describe('where one begins', () => {
  test('behind the position it names: what is stored, then what comes', async () => {
    await publish(5)
    const all = new Reader(null, 0)
    const some = new Reader(null, 3)
    await some.has(2)

    await publish(2)
    await all.has(7)
    await some.has(4)

    expect(all.positions).toEqual(range(1, 7))
    expect(some.positions).toEqual(range(4, 7))
    expect(all.begins).toEqual([])
  })

  test('without a position: where the node stands, which it is told', async () => {
    await publish(5)
    const reader = new Reader(null, null)
    await settled()

    await publish(2)
    await reader.has(2)

    expect(reader.begins).toEqual([5])
    expect(reader.positions).toEqual([6, 7])
  })

  test('ahead of this node: nothing is told until it has passed that position', async () => {
    await publish(2)
    const reader = new Reader(null, 4)

    await publish(1)
    await publish(1)
    await publish(2)
    await reader.has(2)

    expect(reader.positions).toEqual([5, 6])
  })

  test('ahead of a node while others stand at its tail', async () => {
    const first = new Reader(null, 0)
    const ahead = new Reader(null, 3)
    await publish(2)
    await first.has(2)

    await publish(2)
    await ahead.has(1)
    await publish(1)
    await ahead.has(2)

    expect(ahead.positions).toEqual([4, 5])
    expect(first.positions).toEqual(range(1, 5))
  })
})

describe('what one is given', () => {
  test('what its topic or pattern matches, and no other', async () => {
    const exact = new Reader('a.b', 0)
    const level = new Reader('a.*', 0)
    const tail = new Reader('a.**', null)
    const none = new Reader('z', 0)
    await settled()

    await node.publish(
      ['a', 'a.b', 'a/b', 'a.b.c', 'b'].map((topic) => ({ topic, event_id: 'same' })),
    )
    await tail.has(4)

    expect(exact.positions).toEqual([2])
    expect(level.positions).toEqual([2, 3])
    expect(tail.positions).toEqual([1, 2, 3, 4])
    expect(none.positions).toEqual([])
  })

  test('duplicates are not told again', async () => {
    const reader = new Reader(null, 0)
    await node.publish({ topic: 'a', event_id: '1' })
    await node.publish({ topic: 'a', event_id: '1' })
    await node.publish({ topic: 'a', event_id: '2' })
    await reader.has(2)

    expect(reader.positions).toEqual([1, 2])
  })

  test('a topic that nobody has seen before finds its way, too', async () => {
    const reader = new Reader('**', 0)
    for (const topic of ['x', 'y', 'x', 'z']) await publish(1, topic)
    await reader.has(4)

    const late = new Reader('y', 0)
    await late.has(1)

    expect(late.positions).toEqual([2])
  })

  test('random filters, readers that stop and go on, batches of any size: each has exactly what matches', async () => {
    const patterns = [null, 'a', 'b', 'a.*', 'a.**', '*', '**', 'a.b', '>', 'never.seen']
    const topics = ['a', 'b', 'a.b', 'a.c', 'a.b.c', '/a']
    const step = fc.oneof(
      fc.record({
        type: fc.constant('publish' as const),
        topics: fc.array(fc.nat(5), { minLength: 1, maxLength: 40 }),
      }),
      fc.record({
        type: fc.constant('follow' as const),
        pattern: fc.nat(9),
        after: fc.option(fc.nat(30)),
      }),
      fc.record({ type: fc.constant('fill' as const), who: fc.nat() }),
      fc.record({ type: fc.constant('resume' as const), who: fc.nat() }),
      fc.record({ type: fc.constant('turn' as const) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
        node = await startNode({ subscribersMax: 1_000 })
        const published: string[] = []
        const readers: { reader: Reader; pattern: string | null; after: number | null }[] = []
        for (const one of steps) {
          if (one.type === 'publish') {
            const chosen = one.topics.map((topic) => topics[topic]!)
            const first = published.length
            const batch = chosen.map((topic, place) => ({ topic, event_id: `${first + place}` }))
            published.push(...chosen)
            await node.publish(batch)
          } else if (one.type === 'follow') {
            const pattern = patterns[one.pattern]!
            readers.push({ reader: new Reader(pattern, one.after), pattern, after: one.after })
          } else if (one.type === 'turn') {
            await new Promise((resolve) => setImmediate(resolve))
          } else if (readers.length > 0) {
            const { reader } = readers[one.who % readers.length]!
            reader.full = one.type === 'fill'
            if (one.type === 'resume') reader.following.resume()
          }
        }
        for (const { reader } of readers) {
          reader.full = false
          reader.following.resume()
        }
        await turns()

        for (const { reader, pattern, after } of readers) {
          const matches = pattern === null ? () => true : parseTopicPattern(pattern).matches
          const from = after ?? reader.begins[0]!
          const expected = published.flatMap((topic, place) =>
            place + 1 > from && matches(topic) ? [place + 1] : [],
          )
          expect(reader.positions).toEqual(expected)
        }
        await node.stop()
      }),
      { numRuns: 60 },
    )
  })
})

describe('many at the tail', () => {
  test('the store is read once for all of them', async () => {
    const { events } = node.backend
    let blocks = 0
    let pages = 0
    const { block, page } = events
    events.block = (...wanted) => {
      blocks += 1
      return block.apply(events, wanted)
    }
    events.page = (query) => {
      pages += 1
      return page.call(events, query)
    }
    const readers = range(1, 300).map((number) => new Reader(number % 2 === 0 ? null : 'a.*', null))
    await settled()

    await publish(50, 'a.b')
    await Promise.all(readers.map((reader) => reader.has(50)))

    expect(blocks).toBe(1)
    expect(pages).toBe(0)
    for (const reader of readers) expect(reader.positions).toEqual(range(1, 50))
  })

  test('what arrives is gathered for a while, so that each is given more at once', async () => {
    const readers = range(1, 500).map(() => new Reader(null, null))
    await settled()
    await publish(1)
    await Promise.all(readers.map((reader) => reader.has(1)))
    await turns()

    for (let batch = 0; batch < 20; batch += 1) await publish(1)
    expect(readers[0]!.gifts).toBe(1)
    node.clock.advance(50)
    await readers[0]!.has(21)

    expect(readers[0]!.gifts).toBe(2)
  })

  test('publishes are answered while all are still being given what came before', async () => {
    const readers = range(1, 900).map(() => new Reader(null, null))
    await settled()
    await publish(1)
    await readers[0]!.has(1)
    expect(readers.at(-1)!.positions).toEqual([])

    await publish(1)

    expect(readers.at(-1)!.positions).toEqual([])
    for (let beat = 0; beat < 3; beat += 1) {
      node.clock.advance(15_000)
      await turns()
    }
    await Promise.all(readers.map((reader) => reader.has(2)))
    for (const reader of readers) expect(reader.positions).toEqual([1, 2])
  })

  test('one that takes no more is given nothing, holds up nobody, and has all of it later', async () => {
    const slow = new Reader(null, 0)
    const quick = new Reader(null, 0)
    slow.full = true
    await publish(3)
    await quick.has(3)
    const gifts = slow.gifts

    for (let batch = 0; batch < 30; batch += 1) await publish(100)
    await quick.has(3_003)
    expect(slow.gifts).toBe(gifts)

    slow.full = false
    slow.following.resume()
    await slow.has(3_003)
    expect(slow.positions).toEqual(range(1, 3_003))
    await settled()
  })

  test('one that is behind is given a page at a time, each only when it has taken the last', async () => {
    for (let batch = 0; batch < 10; batch += 1) await publish(500)
    const reader = new Reader(null, 0)
    reader.full = true
    await reader.has(1)

    let gifts = 1
    while (reader.positions.length < 5_000) {
      expect(reader.gifts).toBe(gifts)
      gifts += 1
      reader.following.resume()
      await turnsUntil(() => reader.gifts === gifts)
    }

    expect(gifts).toBeGreaterThan(4)
    expect(reader.positions).toEqual(range(1, 5_000))
  })

  test('a block that is too large to be given at once comes in parts', async () => {
    const reader = new Reader(null, 0)
    await settled()
    const payload = { text: 'x'.repeat(100_000) }
    await node.publish(range(1, 20).map((id) => ({ topic: 'big', event_id: `${id}`, payload })))
    await reader.has(20)

    expect(reader.positions).toEqual(range(1, 20))
    expect(reader.gifts).toBeGreaterThan(2)
  })
})

describe('a store that is built again', () => {
  const rebuild = async (upTo: number): Promise<void> => {
    const { events } = node.backend
    await events.empty()
    await events.apply(node.sequencer.entries.slice(0, upTo))
  }

  test('everybody waits, then goes on where it was', async () => {
    const tail = new Reader(null, 0)
    await publish(3)
    await publish(3)
    await tail.has(6)

    node.backend.reasons = ['rebuilding']
    const asked = new Reader(null, 2)
    const fresh = new Reader(null, null)
    await rebuild(1)
    node.clock.advance(1_000)
    await new Promise((resolve) => setImmediate(resolve))
    expect([asked.positions, fresh.begins]).toEqual([[], []])

    await node.backend.events.apply(node.sequencer.entries.slice(1))
    node.backend.reasons = []
    node.clock.advance(1)
    await settled()
    await publish(1)
    await fresh.has(1)

    expect(tail.positions).toEqual(range(1, 7))
    expect(asked.positions).toEqual(range(3, 7))
    expect(fresh.begins).toEqual([6])
    expect(fresh.positions).toEqual([7])
  })

  test('a page that was asked for when the store was emptied skips nothing', async () => {
    for (let batch = 0; batch < 5; batch += 1) await publish(1)
    const { events } = node.backend
    const { page } = events
    const gate = Promise.withResolvers<void>()
    let asked = false
    events.page = async (query) => {
      asked = true
      await gate.promise
      return page.call(events, query)
    }
    const reader = new Reader(null, 0)
    await turnsUntil(() => asked)
    events.page = page

    node.backend.reasons = ['rebuilding']
    await rebuild(2)
    gate.resolve()
    await turns()
    await events.apply(node.sequencer.entries.slice(2))
    node.backend.reasons = []
    node.clock.advance(1_000)
    await reader.has(5)

    expect(reader.positions).toEqual(range(1, 5))
  })
})

describe('when nothing comes', () => {
  test('a sign of life every 15 s, with the position up to which all was given', async () => {
    await publish(3)
    const reader = new Reader('other', 0)
    const ahead = new Reader(null, 9)
    await turnsUntil(() => node.api.followers.countAtTail === 1)

    node.clock.advance(14_000)
    expect(reader.idles).toEqual([])
    node.clock.advance(1_000)
    expect(reader.idles).toEqual([3])
    expect(ahead.idles).toEqual([9])
    node.clock.advance(15_000)
    expect(reader.idles).toEqual([3, 3])
  })

  test('none to whoever was given something, or takes nothing', async () => {
    const busy = new Reader(null, 0)
    const full = new Reader(null, 0)
    full.full = true
    node.clock.advance(10_000)
    await publish(1)
    await busy.has(1)

    node.clock.advance(10_000)
    expect(busy.idles).toEqual([])
    node.clock.advance(5_000)
    expect(busy.idles).toEqual([1])
    expect(full.idles).toEqual([])
  })
})

describe('the end', () => {
  test('all streams end when the node stops, and who comes later is ended at once', async () => {
    const reader = new Reader(null, 0)
    await settled()

    node.api.followers.close()
    const late = new Reader(null, 0)
    await turnsUntil(() => late.ended)

    expect(reader.ended).toBe(true)
    expect(node.api.followers.count).toBe(0)
  })

  test('who has closed is given nothing more, and leaves its place', async () => {
    const limited = new Followers({
      backend: node.backend,
      monotonicMs: node.clock.monotonicMs,
      schedule: setImmediate,
      followersMax: 1,
      log: node.api.log,
    })
    const reader = new Reader(null, 0, limited)
    expect(() => new Reader(null, 0, limited)).toThrow('as many follow this node')

    reader.following.close()
    reader.following.close()
    const next = new Reader(null, 0, limited)
    await publish(1)
    await next.has(1)

    expect(reader.positions).toEqual([])
  })

  test('a store that cannot be read ends the streams that need it, and says so', async () => {
    const { events } = node.backend
    const tail = new Reader(null, 0)
    await settled()
    events.block = () => Promise.reject(new Error('no such block'))

    await publish(1)
    await turnsUntil(() => tail.ended)

    expect(node.faults.join()).toContain('no such block')
  })
})
