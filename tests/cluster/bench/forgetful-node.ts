// A node that forgets: the real one on a port nearby, and before it one that leaves an event out of each page. What a
// benchmark that checks its acknowledgements has to catch. `bench --entry` runs it in place of a node.

import { createServer } from 'node:http'
import type { EventsPage } from '../../../client/contract/read.ts'
import { NodeClient } from '../../../cluster/http.ts'

const FORGOTTEN_POSITION = 7
const FORGETFUL = 'n2'
const DISTANCE = 10

const port = Number(process.env.PORT)
process.env.PORT = String(port + DISTANCE)
const node = new NodeClient(`http://127.0.0.1:${port + DISTANCE}`)

createServer(async (request, response) => {
  try {
    const method = request.method === 'POST' ? 'POST' : 'GET'
    const sent = method === 'POST' ? Buffer.concat(await request.toArray()).toString() : null
    const { status, body } = await node.request(method, request.url ?? '/', sent)
    const lies = request.url?.startsWith('/events?') && process.env.NODE_ID === FORGETFUL
    const answer = JSON.stringify(lies ? forgetting(body as EventsPage) : body)
    response.writeHead(status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(answer),
    })
    response.end(answer)
  } catch {
    response.destroy()
  }
}).listen(port, '127.0.0.1')

await import('../../../node/main.ts')

function forgetting(page: EventsPage): EventsPage {
  return { ...page, events: page.events.filter(({ position }) => position !== FORGOTTEN_POSITION) }
}
