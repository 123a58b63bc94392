// The cluster as containers of docker-compose.yml: killed, paused and cut off through the docker command line.
//
// A node is cut off by taking it from the network on which peers meet; its clients still reach it over the other one. One
// link alone cannot be cut here, nor bytes delayed. It makes a project of its own, so that a cluster that
// `docker compose up` has started beside it is not touched; its data goes with it.

import { execFile } from 'node:child_process'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Stats } from '../../client/contract/state.ts'
import { CommandError } from '../args.ts'
import { NodeClient } from '../http.ts'
import { LOOPBACK } from '../ports.ts'
import { agreedLeader } from '../processes.ts'
import type { Engine, FaultType, LinkCondition, NodeCondition } from './engine.ts'

/** Runs `docker` with these words and answers what it printed; rejects when it fails. */
export type Docker = (words: readonly string[]) => Promise<string>

const PROJECT = 'sekali-chaos'
const NETWORK = 'peers'
const IDS = ['n1', 'n2', 'n3'] as const
/** Of each node inside its container; docker-compose.yml says where it is published. */
const CLIENT_PORT = 8001
/** The client ports without their last digit, so that they are not those of a cluster started by hand. */
const PORT_PREFIX = '810'
const READY_MS_MAX = 180_000
const POLL_MS = 250
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024
const REPOSITORY = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', '..')

const LACKING: ReadonlyMap<FaultType, string> = new Map([
  ['one-way', 'a container is on the network of the peers, or it is not'],
  ['slow-link', 'the links between containers cannot be delayed from here'],
  ['slow-disk', 'the disks of containers cannot be slowed from here'],
])

export class ComposeEngine implements Engine {
  readonly name = 'compose'
  readonly ids: readonly string[] = IDS
  readonly #docker: Docker
  readonly #untilWhole: (urls: readonly string[]) => Promise<void>
  readonly #lives = new Map<string, number>()
  readonly #conditions = new Map<string, NodeCondition>()
  readonly #cutOff = new Set<string>()
  readonly #urls = new Map<string, string>()
  readonly #crashes: string[] = []
  #containers: ReadonlyMap<string, string> = new Map()

  /** `untilWhole`: resolves when the nodes behind these URLs all follow one leader. */
  constructor(docker: Docker, untilWhole = waitUntilWhole) {
    this.#docker = docker
    this.#untilWhole = untilWhole
  }

  static async open(docker: Docker = runDocker): Promise<ComposeEngine> {
    try {
      await docker(['compose', 'version'])
    } catch (error) {
      throw new CommandError(`docker compose cannot be used here: ${firstLine(error)}`)
    }
    return new ComposeEngine(docker)
  }

  url(id: string): string {
    return this.#urls.get(id) ?? ''
  }

  life(id: string): number {
    return this.#lives.get(id) ?? 0
  }

  condition(id: string): NodeCondition {
    return this.#conditions.get(id) ?? 'up'
  }

  lacks(fault: FaultType): string | null {
    return LACKING.get(fault) ?? null
  }

  async crashes(): Promise<readonly string[]> {
    for (const id of IDS) await this.#noteRestarts(id)
    return this.#crashes
  }

