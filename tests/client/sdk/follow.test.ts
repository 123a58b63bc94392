// Following with the SDK: all events once, in order, whatever becomes of the nodes on the way.

import { beforeEach, describe, expect, test } from 'vitest'
import type { Retry } from '../../../client/sdk/caller.ts'
import type { HttpStream } from '../../../client/sdk/transport.ts'
import type { Sekali, SekaliOptions } from '../../../client/sekali.ts'
import fc from '../../properties.ts'
import { A, B, C, problem, World } from './world.ts'

type Refusal = Parameters<typeof problem>[0]

let world: World
let nodes: Nodes

beforeEach(() => {
  world = new World()
  nodes = new Nodes(world)
})

/** Three nodes that hold the same events, each as far as it got, and send them to whoever asks. */
class Nodes {
  readonly asked: { url: string; after: string | null; atMs: number }[] = []
  readonly down = new Set<string>()
  readonly refusals = new Map<string, Refusal>()
  readonly open = new Set<Wire>()
  /** How far each got; absent: as far as all. */
  readonly behind = new Map<string, number>()
  last = 0

  constructor(world: World) {
    world.open = async (url, { path, signal }) => {
      signal.throwIfAborted()
      const after = new URLSearchParams(path.split('?')[1]).get('after')
      this.asked.push({ url, after, atMs: world.nowMs })
      if (this.down.has(url)) throw Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
      const refusal = this.refusals.get(url)
      const wire = new Wire(url, this, after)
      if (refusal !== undefined) return wire.instead(problem(refusal))
      this.open.add(wire)
      return wire.stream
    }
  }

  publish(count = 1): void {
    this.last += count
    for (const wire of this.open) wire.fill()
  }

  lastOf(url: string): number {
    return this.behind.get(url) ?? this.last
  }

  /** Streams of that node break off, in the middle of an event if one was on its way. */
  kill(url: string): void {
    this.down.add(url)
    for (const wire of [...this.open]) if (wire.url === url) wire.lose()
  }

  /** Streams of that node end as those of a node that stops. */
  stop(url: string): void {
    this.down.add(url)
    for (const wire of [...this.open]) if (wire.url === url) wire.end()
  }
}

/** The bytes of one stream, made when they are asked for: no more than one piece lies here. */
class Wire {
  readonly url: string
  readonly #nodes: Nodes
  #position: number
  #head: string
  #asked: PromiseWithResolvers<IteratorResult<Uint8Array>> | null = null
  #fate: 'open' | 'lost' | 'ended' = 'open'
  #frozen = false
  /** Pieces taken. */
  pieces = 0

  constructor(url: string, nodes: Nodes, after: string | null) {
    this.url = url
    this.#nodes = nodes
    this.#position = after === null ? nodes.lastOf(url) : Number(after)
    const start = `event: start\nid: ${this.#position}\ndata: {"position":${this.#position}}\n\n`
    this.#head = `retry: 500\n\n${after === null ? start : ''}`
  }

