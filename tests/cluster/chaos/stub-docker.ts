// A Docker Engine that has no containers: it listens on a socket of its own, notes every order, and answers as the real
// one does. What it says of containers can be set.

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'

/** `GET /containers/json` tells of these; each is called `container-of-` its service. */
export interface StubContainer {
  readonly service: string
  readonly port: number
}

const VERSION = '1.41'

export class StubDocker {
  readonly #server: Server
  readonly #directory: string
  /** Orders, without the version: "POST /containers/x/kill", and the body where there is one. */
  readonly said: string[] = []
  containers: readonly StubContainer[] = []
  restarts = 0
  /** The project of every container that is asked for by name; null: there is none of that name. */
  project: string | null = null
  /** Statuses that orders are answered with, by their last word, in place of success. */
  readonly statuses = new Map<string, number>()

  private constructor(server: Server, directory: string) {
    this.#server = server
    this.#directory = directory
  }

  static async open(): Promise<StubDocker> {
    const directory = mkdtempSync(path.join(tmpdir(), 'sekali-docker-'))
    const server = createServer()
    const stub = new StubDocker(server, directory)
    server.on('request', async (request, response) => {
      const { status, body } = stub.#answer(request, await textOf(request))
      response.writeHead(status, { 'api-version': VERSION, 'content-type': 'application/json' })
      response.end(body === null ? '' : JSON.stringify(body))
    })
    server.listen(path.join(directory, 'docker.sock'))
    await once(server, 'listening')
    return stub
  }

  get host(): string {
    return `unix://${this.#directory}/docker.sock`
  }

  async close(): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
    rmSync(this.#directory, { recursive: true, force: true })
  }

  #answer({ method, url = '' }: IncomingMessage, text: string): { status: number; body: unknown } {
    if (url === '/_ping') return { status: 200, body: null }
    const { pathname } = new URL(url, 'http://docker')
    if (!pathname.startsWith(`/v${VERSION}/`)) return { status: 400, body: { message: 'version?' } }
    const place = pathname.slice(`/v${VERSION}`.length)
    if (place === '/containers/json') return { status: 200, body: this.containers.map(listed) }
    if (method === 'GET') return this.#inspected(place.split('/')[2]!)
    this.said.push(`${method} ${place}${text === '' ? '' : ` ${text}`}`)
    const status = this.statuses.get(place.split('/').at(-1)!) ?? 204
    return { status, body: status === 204 ? null : { message: 'No such luck.' } }
  }

  #inspected(name: string): { status: number; body: unknown } {
    const isListed = this.containers.some(({ service }) => name === `container-of-${service}`)
    if (!isListed && this.project === null) return { status: 404, body: { message: 'none' } }
    const labels = { 'com.docker.compose.project': this.project }
    const Config = { Labels: this.project === null ? null : labels }
    return { status: 200, body: { Id: `${name}0123`, RestartCount: this.restarts, Config } }
  }
}

function listed({ service, port }: StubContainer): unknown {
  return {
    Id: `container-of-${service}`,
    Labels: { 'com.docker.compose.service': service },
    Ports: [{ PrivatePort: 9001 }, { PrivatePort: 8001, PublicPort: port }],
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  return Buffer.concat(parts).toString()
}
