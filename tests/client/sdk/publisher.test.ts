// The publisher: what is published together goes together, everything ends exactly once, and a loop is held back.

import { describe, expect, test } from 'vitest'
import { SekaliError } from '../../../client/errors.ts'
import type { EncodedEvent } from '../../../client/sdk/encode.ts'
import { encodeEvent } from '../../../client/sdk/encode.ts'
import type { Settled } from '../../../client/sdk/outcome.ts'
import { Publisher, type PublisherOptions } from '../../../client/sdk/publisher.ts'
import { A, B, eventNumber, events, World } from './world.ts'

/** Batches end when a test says so. */
function held(options: PublisherOptions) {
  const world = new World()
  const batches: { readonly ids: string[]; end(error?: unknown): void }[] = []
  const deliver = (batch: readonly EncodedEvent[]): Promise<Settled[]> => {
    const { promise, resolve, reject } = Promise.withResolvers<Settled[]>()
    const settled = batch.map(
      ({ topic, eventId }): Settled => ({
        topic,
        event_id: eventId,
        outcome: 'accepted',
        position: 1,
      }),
    )
    batches.push({
      ids: batch.map(({ eventId }) => eventId),
      end: (error) => (error === undefined ? resolve(settled) : reject(error)),
    })
    return promise
  }
  const encode = (event: Parameters<typeof encodeEvent>[0]) => encodeEvent(event, 0, () => 'made')
  const publisher = new Publisher({ clock: world.ports(), encode, deliver }, options)
  return { world, publisher, batches, sizes: () => batches.map(({ ids }) => ids.length) }
}

const ended = async (promise: Promise<unknown>): Promise<boolean> => {
  let is = false
  promise.then(
    () => (is = true),
    () => (is = true),
  )
  for (let turn = 0; turn < 8; turn += 1) await new Promise((resolve) => setImmediate(resolve))
  return is
}

describe('a batch', () => {
  test('goes out when its first event has waited long enough', async () => {
    const { world, publisher, sizes } = held({ lingerMs: 5 })

    void publisher.publish(eventNumber(1))
    world.clock.advance(4)
    void publisher.publish(eventNumber(2))
    expect(sizes()).toEqual([])
    world.clock.advance(1)

    expect(sizes()).toEqual([2])
    expect(world.timers).toBe(0)
  })

  test('goes out when it is full, by events or by bytes', async () => {
    const byEvents = held({ batchEventsMax: 3 })
    for (const event of events(7)) void byEvents.publisher.publish(event)
    expect(byEvents.sizes()).toEqual([3, 3])

    const byBytes = held({ batchBytesMax: 100 })
    for (const event of events(7)) void byBytes.publisher.publish(event)
    expect(byBytes.sizes()).toEqual([2, 2, 2])
  })

  test('of one event that is larger than a batch goes alone', async () => {
    const { publisher, batches } = held({ batchBytesMax: 100, lingerMs: 0 })

    void publisher.publish(eventNumber(1))
    void publisher.publish({ ...eventNumber(2), payload: { text: 'x'.repeat(200) } })
    publisher.flush()

    expect(batches.map(({ ids }) => ids)).toEqual([['o-1'], ['o-2']])
  })

  test('grows while no place is free, and none is sent beyond the places', async () => {
    const { world, publisher, batches, sizes } = held({ inFlightMax: 2, batchEventsMax: 10 })

    for (const event of events(2)) {
      void publisher.publish(event)
      world.clock.advance(5)
    }
    for (const event of events(15)) void publisher.publish(event)
    world.clock.advance(5)
    expect(sizes()).toEqual([1, 1])
    batches[0]!.end()
    await world.turns()

    expect(sizes()).toEqual([1, 1, 10])
    batches[2]!.end()
    await world.turns()
    expect(sizes()).toEqual([1, 1, 10, 5])
  })

  test('with one place keeps the order of publishing', async () => {
    const { world, publisher, batches } = held({ inFlightMax: 1, batchEventsMax: 2 })

    for (const event of events(6)) void publisher.publish(event)
    for (const place of [0, 1, 2]) {
      batches[place]!.end()
      await world.turns()
    }

    expect(batches.flatMap(({ ids }) => ids)).toEqual(events(6).map((event) => event.event_id))
  })

  test('that fails rejects each of its events, once', async () => {
    const { publisher, batches } = held({ batchEventsMax: 2 })
    const reason = new Error('enough')

    const published = events(2).map((event) => publisher.publish(event))
    batches[0]!.end(reason)

    expect(await Promise.allSettled(published)).toEqual([
      { status: 'rejected', reason },
      { status: 'rejected', reason },
    ])
    expect(publisher.pending).toBe(0)
  })
})

