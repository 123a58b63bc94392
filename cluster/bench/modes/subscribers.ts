// A thousand readers of GET /subscribe at one node, each following one topic of eight, while 1,000 events a second are
// published: what it costs publishers and the node's memory, and that no reader misses an event.
//
// The node is a follower. Publishing goes to the leader, at the same rate before the readers come and while they are there.

import { setTimeout as sleep } from 'node:timers/promises'
import { usageOf } from '../accounting.ts'
import { type Arena, measured, type RunResult } from '../arena.ts'
import { lastPosition } from '../fill.ts'
import { PacedLoad } from '../paced-load.ts'
import { Subscriber } from '../subscriber.ts'
import { TOPICS } from '../workload.ts'

const SUBSCRIBERS = 1_000
const EVENTS_PER_SECOND = 1_000
/** At most so many connections are opened at once. */
const OPENING_MAX = 50
const DELIVERY_MS_MAX = 60_000
const POLL_MS = 20
const MIB = 1024 * 1024

export async function subscribers(arena: Arena): Promise<RunResult> {
  const { acknowledged, cluster, leader, tell } = arena
  const node = cluster.ids.find((id) => id !== leader)!
  const publishing = (): PacedLoad =>
    new PacedLoad(acknowledged, cluster.url(leader), EVENTS_PER_SECOND)
  const rssMib = (): number => usageOf(cluster.pid(node)!).rssBytes / MIB
  const memory = (value: number) => ({ value, unit: 'MiB' })

  const without = await measured(arena, 'subscribers: none', publishing())
  tell('opening the streams')
  const base = await lastPosition(cluster, node)
  const before = rssMib()
  const readers: Subscriber[] = []
  try {
    await openAll(readers, cluster.url(node), base)
    const opened = rssMib()
    const beside = await measured(arena, `subscribers: ${SUBSCRIBERS}`, publishing())
    const loaded = rssMib()
    const ackedMs = performance.now()
    const faults = await missing(arena, readers, base)
    const delivered = readers.reduce((sum, { events }) => sum + events, 0)
    return {
      lines: [
        without.line,
        beside.line,
        {
          label: 'subscribers',
          values: {
            'RSS of their node before': memory(before),
            'RSS with all streams open': memory(opened),
            'RSS after the load': memory(loaded),
            'events delivered': { value: delivered, unit: '' },
            'last delivery after the last acknowledgement': {
              value: performance.now() - ackedMs,
              unit: 'ms',
            },
          },
        },
      ],
      faults: [...without.faults, ...beside.faults, ...faults],
    }
  } finally {
    for (const reader of readers) reader.close()
  }
}

async function openAll(readers: Subscriber[], url: string, after: number): Promise<void> {
  while (readers.length < SUBSCRIBERS) {
    const some = Array.from({ length: OPENING_MAX }, (_, place) => {
      const topic = TOPICS[(readers.length + place) % TOPICS.length]!
      return new Subscriber(url, topic, after)
    })
    readers.push(...some)
    await Promise.all(some.map(({ opened }) => opened))
  }
}

/** Waits until each has all that was accepted of its topic, or for a minute; a sentence for each that has not. */
async function missing(
  { acknowledged }: Arena,
  readers: readonly Subscriber[],
  base: number,
): Promise<string[]> {
  const expected = new Map<string, number>()
  for (const { distinct, position } of acknowledged.positions()) {
    if (position <= base) continue
    const topic = acknowledged.workload.topicOf(distinct)
    expected.set(topic, (expected.get(topic) ?? 0) + 1)
  }
  const deadlineMs = performance.now() + DELIVERY_MS_MAX
  const wanting = (): Subscriber[] =>
    readers.filter(({ topic, events }) => events !== (expected.get(topic) ?? 0))
  while (wanting().length > 0 && performance.now() < deadlineMs) await sleep(POLL_MS)
  return wanting().map(
    ({ topic, events, ended }) =>
      `a subscriber of ${topic} got ${events} events, not ${expected.get(topic) ?? 0}${ended === null ? '' : `; it ended: ${ended}`}`,
  )
}
