// The repository's own docker-compose.yml as a project of its own name and ports, driven by the commands that docs/operations.md
// tells people to type. Name and ports follow from where the repository stands, so that clones do not meet and each finds
// what an earlier run of its own left behind.

import { execFile } from 'node:child_process'
import { hash } from 'node:crypto'
import { createServer } from 'node:net'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Stats } from '../../client/contract/state.ts'
import { NodeClient } from '../../cluster/http.ts'
import { agreedLeader } from '../../cluster/processes.ts'

export const ROOT = path.join(import.meta.dirname, '..', '..')
export const SERVICES = ['n1', 'n2', 'n3'] as const
export const ALL_PROFILES = ['--profile', 'demo', '--profile', 'chaos']
export type Service = (typeof SERVICES)[number]

/** Longer than anything waited for takes on a machine that is busy with other things. */
const WAIT_MS_MAX = 60_000
const POLL_MS = 100
const COMMAND_MS_MAX = 240_000
/** Below the ports that systems hand out by themselves; the last digit is the node's. */
const PORT_PREFIX_MIN = 2_900
const PORT_PREFIX_COUNT = 100

const execute = promisify(execFile)

/** Why there is nothing to test with; null: there is. */
export async function missingEngine(): Promise<string | null> {
  try {
    await docker('version', '--format', '{{.Server.Version}}')
    await docker('compose', 'version')
    return null
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string }
    return (stderr || message).trim().split('\n').at(-1)!
  }
}

export async function docker(...parameters: string[]): Promise<string> {
  return (await execute('docker', parameters, { timeout: COMMAND_MS_MAX })).stdout.trim()
}

/** Answers as soon as `look` finds something; rejects when it has not for a long time. */
export async function until<Found>(
  what: string,
  look: () => Promise<Found | null>,
): Promise<Found> {
  const deadlineMs = performance.now() + WAIT_MS_MAX
  for (;;) {
    const found = await look()
    if (found !== null) return found
    if (performance.now() > deadlineMs) throw new Error(`waited in vain: ${what}`)
    await sleep(POLL_MS)
  }
}

export class ComposeProject {
  readonly name: string
  readonly clients: ReadonlyMap<Service, NodeClient>
  readonly #portPrefix: number

  static async open(): Promise<ComposeProject> {
    const place = hash('sha256', ROOT).slice(0, 8)
    const start = Number.parseInt(place, 16) % PORT_PREFIX_COUNT
    for (let step = 0; step < PORT_PREFIX_COUNT; step += 1) {
      const prefix = PORT_PREFIX_MIN + ((start + step) % PORT_PREFIX_COUNT)
      const ports = SERVICES.map((_, node) => 10 * prefix + node + 1)
      const free = await Promise.all(ports.map(isFree))
      if (free.every(Boolean)) return new ComposeProject(`sekali-test-${place}`, prefix)
    }
    throw new Error('no three ports in a row are free')
  }

  private constructor(name: string, portPrefix: number) {
    this.name = name
    this.#portPrefix = portPrefix
    this.clients = new Map(
      SERVICES.map((service, place) => [
        service,
        new NodeClient(`http://127.0.0.1:${portPrefix}${place + 1}`, { connections: 4 }),
      ]),
    )
  }

  get urls(): string[] {
    return [...this.clients.values()].map(({ url }) => url)
  }

  /** `docker compose …` on this project. */
  async compose(parameters: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
    const { stdout } = await execute('docker', ['compose', '-p', this.name, ...parameters], {
      cwd: ROOT,
      timeout: COMMAND_MS_MAX,
      env: { ...process.env, PORT_PREFIX: String(this.#portPrefix), ...env },
    })
    return stdout
  }

  /** Id of the service's container, running or not. */
  async container(service: string): Promise<string> {
    const id = await docker(
      ...['ps', '--all', '--quiet', '--no-trunc'],
      ...['--filter', `label=com.docker.compose.project=${this.name}`],
      ...['--filter', `label=com.docker.compose.service=${service}`],
    )
    if (!/^[0-9a-f]{64}$/.test(id)) throw new Error(`${service} has not one container: ${id}`)
    return id
  }

  /** A Go template over what the engine knows of the container. */
  async inspect(service: string, template: string): Promise<string> {
    return docker('inspect', '--format', template, await this.container(service))
  }

  /** Kill, start, pause and the like, by the engine itself, as a fault would come. */
  async strike(command: string, service: Service): Promise<void> {
    await docker(command, await this.container(service))
  }

  /** No peer reaches it any more; its clients do. */
  async cutOff(service: Service): Promise<void> {
    await docker('network', 'disconnect', `${this.name}_peers`, await this.container(service))
  }

  /** With the name by which its peers look for it: the engine has forgotten that. */
  async reconnect(service: Service): Promise<void> {
    const alias = ['--alias', `${service}-peer`]
    const container = await this.container(service)
    await docker('network', 'connect', ...alias, `${this.name}_peers`, container)
  }

  /** Null where a node does not answer. */
  async stats(): Promise<Map<Service, Stats | null>> {
    const looks = [...this.clients].map(
      async ([service, client]): Promise<[Service, Stats | null]> => [
        service,
        await client.stats(1_000).catch(() => null),
      ],
    )
    return new Map(await Promise.all(looks))
  }

  /** Every node answers, and all follow one leader. */
  async wholeUnder(): Promise<Service> {
    return until('all nodes follow one leader', async () => {
      const stats = await this.stats()
      const leader = agreedLeader(stats, SERVICES.length)
      const whole = [...stats.values()].every((view) => view?.leader_id === leader)
      return whole ? (leader as Service | null) : null
    })
  }

  /** A majority follows a leader that is not this one. */
  async anotherLeaderThan(service: Service): Promise<Service> {
    return until(`another leader than ${service}`, async () => {
      const leader = agreedLeader(await this.stats(), SERVICES.length)
      return leader === service ? null : (leader as Service | null)
    })
  }

  async healthy(): Promise<void> {
    await until('all containers are healthy', async () => {
      const health = SERVICES.map((service) => this.inspect(service, '{{.State.Health.Status}}'))
      return (await Promise.all(health)).every((status) => status === 'healthy') || null
    })
  }

  /** What is left of the project: containers, networks, volumes. */
  async remains(): Promise<string[]> {
    const filter = ['--quiet', '--filter', `label=com.docker.compose.project=${this.name}`]
    const lists = await Promise.all([
      docker('ps', '--all', ...filter),
      docker('network', 'ls', ...filter),
      docker('volume', 'ls', ...filter),
    ])
    return lists.flatMap((list) => list.split('\n').filter(Boolean))
  }

  /** Everything goes: containers, networks, volumes, images, also those of an earlier run that was cut short. */
  async remove(): Promise<void> {
    await this.compose([...ALL_PROFILES, 'down', '--volumes', '--rmi', 'local'])
  }

  async close(): Promise<void> {
    await Promise.all([...this.clients.values()].map((client) => client.close()))
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, () => server.close(() => resolve(true)))
  })
}
