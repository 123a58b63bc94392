// The SDK over real sockets: nodes that refuse, hang or die in the middle of an answer, and the example of the README.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { HttpTransport, wasNeverSent } from '../../../client/sdk/transport.ts'
import { Sekali, type SekaliOptions } from '../../../client/sekali.ts'
import { createApiServer } from '../../../node/http/server.ts'
import { startNodes } from '../../node/harness.ts'
import { eventNumber, events, problem } from './world.ts'

const LOOPBACK = '127.0.0.1'
const ROOT = path.resolve(import.meta.dirname, '../../..')

/** Real nodes over one order, on real ports. */
async function listenNodes(count: number): Promise<string[]> {
  const nodes = await startNodes(count)
  return Promise.all(
    nodes.map(async (node) => {
      const server = createApiServer(node.api, node.app, 100)
      const port = await server.listen(LOOPBACK, 0)
      onTestFinished(() => server.close(0))
      return `http://${LOOPBACK}:${port}`
    }),
  )
}

async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  server.listen(0, LOOPBACK)
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://${LOOPBACK}:${(server.address() as AddressInfo).port}`
}

/** An address where nothing listens. */
async function nowhere(): Promise<string> {
  const server = createServer()
  server.listen(0, LOOPBACK)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return `http://${LOOPBACK}:${port}`
}

function clientOf(nodes: readonly string[], options: Partial<SekaliOptions> = {}): Sekali {
  const sekali = new Sekali({ nodes, tryMs: 1_000, ...options })
  onTestFinished(() => sekali.close())
  return sekali
}

const bad: Record<string, () => Promise<string>> = {
  'refuses connections': nowhere,
  'never answers': () => listen(() => {}),
  'hangs up': () => listen((request) => void request.socket.destroy()),
  'dies within its headers': () =>
    listen(({ socket }) => {
      socket.end('HTTP/1.1 200 OK\r\ncontent-ty')
    }),
  'dies within its body': () =>
    listen((_, response) => {
      response.writeHead(200, { 'content-length': '1000' })
      response.write('{"status":"committed"', () => response.destroy())
    }),
  'does not speak HTTP': () => listen(({ socket }) => void socket.end('220 mail ready\r\n')),
  'says 503, with Retry-After': () =>
    listen((_, response) => {
      const { status, text } = problem({ code: 'stopping' })
      response.writeHead(status, { 'retry-after': '30' }).end(text)
    }),
  'says 429': () =>
    listen((_, response) => {
      const { status, text } = problem({ code: 'overloaded' })
      response.writeHead(status).end(text)
    }),
  'sends elsewhere': () =>
    listen((_, response) => void response.writeHead(302, { location: '/other' }).end()),
  'is another site': () =>
    listen((_, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>')
    }),
}

describe('a node that', () => {
  test.each(Object.keys(bad))('%s is passed over, and nothing is stored twice', async (name) => {
    const [good] = await listenNodes(1)
    const sekali = clientOf([await bad[name]!(), good!])

    const results = await Promise.all(events(20).map((event) => sekali.publish(event)))

    expect(results.map(({ position }) => position).sort((a, b) => a - b)).toEqual(
      events(20).map((_, at) => at + 1),
    )
    expect(await sekali.stats(good)).toMatchObject({ unique_processed: 20, received: 20 })
  })
})

test('a node that stores and dies before it answers: stored once, and told so', async () => {
  const [good] = await listenNodes(1)
  const behind = clientOf([good!])
  let isFirst = true
  const dying = await listen(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString()
    if (isFirst && request.url === '/publish') await behind.publish(JSON.parse(body).events)
    isFirst = false
    response.destroy()
  })
  const sekali = clientOf([dying])

  const published = sekali.publish({ topic: 'orders' }, { deadlineMs: 1_500 })

  await expect(published).rejects.toMatchObject({ code: 'outcome_unknown' })
  const [event] = await published.catch((error) => error.events)
  expect(await behind.publish(event)).toMatchObject({ outcome: 'duplicate', position: 1 })
})

test('nowhere to go: unreachable, certainly not stored', async () => {
  const sekali = clientOf([await nowhere(), await nowhere()], { deadlineMs: 300 })

  await expect(sekali.publish(eventNumber(1))).rejects.toMatchObject({ code: 'unreachable' })
})

test('a signal ends a try at once, and its connection', async () => {
  const { promise: hungUp, resolve } = Promise.withResolvers<void>()
  const controller = new AbortController()
  const node = await listen((request) => {
    request.socket.once('close', () => resolve())
    controller.abort(new Error('enough'))
  })
  const { signal } = controller

  await expect(clientOf([node]).publish(eventNumber(1), { signal })).rejects.toThrow('enough')
  await hungUp
})

test('a path before the API is kept', async () => {
  const asked: (string | undefined)[] = []
  const node = await listen((request, response) => {
    asked.push(request.url)
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"results":[]}')
  })

  await clientOf([`${node}/sekali/`]).seen([eventNumber(1)])

  expect(asked[0]).toBe('/sekali/seen')
})

test('a large list goes through, and comes back', async () => {
  const sekali = clientOf(await listenNodes(2), { tryMs: 30_000 })

  const results = await sekali.publish(events(12_000))
  let position = 0
  for await (const event of sekali.events()) {
    position += 1
    if (event.position !== position || event.event_id !== `o-${position - 1}`) break
  }

  expect(results.at(-1)).toEqual({ ...eventNumber(11_999), outcome: 'accepted', position: 12_000 })
  expect(position).toBe(12_000)
})

describe('what was certainly never sent', () => {
  test('a refused connection and an unknown name were not; a lost connection may have been', async () => {
    const transport = new HttpTransport(1)
    onTestFinished(() => transport.close())
    const failure = (url: string): Promise<unknown> =>
      transport
        .request(url, {
          method: 'GET',
          path: '/',
          body: null,
          signal: new AbortController().signal,
        })
        .catch((error: unknown) => error)

    expect(wasNeverSent(await failure(await nowhere()))).toBe(true)
    expect(wasNeverSent({ code: 'ENOTFOUND' })).toBe(true)
    expect(wasNeverSent(await failure(await bad['hangs up']!()))).toBe(false)
    expect(
      wasNeverSent(new AggregateError([{ code: 'ECONNREFUSED' }, { code: 'ECONNRESET' }])),
    ).toBe(false)
    expect(wasNeverSent(null)).toBe(false)
  })
})

test('the example of the README runs, and prints what it says', async () => {
  const readme = readFileSync(path.join(ROOT, 'client/README.md'), 'utf8')
  const [, example] = /```ts\n(import .*?)```/s.exec(readme)!
  const [first, second] = await listenNodes(2)
  const code = example!
    .replace('http://127.0.0.1:8001', first!)
    .replace('http://127.0.0.1:8002', second!)

  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], { cwd: ROOT })
  const printed = child.stdout.toArray()
  const complaints = child.stderr.toArray()
  const [exitCode] = await once(child, 'close')

  expect(Buffer.concat(await complaints).toString()).toBe('')
  expect(Buffer.concat(await printed).toString()).toBe('accepted\nduplicate\n1 { total: 42 }\n')
  expect(exitCode).toBe(0)
  expect(example!.trim().split('\n').length).toBeLessThanOrEqual(10)
})
