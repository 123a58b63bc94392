// A client with an outbox: an event is on disk before it is sent, and stays until a node has said what became of it.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Refused } from '../../../client/sdk/resender.ts'
import type { Sekali, SekaliOptions } from '../../../client/sekali.ts'
import { A, eventNumber, events, json, World } from './world.ts'

let outbox: string

beforeEach(async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'sekali-resend-'))
  outbox = path.join(directory, 'outbox')
  return () => rm(directory, { recursive: true })
})

function start(world: World, options: Partial<SekaliOptions> = {}): Sekali {
  const sekali = world.client({ nodes: A, outbox, ...options }, () => 0.5)
  onTestFinished(() => sekali.close().catch(() => {}))
  return sekali
}

function until(condition: () => boolean): Promise<void> {
  return vi.waitFor(() => expect(condition()).toBe(true), { timeout: 10_000, interval: 1 })
}

/** Lets the clients' time pass, step by step, until the condition holds; the disk is real and takes its own. */
function passTimeUntil(world: World, condition: () => boolean): Promise<void> {
  return until(() => {
    if (!condition()) world.advanceToNext()
    return condition()
  })
}

async function passTime<Result>(world: World, promise: Promise<Result>): Promise<Result> {
  let settled = false
  const note = (): void => {
    settled = true
  }
  promise.then(note, note)
  await passTimeUntil(world, () => settled)
  return promise
}

describe('a publish', () => {
  test('is on disk before it is sent, and no more when its outcome is known', async () => {
    const world = new World()
    let atSending = ''
    world.script(A, (request) => {
      atSending = request.body!
      return world.store(request)
    })
    const sekali = start(world)

    const published = await sekali.publish({ topic: 'orders' })

    expect(published.outcome).toBe('accepted')
    expect(atSending).toContain(published.event_id)
    expect(await sekali.outboxCount()).toBe(0)
  })

  test('that a node refuses is not kept', async () => {
    const world = new World()
    world.script(A, 'answers', { code: 'invalid_event', index: 1 })
    const sekali = start(world)

    await expect(sekali.publish(events(20_000))).rejects.toMatchObject({ code: 'invalid_event' })

    expect(await sekali.outboxCount()).toBe(0)
  })

  test('given up at the deadline has an unknown outcome, since it is sent again, with its id', async () => {
    const world = new World()
    world.script(A, 'refusesConnection')
    const sekali = start(world, { deadlineMs: 1_000 })

    const published = sekali.publish({ topic: 'orders' }).catch((error) => error)
    const error = await passTime(world, published)
    world.script(A, 'answers')
    await passTime(world, sekali.flush())

    expect(error).toMatchObject({
      code: 'outcome_unknown',
      cause: { cause: { code: 'unreachable' } },
    })
    expect([...world.stored.keys()]).toEqual([`orders ${error.events[0].event_id}`])
    expect(await sekali.outboxCount()).toBe(0)
  })

  test('that is aborted is kept, and sent all the same', async () => {
    const world = new World()
    world.script(A, 'hangs', 'answers')
    const sekali = start(world)
    const controller = new AbortController()

    const published = sekali.publish(eventNumber(1), { signal: controller.signal })
    await until(() => world.asked.length === 1)
    controller.abort(new Error('enough'))

    await expect(published).rejects.toThrow('enough')
    await sekali.flush()
    expect([...world.stored.keys()]).toEqual(['orders o-1'])
  })

  test('cannot be, where the file cannot be used', async () => {
    await writeFile(outbox, 'something else')
    const world = new World()
    const sekali = start(world)

    await expect(sekali.publish(eventNumber(1))).rejects.toMatchObject({ code: 'outbox_damaged' })
    await expect(sekali.outboxCount()).rejects.toMatchObject({ code: 'outbox_damaged' })
    await sekali.close()
    expect(world.asked).toEqual([])
  })
})

describe('the next start', () => {
  /** What a sender leaves that dies while its events are on their way. */
  async function crashWith(world: World, count: number): Promise<void> {
    world.script(A, 'storesAndHangs')
    const sekali = world.client({ nodes: A, outbox })
    const published = sekali.publish(events(count)).catch(() => {})
    await until(() => world.asked.length > 0)
    const left = await readFile(outbox)
    const closed = sekali.close()
    world.clock.advance(30_000)
    await published
    await closed
    await writeFile(outbox, left)
    world.asked.length = 0
  }

  test('sends what is left with the same ids, and none is stored twice', async () => {
    const world = new World()
    await crashWith(world, 2_500)
    world.script(A, 'answers')

    const sekali = start(world)
    await sekali.flush()

    expect(world.published.map((batch) => batch.length)).toEqual([1_000, 1_000, 500])
    expect(world.published.flat()).toEqual(events(2_500))
    expect(world.stored.size).toBe(2_500)
    expect(await sekali.outboxCount()).toBe(0)
  })

  test('does not send again what was answered', async () => {
    const world = new World()
    const first = start(world)
    await first.publish(events(3))
    await first.close()
    world.asked.length = 0

    const second = start(world)
    await second.flush()

    expect(world.asked).toEqual([])
  })

  test('keeps trying while there is no cluster, for longer than any deadline', async () => {
    const world = new World()
    await crashWith(world, 1)
    world.script(A, 'refusesConnection')
    const sekali = start(world)

    await passTimeUntil(world, () => world.nowMs > 120_000)
    expect(await sekali.outboxCount()).toBe(1)
    world.script(A, 'answers')
    await passTime(world, sekali.flush())

    expect(await sekali.outboxCount()).toBe(0)
  })

  test('tells of an event that no node takes, and lets the others through', async () => {
    const world = new World()
    await crashWith(world, 3)
    world.stored.clear()
    world.script(A, { code: 'invalid_event', index: 1 }, 'answers')
    const refused: Refused[] = []

    const sekali = start(world, { onRefused: (one) => refused.push(one) })
    await sekali.flush()

    expect(refused).toMatchObject([
      { topic: 'orders', eventId: 'o-1', error: { code: 'invalid_event' } },
    ])
    expect([...world.stored.keys()]).toEqual(['orders o-0', 'orders o-2'])
    expect(await sekali.outboxCount()).toBe(0)
  })

  test('closing stops it, and leaves the rest for the one after', async () => {
    const world = new World()
    await crashWith(world, 3)
    world.script(A, 'hangs')
    const first = start(world)
    await until(() => world.asked.length === 1)
    await first.close()

    world.script(A, 'answers')
    const second = start(world)
    await second.flush()

    expect(world.published.at(-1)).toEqual(events(3))
    expect(world.timers).toBe(0)
  })
})

test('a publisher puts each batch on disk before it sends it', async () => {
  const world = new World()
  const sizes: number[] = []
  const sekali = start(world)
  world.script(A, (request) => {
    sizes.push(JSON.parse(request.body!).events.length)
    return request.path === '/publish' ? world.store(request) : json(404, {})
  })
  const publisher = sekali.publisher({ batchEventsMax: 2 })

  const published = events(4).map((event) => publisher.publish(event))
  await publisher.flush()

  expect(await Promise.all(published)).toHaveLength(4)
  expect(sizes).toEqual([2, 2])
  expect(await sekali.outboxCount()).toBe(0)
})
