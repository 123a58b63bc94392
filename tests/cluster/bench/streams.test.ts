// The readers of the subscribers mode, and the publisher that keeps its pace, before servers made for it.

import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { Acknowledged } from '../../../cluster/bench/acknowledged.ts'
import { PacedLoad } from '../../../cluster/bench/paced-load.ts'
import { Subscriber } from '../../../cluster/bench/subscriber.ts'
import { Workload } from '../../../cluster/bench/workload.ts'

const closing: (() => void)[] = []

afterEach(() => {
  for (const close of closing.splice(0)) close()
})

async function streamServer(act: (socket: Socket) => Promise<void>): Promise<string> {
  const server = createServer((socket) => {
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.once('data', () => act(socket))
    closing.push(() => socket.destroy())
  }).listen(0, '127.0.0.1')
  closing.push(() => server.close())
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const eventOf = (position: number): string =>
  `id: ${position}\ndata: {"position":${position},"received_at":"x","payload":{}}\n\n`

test('a subscriber counts events, however the stream is cut', async () => {
  const stream = `HTTP/1.1 200 OK\r\n\r\n: hello\n\n${[1, 2, 3, 4, 5].map(eventOf).join('')}`
  const url = await streamServer(async (socket) => {
    for (const byte of stream) {
      await new Promise<void>((resolve) => socket.write(byte, () => resolve()))
    }
    socket.end()
  })

  const subscriber = new Subscriber(url, 'orders', 0)
  closing.push(() => subscriber.close())
  await subscriber.opened
  await expect.poll(() => subscriber.ended).toBe('connection closed')

  expect(subscriber.events).toBe(5)
  expect(subscriber.bytes).toBe(stream.length)
})

test('a subscriber that is refused says so', async () => {
  const url = await streamServer(async (socket) => {
    socket.end('HTTP/1.1 429 Too Many Requests\r\n\r\n{}')
  })

  const subscriber = new Subscriber(url, 'orders', 0)
  closing.push(() => subscriber.close())

  await expect(subscriber.opened).rejects.toThrow('429 Too Many Requests')
})

test('a paced load sends what was due, counts what failed, and keeps the account', async () => {
  let requests = 0
  const server = createHttpServer((request, response) => {
    request.resume()
    requests += 1
    if (requests % 10 === 0) response.writeHead(503, { 'content-length': 0 }).end()
    else {
      const body = `{"results":[{"position":${requests}}]}`
      response.writeHead(200, { 'content-length': body.length }).end(body)
    }
  }).listen(0, '127.0.0.1')
  closing.push(
    () => server.closeAllConnections(),
    () => server.close(),
  )
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const acknowledged = new Acknowledged(
    new Workload({ seed: 1, lapEvents: 1_000, duplicateShare: 0 }),
  )

  const load = new PacedLoad(acknowledged, `http://127.0.0.1:${port}`, 1_000)
  const figures = await load.run(300)
  await load.close()

  expect(requests).toBe(300)
  expect(figures).toMatchObject({ operations: 270, failed: 30, firstFailure: 'status 503: ' })
  expect(figures.latency.count).toBe(270)
  expect(acknowledged).toMatchObject({ sent: 300, acknowledged: 270 })
})
