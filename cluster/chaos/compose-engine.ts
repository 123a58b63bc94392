// The cluster as containers of docker-compose.yml: killed, paused and cut off through the Docker Engine's API.
//
// Either a project of its own, made and removed with its data by `docker compose`, so that a cluster that
// `docker compose up` has started beside it is not touched; or the very project in which this process is a container,
// which it leaves as it found it, but for what it published.
//
// A node is cut off by taking it from the network on which peers meet; its clients still reach it over the other one. One
// link alone cannot be cut here, nor bytes delayed.

import { execFile } from 'node:child_process'
import { hostname } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Stats } from '../../client/contract/state.ts'
import { CommandError } from '../args.ts'
import { NodeClient } from '../http.ts'
import { LOOPBACK } from '../ports.ts'
import { agreedLeader } from '../processes.ts'
import { urlsById } from './attached-engine.ts'
import { DockerApi } from './docker-api.ts'
import type { Engine, FaultType, LinkCondition, NodeCondition } from './engine.ts'

/** Runs `docker compose` with these words on one project; rejects when it fails. */
export type Compose = (...words: string[]) => Promise<void>

export interface ComposePorts {
  readonly docker: DockerApi
  /** As compose labels its containers. */
  readonly project: string
  /** Makes and removes the project; null: that is somebody else's part. */
  readonly compose: Compose | null
  /** Services, which are called like their nodes, with their client URLs; '' where docker has to tell. */
  readonly urls: ReadonlyMap<string, string>
  /** Resolves when these nodes, by their ids, all follow one leader. */
  untilWhole?(urls: ReadonlyMap<string, string>): Promise<void>
}