  get stream(): HttpStream {
    return {
      status: 200,
      header: (name) =>
        ({ 'content-type': 'text/event-stream', 'sekali-node': this.url })[name] ?? null,
      chunks: { next: () => this.#next() },
      close: () => void this.#nodes.open.delete(this),
    }
  }

  instead({ status, text, header }: ReturnType<typeof problem>): HttpStream {
    const body = [Buffer.from(text)]
    return {
      status,
      header,
      chunks: {
        next: async () => {
          const value = body.shift()
          return value === undefined ? { done: true, value } : { done: false, value }
        },
      },
      close: () => {},
    }
  }

  fill(): void {
    if (this.#asked === null || this.#frozen) return
    if (this.#fate === 'lost') {
      this.#asked.reject(Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' }))
    } else if (this.#fate === 'ended') this.#asked.resolve({ done: true, value: undefined })
    else {
      const text = this.#text()
      if (text === '') return
      this.pieces += 1
      this.#asked.resolve({ done: false, value: Buffer.from(text) })
    }
    this.#asked = null
  }

  /** As a process that is stopped: nothing comes, and nothing ends. */
  freeze(): void {
    this.#frozen = true
  }

  heartbeat(): void {
    this.#head += `: ${this.#position}\nid: ${this.#position}\n\n`
    this.fill()
  }

  lose(): void {
    // What the client has of it is half an event.
    if (this.#asked !== null) {
      this.#asked.resolve({ done: false, value: Buffer.from('id: 999999\ndata: {"posi') })
      this.#asked = null
    }
    this.#fate = 'lost'
  }

  end(): void {
    this.#fate = 'ended'
    this.fill()
  }

  #text(): string {
    const head = this.#head
    this.#head = ''
    if (this.#position >= this.#nodes.lastOf(this.url)) return head
    this.#position += 1
    return head + frame(this.#position)
  }

  #next(): Promise<IteratorResult<Uint8Array>> {
    this.#asked = Promise.withResolvers()
    const { promise } = this.#asked
    this.fill()
    return promise
  }
}

function frame(position: number): string {
  const event = {
    position,
    topic: 'orders',
    event_id: `o-${position}`,
    timestamp: '2026-01-01T00:00:00.000Z',
    source: '',
    payload: { text: 'äöü' },
    received_at: '2026-01-01T00:00:00.000Z',
  }
  return `id: ${position}\ndata: ${JSON.stringify(event)}\n\n`
}

/** With pauses between its tries: with none, two nodes that are down would be asked in turn, and nothing else happen. */
const client = (options: Partial<SekaliOptions> = {}): Sekali => world.client(options, () => 0.3)

/** Follows in the background, keeping what comes. */
function follow(sekali: Sekali, query: Parameters<Sekali['follow']>[0] = { after: 0 }) {
  const positions: number[] = []
  const events = sekali.follow(query)
  const ended = (async () => {
    for await (const { position } of events) positions.push(position)
  })()
  ended.catch(() => {})
  return { positions, ended, events }
}

/** Lets time pass until so many have come. */
async function until(positions: readonly number[], count: number): Promise<void> {
  for (let steps = 0; ; steps += 1) {
    await world.turns()
    if (positions.length >= count) return
    if (steps === 1_000 || !world.advanceToNext())
      throw new Error(`stuck after ${positions.length}`)
  }
}

const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, place) => from + place)

describe('what comes', () => {
  test('everything behind a position, then what is published', async () => {
    nodes.last = 5
    const { positions } = follow(client(), { after: 2 })
    await until(positions, 3)

    nodes.publish(2)
    await until(positions, 5)

    expect(positions).toEqual(range(3, 7))
    expect(nodes.asked).toMatchObject([{ url: A, after: '2' }])
  })

  test('only what is new, where no position is given', async () => {
    nodes.last = 5
    const { positions } = follow(client(), {})
    await world.turns()

    nodes.publish(2)
    await until(positions, 2)

    expect(positions).toEqual([6, 7])
  })

  test('who began with what is new goes on from there, though nothing had come', async () => {
    nodes.last = 5
    const { positions } = follow(client(), {})
    await world.turns()

    nodes.kill(A)
    nodes.publish(2)
    await until(positions, 2)

    expect(positions).toEqual([6, 7])
    expect(nodes.asked.map(({ url, after }) => [url, after])).toEqual([
      [A, null],
      [B, '5'],
    ])
  })

  test('a later read of this client sees at least as much', async () => {
    nodes.last = 5
    const sekali = client()
    const { positions } = follow(sekali)
    await until(positions, 5)

    await world.failure(sekali.get('orders', 'o-5', { deadlineMs: 10 }))

    expect(world.asked.at(-1)?.path).toContain('min_position=5')
  })
})

describe('another node', () => {
  test.each([
    ['that dies', (url: string) => nodes.kill(url)],
    ['that stops', (url: string) => nodes.stop(url)],
  ])('takes over from one %s, without a gap or a repeat', async (_, end) => {
    const { positions } = follow(client())
    nodes.publish(3)
    await until(positions, 3)

    end(A)
    nodes.publish(3)
    await until(positions, 6)
    nodes.down.delete(A)
    end(B)
    nodes.publish(3)
    await until(positions, 9)

    expect(positions).toEqual(range(1, 9))
    expect(nodes.asked.map(({ url }) => url)).toEqual([A, B, A])
  })

  test('that has not come as far is waited for', async () => {
    nodes.behind.set(B, 2)
    const { positions } = follow(client())
    nodes.publish(5)
    await until(positions, 5)

    nodes.kill(A)
    await world.turns()
    world.advanceToNext()
    await world.turns()
    nodes.behind.delete(B)
    nodes.publish(1)
    await until(positions, 6)

    expect(positions).toEqual(range(1, 6))
  })

  test('is asked when one falls silent for longer than a node ever is', async () => {
    const { positions } = follow(client())
    nodes.publish(2)
    await until(positions, 2)

    for (const wire of nodes.open) wire.freeze()
    nodes.publish(1)
    await until(positions, 3)

    expect(positions).toEqual([1, 2, 3])
    expect(nodes.asked.at(-1)).toMatchObject({ url: B, after: '2', atMs: 37_515 })
  })

  test('is not asked while a node shows that it lives', async () => {
    const { positions } = follow(client())
    nodes.publish(1)
    await until(positions, 1)

    for (let beat = 0; beat < 10; beat += 1) {
      world.clock.advance(15_000)
      for (const wire of nodes.open) wire.heartbeat()
      await world.turns()
    }

    expect(nodes.asked).toHaveLength(1)
  })

  test('need not look again at what a heartbeat has covered', async () => {
    nodes.last = 7
    const { positions } = follow(client(), {})
    await world.turns()
    for (const wire of nodes.open) wire.heartbeat()
    await world.turns()

    nodes.kill(A)
    nodes.publish(1)
    await until(positions, 1)

    expect(nodes.asked.at(-1)?.after).toBe('7')
  })

  test('is looked for for as long as it takes, at the pace of every retry, and each try is told', async () => {
    const retries: Retry[] = []
    const sekali = client({ onRetry: (retry) => retries.push(retry) })
    for (const url of [A, B]) nodes.down.add(url)
    const { positions } = follow(sekali)
    for (let tries = 0; tries < 40; tries += 1) {
      await world.turns()
      world.advanceToNext()
    }

    nodes.down.clear()
    nodes.publish(1)
    await until(positions, 1)

    expect(positions).toEqual([1])
    expect(retries[0]).toMatchObject({ reason: 'connection refused', open: false, pauseMs: 15 })
    expect(Math.max(...retries.map(({ pauseMs }) => pauseMs))).toBe(600)
  })

  test('is asked when one has as many followers as it takes; that one only after its Retry-After', async () => {
    nodes.refusals.set(A, { code: 'overloaded', retryAfter: '5' })
    const { positions } = follow(client())
    nodes.publish(1)
    await until(positions, 1)

    expect(nodes.asked.map(({ url }) => url)).toEqual([A, B])
  })

  test('learned from the first one, when those that were named are gone', async () => {
    world.members = [
      { node_id: 'a', url: A },
      { node_id: 'c', url: C },
    ]
    const { positions } = follow(client({ nodes: A }))
    nodes.publish(1)
    await until(positions, 1)

    nodes.kill(A)
    nodes.publish(1)
    await until(positions, 2)

    expect(nodes.asked.at(-1)?.url).toBe(C)
  })

  test('any number of times, at any moment: all of it, once, in order', async () => {
    const step = fc.record({
      type: fc.constantFrom('publish', 'kill', 'stop', 'freeze', 'lag', 'time'),
      url: fc.constantFrom(A, B, C),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        world = new World()
        nodes = new Nodes(world)
        const sekali = client({ nodes: [A, B, C] })
        const { positions } = follow(sekali)
        for (const { type, url } of steps) {
          if (type === 'publish') nodes.publish(3)
          else if (type === 'kill') nodes.kill(url)
          else if (type === 'stop') nodes.stop(url)
          else if (type === 'lag') nodes.behind.set(url, nodes.last)
          else if (type === 'freeze') for (const wire of nodes.open) wire.freeze()
          else world.advanceToNext()
          if (nodes.down.size > 1) nodes.down.clear()
          await new Promise((resolve) => setImmediate(resolve))
        }
        nodes.down.clear()
        nodes.behind.clear()
        nodes.publish(1)
        await until(positions, nodes.last)
        await sekali.close()

        expect(positions).toEqual(range(1, nodes.last))
      }),
      { numRuns: 100 },
    )
  })
})

