// Consumers that follow a real cluster while the node they are on is killed, and what is asked of each of them: every event,
// once, in order.

import { setTimeout as sleep } from 'node:timers/promises'
import { EventSource } from 'eventsource'
import { expect } from 'vitest'
import { systemPorts } from '../../client/sdk/ports.ts'
import { Sekali } from '../../client/sekali.ts'
import type { ClusterProcesses } from '../../cluster/processes.ts'

export const TOPIC = 'orders.paid'
const LOOK_MS = 20
const WAIT_MS = 60_000

export interface Consumer {
  readonly name: string
  /** Of the events it was given, in the order in which they came. */
  positions(): Promise<readonly number[]> | readonly number[]
  /** How many they are. */
  count(): Promise<number> | number
  /** The URL of the node it is on, or was on last. */
  node(): Promise<string | null> | string | null
  close(): Promise<void> | void
}

/** Looks until it holds; a deadline only so that a failure says what did not. */
export async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const endMs = performance.now() + WAIT_MS
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`waited in vain: ${what}`)
    await sleep(LOOK_MS)
  }
}

export function sdkConsumer(urls: readonly string[]): Consumer {
  const positions: number[] = []
  let node: string | null = null
  const ports = systemPorts(4)
  const { transport } = ports
  const watched = {
    request: transport.request.bind(transport),
    close: transport.close.bind(transport),
    open: async (url: string, request: { path: string; signal: AbortSignal }) => {
      const stream = await transport.open(url, request)
      node = url
      return stream
    },
  }
  const sekali = new Sekali({ nodes: urls }, { ...ports, transport: watched })
  const following = (async () => {
    for await (const { position } of sekali.follow({ topic: 'orders.*', after: 0 })) {
      positions.push(position)
    }
  })()
  return {
    name: 'the SDK',
    positions: () => positions,
    count: () => positions.length,
    node: () => node,
    close: async () => {
      await sekali.close()
      await following
    },
  }
}

/** The npm package as it is; only where it connects to is its user's choice: the next node, each time it comes back. */
export function eventSourceConsumer(urls: readonly string[]): Consumer {
  const positions: number[] = []
  let tries = 0
  let node: string | null = null
  const source = new EventSource(`${urls[0]}/subscribe?topic=orders.*&after=0`, {
    fetch: (input, init) => {
      const { pathname, search } = new URL(input)
      node = urls[tries % urls.length]!
      tries += 1
      return fetch(node + pathname + search, init)
    },
  })
  source.onmessage = ({ data, lastEventId }) => {
    const { position } = JSON.parse(data) as { position: number }
    expect(lastEventId).toBe(String(position))
    positions.push(position)
  }
  return {
    name: 'eventsource',
    positions: () => positions,
    count: () => positions.length,
    node: () => node,
    close: () => source.close(),
  }
}

/**
 * Publishes `count` events in rounds. In each, every one of `hunted` loses the node it is on while events are coming; then all
 * have what was published, and the node comes back.
 */
export async function publishThroughKills(
  cluster: ClusterProcesses,
  consumers: readonly Consumer[],
  { hunted, count, rounds }: { hunted: readonly Consumer[]; count: number; rounds: number },
): Promise<void> {
  const sekali = new Sekali({ nodes: cluster.urls })
  const turns = rounds * hunted.length
  let turn = 0
  let published = 0
  for (let round = 0; round < rounds; round += 1) {
    for (const consumer of hunted) {
      turn += 1
      const before = await consumer.count()
      const share = Math.floor((count * turn) / turns) - published
      const publishing = publish(sekali, published, share)
      published += share
      await until(`${consumer.name} is in the middle of it`, async () => {
        return (await consumer.count()) > before + share / 10
      })
      const url = (await consumer.node())!
      const id = cluster.ids.find((candidate) => cluster.url(candidate) === url)!
      await cluster.kill(id)
      await publishing
      await until(`${consumer.name} has left ${id}`, async () => (await consumer.node()) !== url)
      for (const one of consumers) {
        if (one !== consumer && (await one.node()) === url) continue // may wait for that node to come back
        await hasAll(one, published)
      }
      cluster.start(id)
      await cluster.waitForAll()
      for (const one of consumers) await hasAll(one, published)
    }
  }
  await sekali.close()
}

const hasAll = (consumer: Consumer, count: number): Promise<void> =>
  until(`${consumer.name} has ${count} events`, async () => (await consumer.count()) >= count)

/** In small requests, so that it takes a while. */
async function publish(sekali: Sekali, from: number, count: number): Promise<void> {
  const publisher = sekali.publisher({ batchEventsMax: Math.ceil(count / 50), inFlightMax: 2 })
  for (let number = from; number < from + count; number += 1) {
    await publisher.ready
    publisher
      .publish({ topic: TOPIC, event_id: `o-${number}`, payload: { number } })
      .catch(() => {})
  }
  await publisher.close()
}

/** Nothing else was published: these are the positions 1 to `count`. */
export async function expectAllOnce(consumer: Consumer, count: number): Promise<void> {
  const positions = await consumer.positions()
  const wrong = positions.findIndex((position, place) => position !== place + 1)
  expect(wrong, `${consumer.name}: ${positions.slice(Math.max(0, wrong - 3), wrong + 3)}`).toBe(-1)
  expect(positions.length, consumer.name).toBe(count)
}
