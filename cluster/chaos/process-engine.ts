// The cluster as processes on this machine: killed with SIGKILL, paused with SIGSTOP, cut off by proxies on the links
// between them, slowed by strace. Nodes that end by themselves are started again, and told.
//
// Proxies stand only where the scenario needs them: they cost time, which would be counted as the cluster's.

import { rmSync } from 'node:fs'
import { DataDir } from '../data-dir.ts'
import { LOOPBACK, portsOf } from '../ports.ts'
import { ClusterProcesses, exitText, type NodeEnv } from '../processes.ts'
import type { Engine, FaultType, LinkCondition, NodeCondition } from './engine.ts'
import { LinkProxy, type LinkState } from './link-proxy.ts'
import { SlowDisk, slowDiskLacks } from './slow-disk.ts'

export interface ProcessEngineOptions {
  readonly directory: string
  readonly count: number
  readonly basePort: number
  readonly env?: NodeEnv
  /** With a proxy on each link. */
  readonly links: boolean
}

interface Link {
  readonly from: string
  readonly to: string
  readonly proxy: LinkProxy
}

const OPEN: LinkCondition = { type: 'open' }

export class ProcessEngine implements Engine {
  readonly name = 'process'
  readonly #cluster: ClusterProcesses
  readonly #crashes: string[] = []
  readonly #links: readonly Link[]
  readonly #slowDiskLacks: string | null
  readonly #lives = new Map<string, number>()
  readonly #conditions = new Map<string, NodeCondition>()
  readonly #linkConditions = new Map<string, LinkCondition>()
  readonly #slowDisks = new Map<string, SlowDisk>()

  private constructor(
    cluster: ClusterProcesses,
    links: readonly Link[],
    slowDiskMissing: string | null,
  ) {
    this.#cluster = cluster
    this.#links = links
    this.#slowDiskLacks = slowDiskMissing
    cluster.on('started', (id) => this.#lives.set(id, (this.#lives.get(id) ?? 0) + 1))
    cluster.on('exited', (exit) => {
      if (!exit.wanted) this.#crashes.push(exitText(exit))
    })
  }

  static async open(options: ProcessEngineOptions): Promise<ProcessEngine> {
    const { directory, count, basePort, env = {} } = options
    const links = options.links ? await openLinks(count, basePort) : []
    const cluster = new ClusterProcesses({
      dataDir: DataDir.open(directory),
      count,
      basePort,
      env,
      supervise: true,
      envOf: (id) => (links.length === 0 ? {} : { PEERS: peersOf(id, links, count, basePort) }),
    })
    return new ProcessEngine(cluster, links, await slowDiskLacks())
  }

  get ids(): readonly string[] {
    return this.#cluster.ids
  }

  url(id: string): string {
    return this.#cluster.url(id)
  }

  life(id: string): number {
    return this.#lives.get(id) ?? 0
  }

  condition(id: string): NodeCondition {
    return this.#conditions.get(id) ?? 'up'
  }

  lacks(fault: FaultType): string | null {
    if (fault === 'slow-disk') return this.#slowDiskLacks
    const needsLinks = ['partition', 'one-way', 'flap', 'slow-link'].includes(fault)
    return needsLinks && this.#links.length === 0 ? 'there is no proxy on the links' : null
  }

  async crashes(): Promise<readonly string[]> {
    return this.#crashes
  }

  async startAll(): Promise<void> {
    this.#cluster.startAll()
    await this.#cluster.waitForAll()
  }

  async kill(id: string): Promise<void> {
    this.#conditions.set(id, 'killed')
    await this.#cluster.kill(id)
  }

  async stop(id: string): Promise<void> {
    this.#conditions.set(id, 'stopped')
    await this.#cluster.stop(id)
  }

  async start(id: string): Promise<void> {
    this.#conditions.set(id, 'up')
    if (this.#cluster.pid(id) === null) this.#cluster.start(id)
  }

  async pause(id: string): Promise<void> {
    if (this.#cluster.signal(id, 'SIGSTOP')) this.#conditions.set(id, 'paused')
  }

  async resume(id: string): Promise<void> {
    this.#cluster.signal(id, 'SIGCONT')
    if (this.condition(id) === 'paused') this.#conditions.set(id, 'up')
  }

  async setLinks(id: string, condition: LinkCondition): Promise<void> {
    this.#linkConditions.set(id, condition)
    for (const { from, to, proxy } of this.#links) {
      if (from !== id && to !== id) continue
      const leaving = effect(this.#linkConditions.get(from) ?? OPEN, 'out')
      const arriving = effect(this.#linkConditions.get(to) ?? OPEN, 'in')
      proxy.set(worse(leaving, arriving))
    }
  }

  async slowDisk(id: string, delayMs: number): Promise<void> {
    await this.#slowDisks.get(id)?.end()
    this.#slowDisks.delete(id)
    const pid = this.#cluster.pid(id)
    if (delayMs > 0 && pid !== null) this.#slowDisks.set(id, new SlowDisk(pid, delayMs))
  }

  async close(keepData: boolean): Promise<string | null> {
    for (const id of this.ids) await this.slowDisk(id, 0)
    await this.#cluster.stopAll()
    await Promise.all(this.#links.map(({ proxy }) => proxy.close()))
    const { path } = this.#cluster.dataDir
    if (keepData) return path
    rmSync(path, { recursive: true, force: true })
    return null
  }
}

async function openLinks(count: number, basePort: number): Promise<Link[]> {
  const nodes = portsOf(count, basePort)
  const links: Link[] = []
  for (const from of nodes) {
    for (const to of nodes) {
      if (from === to) continue
      links.push({ from: from.id, to: to.id, proxy: await LinkProxy.open(to.peerPort) })
    }
  }
  return links
}

/** The node's own address is where it listens; all others are reached through its proxies. */
function peersOf(id: string, links: readonly Link[], count: number, basePort: number): string {
  const portTo = (to: { id: string; peerPort: number }): number =>
    links.find((link) => link.from === id && link.to === to.id)?.proxy.port ?? to.peerPort
  return portsOf(count, basePort)
    .map((to) => `${to.id}=http://${LOOPBACK}:${portTo(to)}`)
    .join(',')
}

/** What a node's condition means for the links in one direction. */
function effect(condition: LinkCondition, direction: 'in' | 'out'): LinkState {
  if (condition.type !== 'cut') return condition
  const applies = condition.direction === 'both' || condition.direction === direction
  return applies ? { type: 'cut', mode: condition.mode } : { type: 'open' }
}

/** Two faults may meet at one link. */
function worse(a: LinkState, b: LinkState): LinkState {
  if (a.type === 'cut' || b.type === 'open') return a
  if (b.type === 'cut' || a.type === 'open') return b
  return a.delayMs >= b.delayMs ? a : b
}