  async startAll(): Promise<void> {
    await this.#compose('up', '--build', '--detach', ...IDS)
    const named = IDS.map(async (id): Promise<[string, string]> => {
      return [id, (await this.#compose('ps', '--quiet', id)).trim()]
    })
    this.#containers = new Map(await Promise.all(named))
    for (const id of IDS) {
      const port = /:(\d+)\s*$/.exec(await this.#compose('port', id, String(CLIENT_PORT)))?.[1]
      if (port === undefined) throw new CommandError(`docker compose tells no port of ${id}`)
      this.#urls.set(id, `http://${LOOPBACK}:${port}`)
      this.#lives.set(id, 1)
    }
    await this.#untilWhole(IDS.map((id) => this.url(id)))
  }

  async kill(id: string): Promise<void> {
    if (this.#isDown(id)) return
    this.#conditions.set(id, 'killed')
    await this.#noteRestarts(id)
    // A container that we killed is not brought back by its restart policy.
    await this.#docker(['kill', this.#container(id)])
  }

  async stop(id: string): Promise<void> {
    if (this.#isDown(id)) return
    await this.resume(id) // docker does not stop what is paused
    this.#conditions.set(id, 'stopped')
    await this.#noteRestarts(id)
    await this.#docker(['stop', this.#container(id)])
  }

  async start(id: string): Promise<void> {
    if (!this.#isDown(id)) return
    this.#conditions.set(id, 'up')
    this.#lives.set(id, this.life(id) + 1)
    await this.#docker(['start', this.#container(id)])
  }

  async pause(id: string): Promise<void> {
    if (this.condition(id) !== 'up') return
    this.#conditions.set(id, 'paused')
    await this.#docker(['pause', this.#container(id)])
  }

  async resume(id: string): Promise<void> {
    if (this.condition(id) !== 'paused') return
    this.#conditions.set(id, 'up')
    await this.#docker(['unpause', this.#container(id)])
  }

  async setLinks(id: string, condition: LinkCondition): Promise<void> {
    const cut = condition.type === 'cut'
    if (cut === this.#cutOff.has(id)) return
    const network = `${PROJECT}_${NETWORK}`
    if (cut) {
      this.#cutOff.add(id)
      await this.#docker(['network', 'disconnect', network, this.#container(id)])
    } else {
      this.#cutOff.delete(id)
      // Under the name by which its peers know it; compose gives it only to those that it connects itself.
      const alias = `${id}-peer`
      await this.#docker(['network', 'connect', '--alias', alias, network, this.#container(id)])
    }
  }

  async slowDisk(_id: string, delayMs: number): Promise<void> {
    if (delayMs > 0) throw new Error(LACKING.get('slow-disk'))
  }

  async close(keepData: boolean): Promise<string | null> {
    if (this.#containers.size > 0 && keepData) {
      await this.#compose('stop')
      return `the volumes of the compose project ${PROJECT} (docker compose -p ${PROJECT} logs)`
    }
    await this.#compose('down', '--volumes')
    return null
  }

  /** Starts by the restart policy: the container had ended by itself. Starting it from here sets the count back. */
  async #noteRestarts(id: string): Promise<void> {
    const words = ['inspect', '--format', '{{.RestartCount}}', this.#container(id)]
    const count = Number((await this.#docker(words)).trim())
    if (count > 0) this.#crashes.push(`${id} was started again ${count} times by docker`)
  }

  #isDown(id: string): boolean {
    const condition = this.condition(id)
    return condition === 'killed' || condition === 'stopped'
  }

  #compose(...words: string[]): Promise<string> {
    return this.#docker(['compose', '--project-name', PROJECT, ...words])
  }

  #container(id: string): string {
    const container = this.#containers.get(id)
    if (container === undefined || container === '') throw new Error(`${id} has no container`)
    return container
  }
}

async function waitUntilWhole(urls: readonly string[]): Promise<void> {
  const clients = urls.map((url) => new NodeClient(url, { timeoutMs: 1_000 }))
  const deadlineMs = performance.now() + READY_MS_MAX
  try {
    for (;;) {
      const looks = await Promise.all(clients.map((client) => client.stats().catch(() => null)))
      const byId = new Map<string, Stats | null>(IDS.map((id, place) => [id, looks[place] ?? null]))
      const leader = agreedLeader(byId, IDS.length)
      if (leader !== null && looks.every((stats) => stats?.leader_id === leader)) return
      if (performance.now() > deadlineMs) {
        throw new CommandError(`no whole cluster after ${READY_MS_MAX / 1_000} s`)
      }
      await sleep(POLL_MS)
    }
  } finally {
    await Promise.all(clients.map((client) => client.close()))
  }
}

async function runDocker(words: readonly string[]): Promise<string> {
  const env = { PORT_PREFIX, ...process.env }
  const options = { cwd: REPOSITORY, env, maxBuffer: OUTPUT_BYTES_MAX }
  try {
    return (await promisify(execFile)('docker', [...words], options)).stdout
  } catch (error) {
    throw new CommandError(`docker ${words.join(' ')}: ${firstLine(error)}`)
  }
}

/** What docker complained about. */
function firstLine(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message?: string }
  const text = stderr === undefined || stderr.trim() === '' ? (message ?? String(error)) : stderr
  return text.trim().split('\n').at(-1) ?? text
}
