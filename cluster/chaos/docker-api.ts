// The few orders that chaos gives to containers, in the Docker Engine's own HTTP API over its socket on this machine.
// So nothing has to be installed beside Node.js, and it works from within a container that the socket is mounted into.
//
// One request, one answer, no retries; whoever asks for what is so already is told that it is done.
// https://docs.docker.com/reference/api/engine/

import { Pool } from 'undici'
import { z } from 'zod'
import { CommandError } from '../args.ts'
import { failureText } from '../http.ts'

export type Order = 'kill' | 'start' | 'stop' | 'pause' | 'unpause'

/** A container of a compose project. */
export interface ServiceContainer {
  readonly id: string
  /** By compose's label. */
  readonly service: string
  /** Of the host, by ports of the container. */
  readonly published: ReadonlyMap<number, number>
}

const SOCKET = '/var/run/docker.sock'
const UNIX = 'unix://'
/** Above the 20 s that a node has for its end when it is asked to stop. */
const ANSWER_MS_MAX = 60_000
const CONNECTIONS = 4
const PROJECT_LABEL = 'com.docker.compose.project'
const SERVICE_LABEL = 'com.docker.compose.service'
const ONE_OFF_LABEL = 'com.docker.compose.oneoff'

const labelsSchema = z.record(z.string(), z.string())
const containersSchema = z.array(
  z.object({
    Id: z.string(),
    Labels: labelsSchema,
    Ports: z.array(z.object({ PrivatePort: z.number(), PublicPort: z.number().optional() })),
  }),
)
const containerSchema = z.object({
  Id: z.string(),
  RestartCount: z.number(),
  Config: z.object({ Labels: labelsSchema.nullable() }),
})
const complaintSchema = z.object({ message: z.string() })

export class DockerApi {
  /** Where the engine listens, as DOCKER_HOST would have it. */
  readonly host: string
  readonly #pool: Pool
  #version = ''

  private constructor(socketPath: string) {
    this.host = UNIX + socketPath
    this.#pool = new Pool('http://docker', { socketPath, connections: CONNECTIONS })
  }

  /** `host`: DOCKER_HOST. Rejects with CommandError where no engine answers. */
  static async open(host: string = process.env.DOCKER_HOST ?? ''): Promise<DockerApi> {
    if (host !== '' && !host.startsWith(UNIX)) {
      throw new CommandError(`DOCKER_HOST is ${host}: only ${UNIX}… can be spoken to`)
    }
    const api = new DockerApi(host === '' ? SOCKET : host.slice(UNIX.length))
    try {
      await api.#agreeOnVersion()
      return api
    } catch (error) {
      await api.close()
      throw new CommandError(
        `no Docker Engine answers at ${api.host}: ${failureText(error)} (DOCKER_HOST says where)`,
      )
    }
  }

  /** Of this project, running or not, without those of `compose run`. */
  async containersOf(project: string): Promise<ServiceContainer[]> {
    const label = [`${PROJECT_LABEL}=${project}`, `${ONE_OFF_LABEL}=False`]
    const filters = encodeURIComponent(JSON.stringify({ label }))
    const { body } = await this.#request('GET', `/containers/json?all=true&filters=${filters}`)
    return containersSchema.parse(body).map(({ Id, Labels, Ports }) => ({
      id: Id,
      service: Labels[SERVICE_LABEL] ?? '',
      published: new Map(
        Ports.flatMap(({ PrivatePort, PublicPort }) =>
          PublicPort === undefined ? [] : [[PrivatePort, PublicPort]],
        ),
      ),
    }))
  }

  /** The compose project of the container with this host name; null: it is none's. */
  async projectOf(hostName: string): Promise<string | null> {
    const { status, body } = await this.#request('GET', containerPath(hostName, 'json'), [404])
    if (status === 404) return null
    const { Id: id, Config } = containerSchema.parse(body)
    // Containers are found by their names, too; a host name is the beginning of an id.
    return id.startsWith(hostName) ? (Config.Labels?.[PROJECT_LABEL] ?? null) : null
  }

  /** Starts by the restart policy since the last start by order. */
  async restarts(container: string): Promise<number> {
    const { body } = await this.#request('GET', containerPath(container, 'json'))
    return containerSchema.parse(body).RestartCount
  }

  async order(container: string, order: Order): Promise<void> {
    // 304: started or stopped already. 409 to a kill: it does not run.
    const done = order === 'kill' ? [409] : [304]
    await this.#request('POST', containerPath(container, order), done)
  }

  async disconnect(network: string, container: string): Promise<void> {
    await this.#request('POST', networkPath(network, 'disconnect'), [], { Container: container })
  }

  /** `alias`: a name under which the others on that network find it. */
  async connect(network: string, container: string, alias: string): Promise<void> {
    const body = { Container: container, EndpointConfig: { Aliases: [alias] } }
    await this.#request('POST', networkPath(network, 'connect'), [], body)
  }

  close(): Promise<void> {
    return this.#pool.destroy()
  }

  /** Every engine speaks its own latest version; asking without one is deprecated. */
  async #agreeOnVersion(): Promise<void> {
    const { headers, body } = await this.#pool.request({
      method: 'GET',
      path: '/_ping',
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    })
    await body.dump()
    const version = headers['api-version']
    if (typeof version !== 'string') throw new Error('something else listens there')
    this.#version = version
  }

  /** `also`: statuses that are an answer beside 2xx. */
  async #request(
    method: 'GET' | 'POST',
    path: string,
    also: readonly number[] = [],
    content: object | null = null,
  ): Promise<{ status: number; body: unknown }> {
    const answer = await this.#pool
      .request({
        method,
        path: `/v${this.#version}${path}`,
        headers: content === null ? {} : { 'content-type': 'application/json' },
        body: content === null ? null : JSON.stringify(content),
        signal: AbortSignal.timeout(ANSWER_MS_MAX),
      })
      .catch((error: unknown) => {
        throw new CommandError(`docker, ${method} ${path}: ${failureText(error)}`)
      })
    const status = answer.statusCode
    const text = await answer.body.text()
    const body: unknown = text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text
    if ((status >= 200 && status < 300) || also.includes(status)) return { status, body }
    const complaint = complaintSchema.safeParse(body).data?.message ?? `status ${status}`
    throw new CommandError(`docker, ${method} ${path}: ${complaint}`)
  }
}

function containerPath(container: string, what: Order | 'json'): string {
  return `/containers/${encodeURIComponent(container)}/${what}`
}

function networkPath(network: string, what: 'connect' | 'disconnect'): string {
  return `/networks/${encodeURIComponent(network)}/${what}`
}
