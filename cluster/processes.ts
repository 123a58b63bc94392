// A cluster of real node processes on this machine: starting, killing, stopping, and waiting for a leader.
//
// `npm start`, chaos, the benchmark and the tests stand on this class. It knows the nodes by their contract alone:
// environment in, HTTP and exit codes out. It never looks into a node's directory and never ends a process that it
// did not start itself.

import { type ChildProcess, spawn } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { closeSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Stats } from '../client/contract/state.ts'
import { CommandError } from './args.ts'
import type { DataDir } from './data-dir.ts'
import { NodeClient } from './http.ts'
import { LOOPBACK, type NodePorts, portsOf } from './ports.ts'
import { ProcessLog } from './process-log.ts'

export type NodeEnv = Readonly<Record<string, string>>

export interface ClusterOptions {
  readonly dataDir: DataDir
  readonly count: number
  /** Clients of n1; n2 has the next one. Peers are PEER_PORT_DISTANCE above. */
  readonly basePort: number
  /** Starts a node again when it ends by itself, unless it refused to run. */
  readonly supervise?: boolean
  /** Beyond, and instead of, what every node is given. */
  readonly env?: NodeEnv
  /** The same for one node: PEERS with a proxy in between, say. */
  readonly envOf?: (id: string) => NodeEnv
  /** The file to run; node/main.ts. */
  readonly entry?: string
}

/** How a process ended. */
export interface NodeExit {
  readonly id: string
  readonly pid: number
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** True when we asked for it. */
  readonly wanted: boolean
  readonly lifeMs: number
  /** What it said to people at its end. */
  readonly lastWords: readonly string[]
}

export interface ClusterEvents {
  started: [id: string, pid: number]
  exited: [exit: NodeExit]
  /** It ended by itself and will be started again after delayMs. */
  restarting: [exit: NodeExit, delayMs: number]
  /** It ended saying that starting it again cannot help. */
  refused: [exit: NodeExit]
}

/**
 * A node that cannot run as it is configured, or on the data it found, ends with one of these; starting it again
 * would only repeat that. Everything else (a bug, a failed disk, kill -9) is worth another start.
 */
const REFUSAL_CODE_MIN = 2
const REFUSAL_CODE_MAX = 63

/** A node hands leadership over and finishes what is in flight, which has a deadline of 10 s of its own. */
const STOP_MS_MAX = 15_000
const LEADER_MS_MAX = 20_000
const RESTART_MS_MIN = 250
const RESTART_MS_MAX = 10_000
/** A life this long was a good one: the next death is not part of a crash loop. */
const GOOD_LIFE_MS = 30_000
const POLL_MS = 50
const POLL_TIMEOUT_MS = 1_000
const LOG_CHECK_MS = 5_000

const MAIN = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', 'node', 'main.ts')
/**
 * One helper thread of V8's a node, since nodes on one machine share its cores. The old space is not collected before it
 * is so large, in MB: what a node keeps there is small, but buffers, which it hands through, count as growth of it. The
 * young generation has half its usual size, and so touches less memory.
 */
const NODE_FLAGS = [
  '--disable-warning=ExperimentalWarning',
  '--v8-pool-size=1',
  '--initial-heap-size=64',
  '--max-semi-space-size=8',
]

interface Member {
  readonly ports: NodePorts
  readonly url: string
  readonly log: ProcessLog
  readonly client: NodeClient
  process: ChildProcess | null
  ended: Promise<NodeExit> | null
  lastExit: NodeExit | null
  /** We asked the present process to end. */
  stopping: boolean
  quickDeaths: number
  restartTimer: NodeJS.Timeout | null
}

export class ClusterProcesses extends EventEmitter<ClusterEvents> {
  readonly ids: readonly string[]
  readonly dataDir: DataDir
  readonly #options: ClusterOptions
  readonly #members = new Map<string, Member>()
  readonly #secret: string
  readonly #logCheck: NodeJS.Timeout
  readonly #killAllNow = (): void => {
    for (const member of this.#members.values()) member.process?.kill('SIGKILL')
  }

