// The leader dies, or hangs, under load, again and again: how soon is a publish acknowledged that was sent after that, through
// a node that is left, and how many fail?
//
// 64 requests are in flight through the other nodes. At the blow a request of its own goes to each of them: its answer ends
// the outage, since what was in flight may have been decided before. Its connection has been used once, as any client's has.
// Clients know nothing of the outage, and do nothing.

import { setTimeout as sleep } from 'node:timers/promises'
import { spreadOf } from '../../chaos/meter.ts'
import type { Acknowledged } from '../acknowledged.ts'
import type { Arena, Line, RunResult } from '../arena.ts'
import { ClosedLoop, type Load, type OnSettled } from '../closed-loop.ts'
import { PublishWork } from '../publish-work.ts'

/** A load that ends when it is told to, with what is in flight. */
export interface EndableLoad extends Load {
  end(): void
}

/** Whatever has a leader that can be struck. */
export interface FailoverSubject {
  leader(): Promise<string>
  /** Through all nodes but this one; one event a request. */
  load(without: string, inFlight: number, onSettled: OnSettled): Promise<EndableLoad>
  strike(id: string): Promise<void>
  /** Resolves when the cluster is whole again. */
  heal(id: string): Promise<void>
}

const IN_FLIGHT = 64
const PROBES = 2
const BEFORE_MS = 1_000
const AFTER_MS = 1_500
/** Longer is no failover any more. */
const OUTAGE_MS_MAX = 60_000

export async function failover(arena: Arena): Promise<RunResult> {
  const { signal, kills } = arena.settings
  const line = await failoverLine(nodesOf(arena), signal, kills, arena.tell)
  return { lines: [line], faults: [] }
}

export async function failoverLine(
  subject: FailoverSubject,
  signal: string,
  kills: number,
  tell: (text: string) => void,
): Promise<Line> {
  const outages: Outage[] = []
  for (let kill = 1; kill <= kills; kill += 1) {
    tell(`${signal} of the leader, ${kill} of ${kills}`)
    outages.push(await strikeOnce(subject))
  }
  const first = spreadOf(outages.map(({ firstMs }) => firstMs))!
  const gap = spreadOf(outages.map(({ gapMs }) => gapMs))!
  const failed = outages.reduce((sum, outage) => sum + outage.failed, 0)
  return {
    label: `failover ${signal}`,
    values: {
      [`first acknowledgement, median of ${kills}`]: { value: first.median, unit: 'ms' },
      'first acknowledgement, slowest': { value: first.max, unit: 'ms' },
      'longest time without one, median': { value: gap.median, unit: 'ms' },
      'longest time without one': { value: gap.max, unit: 'ms' },
      'failed publishes': { value: failed, unit: '' },
    },
  }
}

interface Outage {
  readonly firstMs: number
  readonly gapMs: number
  readonly failed: number
}

async function strikeOnce(subject: FailoverSubject): Promise<Outage> {
  const victim = await subject.leader()
  let struckMs = Number.POSITIVE_INFINITY
  let lastMs = performance.now()
  let gapMs = 0
  let firstMs: number | null = null
  const load = await subject.load(victim, IN_FLIGHT, (_, __, nowMs) => {
    if (nowMs >= struckMs) gapMs = Math.max(gapMs, nowMs - lastMs)
    lastMs = nowMs
  })
  const probe = await subject.load(victim, PROBES, (_, __, nowMs) => {
    if (nowMs >= struckMs) firstMs ??= nowMs - struckMs
    probe.end()
  })
  try {
    const running = load.run(OUTAGE_MS_MAX)
    await probe.run(OUTAGE_MS_MAX)
    await sleep(BEFORE_MS)
    struckMs = performance.now()
    const struck = subject.strike(victim)
    const probed = await probe.run(OUTAGE_MS_MAX)
    await struck
    await sleep(AFTER_MS)
    load.end()
    const { failed } = await running
    return { firstMs: firstMs ?? OUTAGE_MS_MAX, gapMs, failed: failed + probed.failed }
  } finally {
    await Promise.all([load.close(), probe.close()])
    await subject.heal(victim)
  }
}

function nodesOf({ cluster, acknowledged, settings }: Arena): FailoverSubject {
  return {
    leader: () => cluster.waitForLeader(),
    load: async (without, inFlight, onSettled) => {
      const ids = cluster.ids.filter((id) => id !== without)
      const targets = ids.map((id) => cluster.url(id))
      return publishLoop(acknowledged, targets, inFlight, onSettled)
    },
    strike: async (id) => {
      if (settings.signal === 'SIGKILL') await cluster.kill(id)
      else cluster.signal(id, settings.signal)
    },
    heal: async (id) => {
      if (cluster.pid(id) === null) cluster.start(id)
      else cluster.signal(id, 'SIGCONT')
      await cluster.waitForAll()
    },
  }
}

function publishLoop(
  acknowledged: Acknowledged,
  targets: readonly string[],
  inFlight: number,
  onSettled: OnSettled,
): ClosedLoop {
  const work = new PublishWork(acknowledged, 1, inFlight)
  return new ClosedLoop(work, { targets, inFlight, onSettled })
}