const OWN_PROJECT = 'sekali-chaos'
const OWN_URLS = new Map(['n1', 'n2', 'n3'].map((id) => [id, '']))
const NETWORK = 'peers'
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
  readonly #docker: DockerApi
  readonly #project: string
  readonly #compose: Compose | null
  readonly #untilWhole: (urls: ReadonlyMap<string, string>) => Promise<void>
  readonly #urls: Map<string, string>
  readonly #containers = new Map<string, string>()
  readonly #lives = new Map<string, number>()
  readonly #conditions = new Map<string, NodeCondition>()
  readonly #cutOff = new Set<string>()
  /** By docker's own count, as far as they have been told. */
  readonly #restarts = new Map<string, number>()
  readonly #crashes: string[] = []

  constructor(ports: ComposePorts) {
    this.#docker = ports.docker
    this.#project = ports.project
    this.#compose = ports.compose
    this.#urls = new Map(ports.urls)
    this.#untilWhole = ports.untilWhole ?? waitUntilWhole
  }

  /** Three nodes of their own. */
  static async open(): Promise<ComposeEngine> {
    const docker = await DockerApi.open()
    const compose = composeOf(OWN_PROJECT, docker.host)
    try {
      await compose('version')
    } catch (error) {
      await docker.close()
      throw error
    }
    return new ComposeEngine({ docker, project: OWN_PROJECT, compose, urls: OWN_URLS })
  }

  /** The running nodes behind these URLs, out of the project that this process is a container of. */
  static async attach(urls: readonly string[]): Promise<ComposeEngine> {
    const docker = await DockerApi.open()
    try {
      const project = await docker.projectOf(hostname())
      if (project === null) throw new CommandError('this is no container of a compose project')
      return new ComposeEngine({ docker, project, compose: null, urls: await urlsById(urls) })
    } catch (error) {
      await docker.close()
      throw error
    }
  }

  get ids(): readonly string[] {
    return [...this.#urls.keys()]
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
    for (const id of this.#containers.keys()) await this.#noteRestarts(id)
    return this.#crashes
  }

  async startAll(): Promise<void> {
    await this.#compose?.('up', '--build', '--detach', ...this.ids)
    const containers = await this.#docker.containersOf(this.#project)
    for (const id of this.ids) {
      const [container, second] = containers.filter(({ service }) => service === id)
      if (container === undefined || second !== undefined) {
        throw new CommandError(`${id} is not one container of the project ${this.#project}`)
      }
      this.#containers.set(id, container.id)
      this.#restarts.set(id, await this.#docker.restarts(container.id))
      this.#lives.set(id, 1)
      if (this.url(id) !== '') continue
      const port = container.published.get(CLIENT_PORT)
      if (port === undefined) throw new CommandError(`docker tells no port of ${id}`)
      this.#urls.set(id, `http://${LOOPBACK}:${port}`)
    }
    await this.#untilWhole(this.#urls)
  }

  async kill(id: string): Promise<void> {
    if (this.#isDown(id)) return
    this.#conditions.set(id, 'killed')
    await this.#noteRestarts(id)
    // Docker takes it for stopped by its user, and leaves it so whatever its restart policy is.
    await this.#docker.order(this.#container(id), 'kill')
  }

  async stop(id: string): Promise<void> {
    if (this.#isDown(id)) return
    await this.resume(id) // docker does not stop what is paused
    this.#conditions.set(id, 'stopped')
    await this.#noteRestarts(id)
    await this.#docker.order(this.#container(id), 'stop')
  }

  async start(id: string): Promise<void> {
    if (!this.#isDown(id)) return
    this.#conditions.set(id, 'up')
    this.#lives.set(id, this.life(id) + 1)
    this.#restarts.set(id, 0) // docker counts anew from a start by order
    await this.#docker.order(this.#container(id), 'start')
  }

  async pause(id: string): Promise<void> {
    if (this.condition(id) !== 'up') return
    this.#conditions.set(id, 'paused')
    await this.#docker.order(this.#container(id), 'pause')
  }

  async resume(id: string): Promise<void> {
    if (this.condition(id) !== 'paused') return
    this.#conditions.set(id, 'up')
    await this.#docker.order(this.#container(id), 'unpause')
  }

  async setLinks(id: string, condition: LinkCondition): Promise<void> {
    const cut = condition.type === 'cut'
    if (cut === this.#cutOff.has(id)) return
    const network = `${this.#project}_${NETWORK}`
    if (cut) {
      this.#cutOff.add(id)
      await this.#docker.disconnect(network, this.#container(id))
    } else {
      this.#cutOff.delete(id)
      // Under the name by which its peers know it; compose gives it only to those that it connects itself.
      await this.#docker.connect(network, this.#container(id), `${id}-peer`)
    }
  }

  async slowDisk(_id: string, delayMs: number): Promise<void> {
    if (delayMs > 0) throw new Error(LACKING.get('slow-disk'))
  }

  async close(keepData: boolean): Promise<string | null> {
    try {
      if (this.#compose === null) {
        await this.#mendAll()
        return null
      }
      if (this.#containers.size > 0 && keepData) {
        await this.#compose('stop')
        return `the volumes of the compose project ${this.#project} (docker compose -p ${this.#project} logs)`
      }
      await this.#compose('down', '--volumes')
      return null
    } finally {
      await this.#docker.close()
    }
  }

  /** A run that was cut short may have left a fault in force. */
  async #mendAll(): Promise<void> {
    for (const id of this.#containers.keys()) {
      await this.resume(id)
      await this.setLinks(id, { type: 'open' })
      await this.start(id)
    }
  }

  /** Starts by the restart policy: the container had ended by itself. */
  async #noteRestarts(id: string): Promise<void> {
    const count = await this.#docker.restarts(this.#container(id))
    const more = count - (this.#restarts.get(id) ?? 0)
    this.#restarts.set(id, count)
    if (more > 0) this.#crashes.push(`${id} was started again ${more} times by docker`)
  }

  #isDown(id: string): boolean {
    const condition = this.condition(id)
    return condition === 'killed' || condition === 'stopped'
  }

  #container(id: string): string {
    const container = this.#containers.get(id)
    if (container === undefined) throw new Error(`${id} has no container`)
    return container
  }
}

async function waitUntilWhole(urls: ReadonlyMap<string, string>): Promise<void> {
  const clients = [...urls].map(
    ([id, url]) => [id, new NodeClient(url, { timeoutMs: 1_000 })] as const,
  )
  const deadlineMs = performance.now() + READY_MS_MAX
  try {
    for (;;) {
      const looks = clients.map(async ([id, client]): Promise<[string, Stats | null]> => {
        return [id, await client.stats().catch(() => null)]
      })
      const byId = new Map(await Promise.all(looks))
      const leader = agreedLeader(byId, byId.size)
      if (leader !== null && [...byId.values()].every((stats) => stats?.leader_id === leader)) {
        return
      }
      if (performance.now() > deadlineMs) {
        throw new CommandError(`no whole cluster after ${READY_MS_MAX / 1_000} s`)
      }
      await sleep(POLL_MS)
    }
  } finally {
    await Promise.all(clients.map(([, client]) => client.close()))
  }
}

/** `host`: of the engine that is asked about these containers, whatever the command line would take by itself. */
function composeOf(project: string, host: string): Compose {
  const env = { PORT_PREFIX, ...process.env, DOCKER_HOST: host }
  const options = { cwd: REPOSITORY, env, maxBuffer: OUTPUT_BYTES_MAX }
  return async (...words) => {
    const parameters = ['compose', '--project-name', project, ...words]
    try {
      await promisify(execFile)('docker', parameters, options)
    } catch (error) {
      throw new CommandError(`docker compose ${words.join(' ')}: ${firstLine(error)}`)
    }
  }
}

/** What docker complained about. */
function firstLine(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message?: string }
  const text = stderr === undefined || stderr.trim() === '' ? (message ?? String(error)) : stderr
  return text.trim().split('\n').at(-1) ?? text
}