  constructor(options: ClusterOptions) {
    super()
    this.#options = options
    this.dataDir = options.dataDir
    this.#secret = options.dataDir.secret()
    for (const ports of portsOf(options.count, options.basePort)) {
      const url = `http://${LOOPBACK}:${ports.port}`
      this.#members.set(ports.id, {
        ports,
        url,
        log: new ProcessLog(options.dataDir.logPath(ports.id)),
        client: new NodeClient(url, { connections: 2, timeoutMs: POLL_TIMEOUT_MS }),
        process: null,
        ended: null,
        lastExit: null,
        stopping: false,
        quickDeaths: 0,
        restartTimer: null,
      })
    }
    this.ids = [...this.#members.keys()]
    this.#logCheck = setInterval(() => {
      for (const member of this.#members.values()) member.log.rotateIfLarge()
    }, LOG_CHECK_MS).unref()
    // Whatever ends this process, short of kill -9, leaves no node behind.
    // First of all, so that what others do at the end meets no node that still writes.
    process.prependOnceListener('exit', this.#killAllNow)
  }

  get urls(): string[] {
    return this.ids.map((id) => this.url(id))
  }

  url(id: string): string {
    return this.#member(id).url
  }

  peerUrl(id: string): string {
    return `http://${LOOPBACK}:${this.#member(id).ports.peerPort}`
  }

  /** Null while it does not run. */
  pid(id: string): number | null {
    return this.#member(id).process?.pid ?? null
  }

  logPath(id: string): string {
    return this.#member(id).log.path
  }

  /** Ids of the nodes whose process is there, paused ones included. */
  get running(): string[] {
    return this.ids.filter((id) => this.pid(id) !== null)
  }

  /** The present process's end; resolves at once for a node that does not run. */
  async ended(id: string): Promise<void> {
    await this.#member(id).ended
  }

  startAll(): void {
    for (const id of this.ids) this.start(id)
  }

  /** Answers the pid. Starting a node that runs already is a programming error. */
  start(id: string, env: NodeEnv = {}): number {
    const member = this.#member(id)
    if (member.process !== null) throw new Error(`${id} runs already`)
    this.#cancelRestart(member)
    const descriptor = member.log.openForProcess()
    const startedAtMs = performance.now()
    // A process group of its own: Ctrl-C in the terminal is for us, and we stop the nodes in order.
    const child = spawn(process.execPath, [...NODE_FLAGS, this.#options.entry ?? MAIN], {
      env: { ...process.env, ...this.#environment(member), ...env },
      stdio: ['ignore', descriptor, descriptor],
      detached: true,
    })
    closeSync(descriptor)
    const pid = child.pid
    if (pid === undefined) throw new Error(`${process.execPath} could not be started for ${id}`)
    member.process = child
    member.stopping = false
    member.ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        const exit: NodeExit = {
          id,
          pid,
          code,
          signal,
          wanted: member.stopping,
          lifeMs: performance.now() - startedAtMs,
          lastWords: member.log.lastWords(),
        }
        member.process = null
        member.lastExit = exit
        this.dataDir.noteNode(id, null)
        resolve(exit)
        this.#afterExit(member, exit)
      })
    })
    this.dataDir.noteNode(id, pid)
    this.emit('started', id, pid)
    return pid
  }

  /** SIGSTOP, SIGCONT and the like; false when the node does not run. What it dies of counts as its own death. */
  signal(id: string, signal: NodeJS.Signals): boolean {
    return this.#member(id).process?.kill(signal) ?? false
  }

  /** Ends the process with this signal and waits until it has ended. Supervision does not bring it back. */
  async kill(id: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const member = this.#member(id)
    this.#cancelRestart(member)
    member.stopping = true
    member.process?.kill(signal)
    // A paused process would notice a gentle signal only when it goes on.
    member.process?.kill('SIGCONT')
    await member.ended
  }

  /** SIGTERM, and SIGKILL when that has not helped within the bound. */
  async stop(id: string, timeoutMs = STOP_MS_MAX): Promise<void> {
    const overdue = setTimeout(() => this.signal(id, 'SIGKILL'), timeoutMs)
    await this.kill(id, 'SIGTERM')
    clearTimeout(overdue)
  }

  async restart(id: string, signal: NodeJS.Signals = 'SIGTERM'): Promise<number> {
    if (signal === 'SIGTERM') await this.stop(id)
    else await this.kill(id, signal)
    return this.start(id)
  }

  /** Stops what runs and gives the data directory free. The object is of no use afterwards. */
  async stopAll(timeoutMs = STOP_MS_MAX): Promise<void> {
    await Promise.all(this.ids.map((id) => this.stop(id, timeoutMs)))
    clearInterval(this.#logCheck)
    process.removeListener('exit', this.#killAllNow)
    await Promise.all([...this.#members.values()].map((member) => member.client.close()))
    this.dataDir.release()
  }

  /** SIGKILL to everything, now; stopAll() then ends at once. */
  killAllNow(): void {
    this.#killAllNow()
  }

  /** What each running node says of itself; null for one that does not answer within a second. */
  async stats(): Promise<Map<string, Stats | null>> {
    const answers = this.ids.map(async (id): Promise<[string, Stats | null]> => {
      if (this.pid(id) === null) return [id, null]
      return [
        id,
        await this.#member(id)
          .client.stats()
          .catch(() => null),
      ]
    })
    return new Map(await Promise.all(answers))
  }

  /** Digest of each of these nodes at exactly that applied index; null where it has none to show. */
  async digests(ids: readonly string[], index: number): Promise<(string | null)[]> {
    const digestOf = async (id: string): Promise<string | null> =>
      (await this.#member(id).client.digest(index)).digest
    return Promise.all(ids.map((id) => digestOf(id).catch(() => null)))
  }

  /**
   * Resolves with the leader's id once a majority of all nodes name it, in one term, and it agrees. Rejects at the
   * deadline, or when too many nodes have ended to ever have one, with what they said.
   */
  waitForLeader(timeoutMs = LEADER_MS_MAX): Promise<string> {
    return this.#poll(timeoutMs, 'no leader', (stats) => {
      const gone = this.#goneForGood()
      if (gone.length > 0 && gone.length * 2 >= this.ids.length) {
        throw new CommandError(`too many nodes have ended for a leader: ${exitText(gone[0]!)}`)
      }
      return agreedLeader(stats, this.ids.length)
    })
  }

  /** Resolves once every node answers and all name the same leader: the cluster is whole. */
  waitForAll(timeoutMs = LEADER_MS_MAX): Promise<string> {
    return this.#poll(timeoutMs, 'not every node follows a leader', (stats) => {
      const leader = agreedLeader(stats, this.ids.length)
      return [...stats.values()].every((view) => view?.leader_id === leader) ? leader : null
    })
  }

  async #poll(
    timeoutMs: number,
    complaint: string,
    look: (stats: ReadonlyMap<string, Stats | null>) => string | null,
  ): Promise<string> {
    const deadlineMs = performance.now() + timeoutMs
    for (;;) {
      const found = look(await this.stats())
      if (found !== null) return found
      if (performance.now() > deadlineMs) {
        const logs = path.dirname(this.dataDir.logPath('n1'))
        throw new CommandError(
          `${complaint} after ${timeoutMs / 1000} s; the nodes' logs are in ${logs}`,
        )
      }
      await sleep(POLL_MS)
    }
  }

  #environment(member: Member): NodeEnv {
    const { id, port } = member.ports
    return {
      NODE_ID: id,
      PEERS: this.ids.map((peer) => `${peer}=${this.peerUrl(peer)}`).join(','),
      PORT: String(port),
      HOST: LOOPBACK,
      PEER_HOST: LOOPBACK,
      DATA_DIR: this.dataDir.nodeDir(id),
      ADVERTISE_URL: member.url,
      CLUSTER_SECRET: this.#secret,
      CLUSTER_SECRET_FILE: '', // one from the caller's environment would contradict ours
      ...this.#options.env,
      ...this.#options.envOf?.(id),
    }
  }

  #afterExit(member: Member, exit: NodeExit): void {
    this.emit('exited', exit)
    if (exit.wanted || this.#options.supervise !== true) return
    if (isRefusal(exit.code)) {
      this.emit('refused', exit)
      return
    }
    if (exit.lifeMs >= GOOD_LIFE_MS) member.quickDeaths = 0
    const delayMs = Math.min(RESTART_MS_MAX, RESTART_MS_MIN * 2 ** member.quickDeaths)
    member.quickDeaths += 1
    member.restartTimer = setTimeout(() => {
      member.restartTimer = null
      this.start(exit.id)
    }, delayMs)
    this.emit('restarting', exit, delayMs)
  }

  /** Ends that nobody will follow by a start. */
  #goneForGood(): NodeExit[] {
    return [...this.#members.values()].flatMap((member) =>
      member.process === null && member.restartTimer === null && member.lastExit !== null
        ? [member.lastExit]
        : [],
    )
  }

  #cancelRestart(member: Member): void {
    if (member.restartTimer !== null) clearTimeout(member.restartTimer)
    member.restartTimer = null
  }

  #member(id: string): Member {
    const member = this.#members.get(id)
    if (member === undefined) throw new Error(`there is no node ${id}`)
    return member
  }
}

export function isRefusal(code: number | null): boolean {
  return code !== null && code >= REFUSAL_CODE_MIN && code <= REFUSAL_CODE_MAX
}

/** The node that a majority of `count` nodes, itself among them, take for the leader of one and the same term. */
export function agreedLeader(
  stats: ReadonlyMap<string, Pick<Stats, 'role' | 'term' | 'leader_id'> | null>,
  count: number,
): string | null {
  for (const [id, view] of stats) {
    if (view?.role !== 'leader') continue
    const followers = [...stats.values()].filter(
      (other) => other !== null && other.term === view.term && other.leader_id === id,
    )
    if (followers.length * 2 > count) return id
  }
  return null
}

/** One sentence about how a process ended. */
export function exitText(exit: NodeExit): string {
  const how = exit.signal === null ? `exit code ${exit.code}` : exit.signal
  const words = exit.lastWords.length === 0 ? '' : `: ${exit.lastWords.join('; ')}`
  return `${exit.id} ended (${how})${words}`
}