describe('back-pressure', () => {
  test('ready waits from the high-water mark on, and no longer', async () => {
    const { publisher, batches } = held({ batchEventsMax: 2, inFlightMax: 1 })

    for (const event of events(3)) void publisher.publish(event)
    expect(await ended(publisher.ready)).toBe(true)
    void publisher.publish(eventNumber(3))
    const { ready } = publisher
    expect(await ended(ready)).toBe(false)
    batches[0]!.end()

    expect(await ended(ready)).toBe(true)
  })

  test('counts bytes, too', async () => {
    const { publisher } = held({ batchBytesMax: 1_000, inFlightMax: 1 })

    void publisher.publish({ ...eventNumber(1), payload: { text: 'x'.repeat(2_000) } })

    expect(await ended(publisher.ready)).toBe(false)
  })

  test('a loop that awaits ready never has more than the mark pending', async () => {
    const { world, publisher, batches } = held({ batchEventsMax: 10, inFlightMax: 2 })
    let published = 0
    let most = 0

    const loop = (async () => {
      for (const event of events(1_000)) {
        await publisher.ready
        void publisher.publish(event)
        published += 1
        most = Math.max(most, publisher.pending)
      }
    })()
    for (let place = 0; published < 1_000; place += 1) {
      await world.turns()
      batches[place]!.end()
    }
    await loop

    expect(most).toBe(2 * 2 * 10)
  })
})

describe('flush and close', () => {
  test('flush sends at once and waits for what was published before', async () => {
    const { publisher, batches, sizes } = held({ lingerMs: 1_000 })

    const published = publisher.publish(eventNumber(1))
    const flushed = publisher.flush()
    void publisher.publish(eventNumber(2))
    expect(sizes()).toEqual([1])
    expect(await ended(flushed)).toBe(false)
    batches[0]!.end()

    await flushed
    expect(await ended(published)).toBe(true)
    expect(sizes()).toEqual([1])
  })

  test('flush tells who let go of the promises that one failed, once', async () => {
    const { publisher, batches } = held({ batchEventsMax: 1 })
    const reason = new Error('enough')

    for (const event of events(2)) void publisher.publish(event)
    const flushed = publisher.flush()
    batches[0]!.end(reason)
    expect(await ended(flushed)).toBe(false)
    batches[1]!.end()

    await expect(flushed).rejects.toBe(reason)
    await publisher.flush()
  })

  test('close flushes and takes nothing more', async () => {
    const { publisher, batches } = held({ lingerMs: 1_000 })

    const published = publisher.publish(eventNumber(1))
    const closed = publisher.close()
    await expect(publisher.publish(eventNumber(2))).rejects.toThrow('closed')
    batches[0]!.end()

    await closed
    expect(await published).toMatchObject({ outcome: 'accepted' })
  })

  test('closing the client closes its publishers, and ends what is under way well', async () => {
    const world = new World()
    const sekali = world.client()
    const publisher = sekali.publisher({ lingerMs: 1_000 })

    const published = [publisher.publish(eventNumber(1)), sekali.publish(eventNumber(2))]
    await world.drive(sekali.close())

    expect(await Promise.all(published)).toMatchObject([
      { outcome: 'accepted' },
      { outcome: 'accepted' },
    ])
    await expect(sekali.publish(eventNumber(3))).rejects.toThrow('closed')
    await expect(publisher.publish(eventNumber(3))).rejects.toThrow('closed')
    expect(() => sekali.publisher()).toThrow('closed')
    expect(world.timers).toBe(0)
  })
})

describe('over a cluster', () => {
  test('an event that a node refuses does not hold up the others', async () => {
    const world = new World()
    world.script(
      A,
      { code: 'invalid_event', index: 2 },
      { code: 'event_too_large', index: 0 },
      'answers',
    )
    const publisher = world.client().publisher()

    const published = events(5).map((event) => publisher.publish(event))
    await world.failure(publisher.flush())

    const settled = await Promise.allSettled(published)
    expect(settled.map(({ status }) => status)).toEqual([
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ])
    expect(settled[2]).toMatchObject({
      reason: { code: 'invalid_event', events: [eventNumber(2)], results: [null] },
    })
    expect([...world.stored.keys()]).toEqual(['orders o-1', 'orders o-3', 'orders o-4'])
  })

  test('a failure of nodes is passed over, and each event has its own result', async () => {
    const world = new World()
    world.script(A, 'storesAndLosesConnection')
    const publisher = world.client().publisher()

    const published = events(3).map((event) => publisher.publish(event))
    await world.drive(publisher.flush())

    expect(await Promise.all(published)).toEqual(
      events(3).map((event, at) => ({
        ...event,
        outcome: 'duplicate',
        position: at + 1,
        maybeOwn: true,
      })),
    )
  })

  test('at the deadline each event has an error of its own, with its id', async () => {
    const world = new World()
    world.script(A, 'refusesConnection')
    world.script(B, 'refusesConnection')
    const publisher = world.client({}, () => 0.5).publisher()

    const published = [1, 2].map((payload) =>
      publisher.publish({ topic: 'orders', payload: { payload } }),
    )
    await world.failure(publisher.flush())

    const errors = (await Promise.allSettled(published)).map(
      (one) => (one as PromiseRejectedResult).reason,
    )
    expect(errors.map((error) => error.code)).toEqual(['unreachable', 'unreachable'])
    expect(errors.map((error) => error.events[0].payload.payload)).toEqual([1, 2])
    expect(errors[0]).toBeInstanceOf(SekaliError)
  })
})

test.each([
  { lingerMs: -1 },
  { lingerMs: Number.NaN },
  { batchEventsMax: 0 },
  { batchEventsMax: 10_001 },
  { batchBytesMax: 1.5 },
  { inFlightMax: 0 },
])('%j is refused at the start', (options) => {
  expect(() => new World().client().publisher(options)).toThrow(RangeError)
})
