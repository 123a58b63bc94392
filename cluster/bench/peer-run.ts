// One run of one mode for a peer: the same workload, the same loops, the same look at /proc.
//
// What it acknowledged is counted, and what it says it stores; whether that is right is not judged here.

import { mkdirSync, rmSync } from 'node:fs'
import type { Acknowledged } from './acknowledged.ts'
import type { Line, Settings } from './arena.ts'
import { type LoadFigures, latencyHistogram, type OnSettled, US_PER_MS } from './closed-loop.ts'
import type { Driver, DriverClient, DriverCluster, DriverEvent } from './driver.ts'
import { measure } from './measure.ts'
import { type EndableLoad, type FailoverSubject, failoverLine } from './modes/failover.ts'
import { CONCURRENT_REQUESTS } from './modes/publish.ts'
import type { ModeName } from './modes.ts'
import type { Run } from './results.ts'

/** Modes that a driver can run. */
export const PEER_MODES: readonly ModeName[] = ['single', 'concurrent', 'batch', 'failover']

export interface PeerRunOptions {
  readonly mode: ModeName
  readonly directory: string
  readonly acknowledged: Acknowledged
  readonly settings: Settings
  readonly warmUpMs: number
  readonly milliseconds: number
  tell(text: string): void
}

const TIMEOUT_MS = 10_000
/** A client that waited longer would take longer to find out that its node has lost the leader. */
const FAILOVER_TIMEOUT_MS = 500
const FAILURE_PAUSE_MS = 20
/** Positions are our own affair: of a peer it is only kept that an event was acknowledged. */
const SOME_POSITION = 1

export async function runPeer(
  driver: Driver,
  options: PeerRunOptions,
): Promise<Omit<Run, 'mode' | 'repeat' | 'by'>> {
  const { mode, directory, acknowledged, settings, tell } = options
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  tell(`starting ${driver.name}`)
  const cluster = await driver.start(directory)
  try {
    tell(`${driver.name}: ${mode}`)
    const line =
      mode === 'failover'
        ? // A cluster that was struck is not put together again: one blow for each.
          await failoverLine(subjectOf(cluster, acknowledged, settings), settings.signal, 1, tell)
        : await steadyLine(driver, cluster, options)
    // A cluster that lost a node may have nobody to ask.
    const stored = mode === 'failover' ? null : await cluster.stored()
    return {
      ...{ lines: [line], promise: driver.promise, proved: false, stored },
      acknowledged: acknowledged.acknowledged,
      distinct: acknowledged.countDistinct(),
      ...{ leaderChanges: 0, eventLoopDelayMs: {}, faults: [] },
    }
  } finally {
    await cluster.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function steadyLine(
  driver: Driver,
  cluster: DriverCluster,
  { mode, directory, acknowledged, warmUpMs, milliseconds }: PeerRunOptions,
): Promise<Line> {
  const { inFlight, eventsPerRequest } =
    mode === 'batch'
      ? driver.batch
      : { inFlight: mode === 'single' ? 1 : CONCURRENT_REQUESTS, eventsPerRequest: 1 }
  const client = await cluster.connect([await cluster.leader()], TIMEOUT_MS)
  const load = new DriverLoad(acknowledged, client, inFlight, eventsPerRequest)
  // One client alone is warmed up as ours is.
  const warmUp =
    mode === 'single' ? new DriverLoad(acknowledged, client, CONCURRENT_REQUESTS, 1) : load
  try {
    const pids = new Map(cluster.pids.map((pid, place) => [`n${place + 1}`, pid]))
    const figures = await measure(load, { warmUpMs, warmUp, milliseconds, pids, directory })
    return { label: mode, load: figures }
  } finally {
    await load.close()
  }
}

function subjectOf(
  cluster: DriverCluster,
  acknowledged: Acknowledged,
  { signal }: Settings,
): FailoverSubject {
  return {
    leader: async () => String(await cluster.leader()),
    load: async (without, inFlight, onSettled) => {
      const nodes = [...cluster.pids.keys()].filter((node) => node !== Number(without))
      const client = await cluster.connect(nodes, FAILOVER_TIMEOUT_MS)
      return new DriverLoad(acknowledged, client, inFlight, 1, onSettled)
    },
    strike: async (node) => {
      process.kill(cluster.pids[Number(node)]!, signal)
    },
    heal: async (node) => {
      if (signal === 'SIGSTOP') process.kill(cluster.pids[Number(node)]!, 'SIGCONT')
    },
  }
}

/** So many loops, each publishing one request after the other. */
export class DriverLoad implements EndableLoad {
  readonly #acknowledged: Acknowledged
  readonly #client: DriverClient
  readonly #inFlight: number
  readonly #eventsPerRequest: number
  readonly #onSettled: OnSettled | undefined
  #endMs = 0
  operations = 0

  constructor(
    acknowledged: Acknowledged,
    client: DriverClient,
    inFlight: number,
    eventsPerRequest: number,
    onSettled?: OnSettled,
  ) {
    this.#acknowledged = acknowledged
    this.#client = client
    this.#inFlight = inFlight
    this.#eventsPerRequest = eventsPerRequest
    this.#onSettled = onSettled
  }

  async run(milliseconds: number): Promise<LoadFigures> {
    const latency = latencyHistogram()
    let failed = 0
    let firstFailure: string | null = null
    this.operations = 0
    const startMs = performance.now()
    this.#endMs = startMs + milliseconds
    const loop = async (): Promise<void> => {
      while (performance.now() < this.#endMs) {
        const count = this.#eventsPerRequest
        const first = this.#acknowledged.workload.take(count)
        this.#acknowledged.sending(first, count)
        const events = this.#eventsOf(first, count)
        const calledMs = performance.now()
        try {
          await this.#client.publish(events)
        } catch (error) {
          failed += 1
          firstFailure ??= error instanceof Error ? error.message : String(error)
          await new Promise((resolve) => setTimeout(resolve, FAILURE_PAUSE_MS))
          continue
        }
        const nowMs = performance.now()
        this.operations += count
        latency.record(Math.max(1, Math.round(US_PER_MS * (nowMs - calledMs))))
        for (let number = first; number < first + count; number += 1) {
          this.#acknowledged.told(number, SOME_POSITION)
        }
        this.#onSettled?.(count, calledMs, nowMs)
      }
    }
    await Promise.all(Array.from({ length: this.#inFlight }, loop))
    return {
      ...{ operations: this.operations, latency, failed, firstFailure },
      seconds: (performance.now() - startMs) / 1_000,
    }
  }

  end(): void {
    this.#endMs = 0
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  #eventsOf(first: number, count: number): DriverEvent[] {
    const { workload } = this.#acknowledged
    return Array.from({ length: count }, (_, place) => {
      const { topic, event_id: eventId } = workload.namesOf(first + place)
      const json = Buffer.allocUnsafe(workload.bytesOf(first + place, 1))
      workload.write(json, 0, first + place, 1)
      return { topic, eventId, key: `${topic}/${eventId}`, json }
    })
  }
}
