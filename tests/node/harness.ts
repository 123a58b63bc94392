// A node, or several, for tests that speak HTTP: the real app, edge and state machine over the sequencer, on memory or on
// a directory, without a socket. It starts in milliseconds, and time stands still until a test advances it.

import { onTestFinished } from 'vitest'
import { REQUEST_LIMITS } from '../../client/contract/limits.ts'
import { Followers } from '../../node/follow/followers.ts'
import type { Api } from '../../node/http/api.ts'
import { type App, createApp } from '../../node/http/app.ts'
import { Door } from '../../node/http/door.ts'
import { Meters } from '../../node/metrics/meters.ts'
import { ClusterView } from '../../node/overview/cluster-view.ts'
import type { Checkpoint, Entry } from '../../raft/core/types.ts'
import { ManualClock } from './manual-clock.ts'
import { openMachine } from './open-machine.ts'
import { redo, SequencedNode, Sequencer } from './sequencer.ts'

export const PUBLISH_DEADLINE_MS = 10_000

export interface NodeOptions {
  readonly limits?: Partial<Api['limits']>
  readonly pendingRequestsMax?: number
  readonly pendingBytesMax?: number
  readonly subscribersMax?: number
  readonly corsOrigins?: readonly string[]
  /** Keeps the store there; absent: in memory. */
  readonly directory?: string
  /** A restart: what an earlier node left behind. */
  readonly log?: { readonly checkpoint: Checkpoint | null; readonly entries: readonly Entry[] }
}

/** An answer, read to its end. */
export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** Tests look into answers of every shape. */
  readonly body: ReturnType<typeof JSON.parse>
}

export interface TestNode {
  readonly app: App
  readonly api: Api
  readonly backend: SequencedNode
  readonly view: ClusterView
  /** The reports that it would have sent to its peers; a test hands them on, with `view.hear`. */
  readonly told: readonly Uint8Array[]
  /** Peers whose link to it is down. */
  readonly unlinked: Set<string>
  /** What its view of the cluster logged. */
  readonly warnings: readonly string[]
  readonly sequencer: Sequencer
  readonly clock: ManualClock
  /** What the app logged as its own faults. */
  readonly faults: readonly string[]
  request(path: string, init?: RequestInit): Promise<Reply>
  /** Publishes a value as JSON, or a string as it is. */
  publish(body: unknown, contentType?: string): Promise<Reply>
  /** Checkpoints and closes; what it answers starts a node on the same directory again. */
  stop(): Promise<NonNullable<NodeOptions['log']>>
}

/** One node alone. */
export async function startNode(options: NodeOptions = {}): Promise<TestNode> {
  const sequencer = new Sequencer(new ManualClock())
  sequencer.entries.push(...(options.log?.entries ?? []))
  sequencer.resume()
  return startNodeIn(sequencer, 'n1', options)
}

/** Nodes n1, n2 … that share one order; n1 leads. */
export async function startNodes(count: number, options: NodeOptions = {}): Promise<TestNode[]> {
  const sequencer = new Sequencer(new ManualClock())
  const nodes: TestNode[] = []
  for (let number = 1; number <= count; number += 1) {
    nodes.push(await startNodeIn(sequencer, `n${number}`, options))
  }
  return nodes
}

async function startNodeIn(
  sequencer: Sequencer,
  id: string,
  options: NodeOptions,
): Promise<TestNode> {
  const { clock } = sequencer
  const machine = await openMachine(options.directory)
  await redo(machine, options.log?.checkpoint ?? null, sequencer.entries)
  const backend = new SequencedNode(id, sequencer, machine)
  const faults: string[] = []
  const told: Uint8Array[] = []
  const unlinked = new Set<string>()
  const warnings: string[] = []
  const view = new ClusterView({
    backend,
    monotonicMs: clock.monotonicMs,
    linked: (peer) => !unlinked.has(peer),
    tell: (report) => told.push(report),
    redoneAt: 0,
    log: {
      warn: (cause) => void warnings.push(cause),
      error: (cause) => void warnings.push(cause),
    },
  })
  clock.onAdvance(() => view.tick())
  const log: Api['log'] = {
    error: (cause, facts) => void faults.push(`${cause}: ${JSON.stringify(facts)}`),
  }
  const api: Api = {
    backend,
    view,
    limits: { ...REQUEST_LIMITS, ...options.limits },
    door: new Door({
      pendingRequestsMax: options.pendingRequestsMax ?? 1_000,
      pendingBytesMax: options.pendingBytesMax ?? 64 * 1024 * 1024,
    }),
    meters: new Meters(),
    instruments: {
      version: '1.2.3',
      eventLoopDelayMs: () => ({ p50: 0.25, p99: 4, max: 31.5 }),
      diskUsage: async () => ({ logBytes: 100, storeBytes: 200, freeBytes: 700, sizeBytes: 1_000 }),
      peerNotes: () => ({ linkUp: 2, dropped: 1 }),
    },
    followers: new Followers({
      backend,
      monotonicMs: clock.monotonicMs,
      schedule: setImmediate,
      followersMax: options.subscribersMax ?? 100,
      log,
    }),
    corsOrigins: options.corsOrigins ?? [],
    publishDeadlineMs: PUBLISH_DEADLINE_MS,
    wallMs: clock.wallMs,
    monotonicMs: clock.monotonicMs,
    random: () => 0,
    log,
  }
  const app = createApp(api)
  const request = async (path: string, init?: RequestInit): Promise<Reply> =>
    read(await app.request(path, init))
  let open = true
  const stop = async () => {
    open = false
    backend.resumeApply()
    await backend.settle()
    const checkpoint = await machine.checkpoint()
    await machine.close()
    return { checkpoint, entries: [...sequencer.entries] }
  }
  onTestFinished(async () => {
    if (open) await stop()
  })
  return {
    app,
    api,
    backend,
    view,
    told,
    unlinked,
    warnings,
    sequencer,
    clock,
    faults,
    request,
    publish: (body, contentType = 'application/json') =>
      request('/publish', {
        method: 'POST',
        headers: { 'content-type': contentType },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    stop,
  }
}

async function read(response: Response): Promise<Reply> {
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.includes('json') ?? false
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: isJson && text !== '' ? JSON.parse(text) : null,
  }
}

/** Lets everything run that waits for nothing but its turn, until the condition holds. */
export async function turnsUntil(condition: () => boolean): Promise<void> {
  for (let turns = 0; turns < 10_000; turns += 1) {
    if (condition()) return
    await new Promise((resolve) => setImmediate(resolve))
  }
  throw new Error('the condition never came to hold')
}