describe('the end', () => {
  test('leaving the loop lets go of the stream', async () => {
    nodes.last = 10
    const positions: number[] = []
    for await (const { position } of client().follow({ after: 0 })) {
      positions.push(position)
      if (position === 3) break
    }

    expect(positions).toEqual([1, 2, 3])
    expect(nodes.open.size).toBe(0)
    expect(world.timers).toBe(0)
  })

  test('a signal ends it with its reason, also between two nodes', async () => {
    const controller = new AbortController()
    const reason = new Error('enough')
    const { ended } = follow(client(), { signal: controller.signal })
    await world.turns()
    nodes.kill(A)
    nodes.kill(B)
    await world.turns()

    controller.abort(reason)

    await expect(ended).rejects.toBe(reason)
    expect(world.timers).toBe(0)
  })

  test('closing the client ends it like any loop', async () => {
    const sekali = client()
    const { ended } = follow(sekali)
    await world.turns()

    await sekali.close()

    await ended
    expect(nodes.open.size).toBe(0)
    await expect(sekali.follow().next()).rejects.toThrow('closed')
  })

  test('a topic that no node takes ends it with what the node says', async () => {
    nodes.refusals.set(A, { code: 'bad_parameter' })

    const { ended } = follow(client(), { topic: '**.a' })

    await expect(ended).rejects.toMatchObject({ code: 'bad_parameter' })
    expect(nodes.asked).toHaveLength(1)
  })

  test.each([-1, 1.5, Number.NaN, 'x', ''])('%j is no position', async (after) => {
    await expect(client().follow({ after }).next()).rejects.toThrow(RangeError)
  })
})

test('events come no faster than they are asked for', async () => {
  nodes.last = 100
  const events = client().follow({ after: 0 })
  const iterator = events[Symbol.asyncIterator]()
  await iterator.next()
  await iterator.next()
  await world.turns()

  const [wire] = nodes.open
  expect(wire?.pieces).toBeLessThan(5)
  await iterator.return()
})
