// The load generator's connection, before a server that answers in pieces, falls silent, or hangs up.

import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Lane } from '../../../cluster/bench/lane.ts'

const REQUEST = Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n')

type Ending = { status: number; body: string } | { error: string }

let server: Server
let lane: Lane
/** What the server does with each request. */
let act: (socket: Socket) => void
let ended: PromiseWithResolvers<Ending>
const sockets = new Set<Socket>()

beforeEach(async () => {
  server = createServer((socket) => {
    sockets.add(socket)
    socket.on('data', () => act(socket))
    socket.on('error', () => {})
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  lane = new Lane(
    { host: '127.0.0.1', port },
    {
      answered: (_, status, body) => ended.resolve({ status, body: body.toString() }),
      failed: (_, error) => ended.resolve({ error: error.message }),
    },
    300,
  )
})

afterEach(() => {
  lane.close()
  for (const socket of sockets) socket.destroy()
  sockets.clear()
  server.close()
})

function send(): Promise<Ending> {
  ended = Promise.withResolvers()
  lane.send(REQUEST)
  return ended.promise
}

test('hands over status and body, again and again over one connection', async () => {
  act = (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello')

  expect(await send()).toEqual({ status: 200, body: 'hello' })
  expect(await send()).toEqual({ status: 200, body: 'hello' })
  expect(sockets.size).toBe(1)
})

test('puts together what comes in pieces', async () => {
  const pieces = ['HTTP/1.1 503 Serv', 'ice\r\ncontent-length: 5\r\n\r', '\nhe', 'l', 'lo']
  act = (socket) => {
    const next = (): void => {
      const piece = pieces.shift()
      if (piece !== undefined) socket.write(piece, () => setImmediate(next))
    }
    socket.setNoDelay(true)
    next()
  }

  expect(await send()).toEqual({ status: 503, body: 'hello' })
})

test('an empty body is an answer', async () => {
  act = (socket) => socket.write('HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n')

  expect(await send()).toEqual({ status: 204, body: '' })
})

test.each([
  [
    'hangs up within an answer',
    (socket: Socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe'),
    'connection lost',
  ],
  ['says nothing', () => {}, 'no answer in time'],
  [
    'does not say how long its answer is',
    (socket: Socket) => socket.write('HTTP/1.1 200 OK\r\n\r\n'),
    'an answer without a content-length',
  ],
  [
    'says more than that',
    (socket: Socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nhello'),
    'bytes that nobody asked for',
  ],
])(
  'a server that %s has failed, and the next request gets a new connection',
  async (_, first, error) => {
    act = first
    expect(await send()).toEqual({ error })

    act = (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
    expect(await send()).toEqual({ status: 200, body: 'ok' })
    expect(sockets.size).toBe(2)
  },
)

test('a port where nobody listens fails each request, once', async () => {
  server.close()
  await once(server, 'close')

  expect(await send()).toEqual({ error: expect.stringContaining('ECONNREFUSED') })
  expect(await send()).toEqual({ error: expect.stringContaining('ECONNREFUSED') })
})

test('a closed lane tells nothing more', async () => {
  let asked = Promise.withResolvers<void>()
  act = () => asked.resolve()
  const ending = send()
  await asked.promise
  lane.close()

  asked = Promise.withResolvers()
  act = (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nnew')
  lane.send(REQUEST)

  expect(await ending).toEqual({ status: 200, body: 'new' })
})
