// A node that lies: passes everything on to a real one, and changes the pages of events on their way back. The test double
// that a checker worth its name has to catch.

import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { EventsPage } from '../../../client/contract/read.ts'
import { NodeClient } from '../../../cluster/http.ts'

export class Liar {
  readonly #server: Server
  readonly #node: NodeClient

  private constructor(server: Server, node: NodeClient) {
    this.#server = server
    this.#node = node
  }

  static async before(url: string, lie: (page: EventsPage) => EventsPage): Promise<Liar> {
    const node = new NodeClient(url, { connections: 2 })
    const server = createServer(async (request, response) => {
      const path = request.url ?? '/'
      const { status, body } = await node.request('GET', path)
      const told = path.startsWith('/events?') ? lie(body as EventsPage) : body
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(told))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new Liar(server, node)
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await this.#node.close()
  }
}
