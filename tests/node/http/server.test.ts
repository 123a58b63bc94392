// The listening side, byte by byte over real sockets: what is not HTTP, what is announced and not sent, what is asked
// before sending, and how it closes. B numbers are those of reference/faults.md, part 11.

import { connect, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createApiServer, SERVER_TIMES, type ServerTimes } from '../../../node/http/server.ts'
import { type NodeOptions, startNode, type TestNode, turnsUntil } from '../harness.ts'

const LOOPBACK = '127.0.0.1'

async function listen(options: NodeOptions = {}, times?: ServerTimes) {
  const node = await startNode(options)
  const server = createApiServer(node.api, node.app, 100, times)
  const port = await server.listen(LOOPBACK, 0)
  onTestFinished(() => server.close(0))
  return { node, server, port }
}

/** A connection that keeps all it receives. */
class Wire {
  received = ''
  closed = false
  readonly #socket: Socket

  constructor(port: number) {
    this.#socket = connect(port, LOOPBACK)
    this.#socket.setEncoding('utf8')
    this.#socket.on('data', (text: string) => {
      this.received += text
    })
    this.#socket.on('close', () => {
      this.closed = true
    })
    this.#socket.on('error', () => {})
    onTestFinished(() => void this.#socket.destroy())
  }

  send(text: string): void {
    this.#socket.write(text)
  }

  hangUp(): void {
    this.#socket.destroy()
  }

  until(text: string): Promise<void> {
    return this.#when(() => this.received.includes(text))
  }

  untilClosed(): Promise<void> {
    return this.#when(() => this.closed)
  }

  /** Looks again whenever something happens on the connection. */
  async #when(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.closed) throw new Error(`closed after: ${this.received}`)
      await new Promise<void>((resolve) => {
        const done = (): void => {
          this.#socket.off('data', done)
          this.#socket.off('close', done)
          resolve()
        }
        this.#socket.once('data', done)
        this.#socket.once('close', done)
      })
    }
  }
}

const BODY = JSON.stringify({ topic: 'a', event_id: '1' })

const post = (headers: string, body = BODY): string =>
  `POST /publish HTTP/1.1\r\nHost: node.test\r\nContent-Type: application/json\r\n${headers}\r\n\r\n${body}`

const publishRequest = (body = BODY): string => post(`Content-Length: ${body.length}`, body)

const stored = (node: TestNode): number => node.backend.events.stats().unique

describe('what is not HTTP is refused, with a reason, and the connection closed', () => {
  test.each([
    ['B6: length and chunked at once', post('Content-Length: 5\r\nTransfer-Encoding: chunked')],
    ['B7: an obfuscated coding', post('Transfer-Encoding: chunked, identity')],
    ['B7: a coding that is not chunked last', post('Transfer-Encoding: xchunked')],
    ['B47: no Host', 'GET /stats HTTP/1.1\r\n\r\n'],
    ['B47: two Hosts', 'GET /stats HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
    ['B48: a bare LF', 'GET /stats HTTP/1.1\nHost: a\n\n'],
    ['B48: NUL in a header', 'GET /stats HTTP/1.1\r\nHost: a\r\nX-A: b\0c\r\n\r\n'],
    ['B48: space before the colon', 'GET /stats HTTP/1.1\r\nHost: a\r\nX-A : b\r\n\r\n'],
    ['B48: a folded line', 'GET /stats HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n'],
    ['two lengths', post('Content-Length: 5\r\nContent-Length: 6')],
    ['a length that is no number', post('Content-Length: 5x')],
    ['a backslash in the path', 'GET /stats\\x HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a Host with a path', 'GET /stats HTTP/1.1\r\nHost: a/b\r\n\r\n'],
    ['bytes of a TLS hello', '\x16\x03\x01\x02\x00\x01\x00\x01'],
  ])('%s', async (_, bytes) => {
    const { node, port } = await listen()
    const wire = new Wire(port)

    wire.send(bytes)
    await wire.untilClosed()

    expect(wire.received).toMatch(/^HTTP\/1\.1 400 /)
    expect(wire.received).toContain('"code":"malformed_request"')
    expect(wire.received).toContain('sekali-node: n1')
    expect(stored(node)).toBe(0)
  })

  test('headers above the limit', async () => {
    const { port } = await listen()
    const wire = new Wire(port)

    wire.send(`GET /stats HTTP/1.1\r\nHost: a\r\nX-A: ${'x'.repeat(20_000)}\r\n\r\n`)
    await wire.untilClosed()

    expect(wire.received).toMatch(/^HTTP\/1\.1 431 /)
    expect(wire.received).toContain('"code":"headers_too_large"')
  })

  test('B42: a method nobody knows; CONNECT is closed', async () => {
    const { port } = await listen()
    const unknown = new Wire(port)
    const tunnel = new Wire(port)

    unknown.send('FOO /stats HTTP/1.1\r\nHost: a\r\n\r\n')
    tunnel.send('CONNECT other.test:443 HTTP/1.1\r\nHost: a\r\n\r\n')
    await Promise.all([unknown.untilClosed(), tunnel.untilClosed()])

    expect(unknown.received).toMatch(/^HTTP\/1\.1 405 .*\r\n/)
    expect(unknown.received).toContain('allow: GET')
    expect(tunnel.received).not.toContain('200')
  })

  test('a refusal never overtakes the answer that is owed on the same connection', async () => {
    const { node, port } = await listen()
    node.sequencer.stall()
    const wire = new Wire(port)

    wire.send(publishRequest())
    await turnsUntil(() => node.sequencer.pending === 1)
    wire.send('this is not HTTP\r\n\r\n')
    await wire.untilClosed()

    // "Not stored" would be a lie: the publish is in the log. A lost connection leaves it open.
    expect(wire.received).toBe('')
    node.sequencer.heal()
    await node.backend.settle()
    expect(stored(node)).toBe(1)
  })
})

describe('bodies', () => {
  test('B4: a length above the limit is refused before anything is read', async () => {
    const { node, port } = await listen()
    const wire = new Wire(port)

    wire.send(post('Content-Length: 999999999', ''))
    await wire.until('"code":"body_too_large"')

    expect(wire.received).toMatch(/^HTTP\/1\.1 413 /)
    expect(wire.received.toLowerCase()).toContain('connection: close')
    expect(node.api.door.rejected).toBe(1)
  })

  test('a chunked body above the limit is cut off', async () => {
    const { node, port } = await listen({ limits: { bodyBytesMax: 1_000 } })
    const wire = new Wire(port)

    wire.send(post('Transfer-Encoding: chunked', `800\r\n${' '.repeat(2_048)}\r\n`))
    await wire.until('"code":"body_too_large"')

    expect(stored(node)).toBe(0)
  })

  test('B36: who asks before sending too much is told no, who asks before sending enough goes on', async () => {
    const { node, port } = await listen()
    const tooMuch = new Wire(port)
    const enough = new Wire(port)

    tooMuch.send(post('Expect: 100-continue\r\nContent-Length: 999999999', ''))
    await tooMuch.until('"code":"body_too_large"')
    enough.send(post(`Expect: 100-continue\r\nContent-Length: ${BODY.length}`, ''))
    await enough.until('HTTP/1.1 100 Continue')
    enough.send(BODY)
    await enough.until('"accepted":1')

    expect(tooMuch.received).not.toContain('100 Continue')
    expect(stored(node)).toBe(1)
  })

  test('B5: a client that goes away in the middle of its body leaves nothing behind', async () => {
    const { node, port } = await listen()
    const wire = new Wire(port)

    wire.send(post('Content-Length: 1000'))
    await turnsUntil(() => node.api.door.requests === 1)
    wire.hangUp()
    await turnsUntil(() => node.api.door.rejected === 1)

    expect(node.api.door.pending).toBe(0)
    expect(stored(node)).toBe(0)
    expect(node.faults).toEqual([])
  })

  test('B5: who announces a body and falls silent is told so, and nothing is proposed', async () => {
    const times = {
      ...SERVER_TIMES,
      headersTimeoutMs: 20,
      requestTimeoutMs: 20,
      connectionsCheckMs: 5,
    }
    const { node, port } = await listen({}, times)
    const wire = new Wire(port)

    wire.send(post('Content-Length: 1000'))
    await wire.untilClosed()

    expect(wire.received).toMatch(/^HTTP\/1\.1 408 /)
    expect(wire.received).toContain('"code":"request_timeout"')
    expect(node.sequencer.entries).toEqual([])
    await turnsUntil(() => node.api.door.rejected === 1)
    expect(node.faults).toEqual([])
  })

  test('B44: a GET with a small body is answered, with a large one refused', async () => {
    const { port } = await listen()
    const small = new Wire(port)
    const large = new Wire(port)

    small.send('GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody')
    large.send('GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n')
    await small.until('"alive"')
    await large.untilClosed()

    expect(small.received).toMatch(/^HTTP\/1\.1 200 /)
    expect(large.received).toMatch(/^HTTP\/1\.1 413 /)
  })

  test('a body that no route reads does not spoil the connection', async () => {
    const { port } = await listen()
    const wire = new Wire(port)

    wire.send(
      `POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345${publishRequest()}`,
    )
    await wire.until('"accepted":1')

    expect(wire.received).toMatch(/^HTTP\/1\.1 404 /)
  })
})

describe('paths', () => {
  test.each([
    '/../events',
    '/x/../events',
    '/events/../admin',
    '/%2e%2e/events',
    '/./events',
    '//events',
    '/%65vents',
    '*',
  ])('B41: nothing is at %s, and nothing is normalised', async (path) => {
    const { port } = await listen()
    const wire = new Wire(port)

    wire.send(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
    await wire.untilClosed()

    expect(wire.received).toMatch(/^HTTP\/1\.1 (404|400) /)
  })

  test('the absolute form, as a proxy sends it', async () => {
    const { port } = await listen()
    const wire = new Wire(port)

    wire.send('GET http://node.test/livez HTTP/1.1\r\nHost: node.test\r\n\r\n')
    await wire.until('"alive"')
  })

  test('dots are part of a name', async () => {
    const { node, port } = await listen()
    await node.publish({ topic: 'a', event_id: '..' })
    const wire = new Wire(port)

    wire.send('GET /events/a/.. HTTP/1.1\r\nHost: a\r\n\r\n')
    await wire.until('"position":1')
  })
})

describe('connections', () => {
  test('B49: 1,000 requests in one packet are answered in order', async () => {
    const { node, port } = await listen()
    const wire = new Wire(port)
    const bodies = Array.from({ length: 1_000 }, (_, id) =>
      JSON.stringify({ topic: 'a', event_id: `${id}` }),
    )

    wire.send(bodies.map(publishRequest).join(''))
    await wire.until('"event_id":"999"')

    const answered = [...wire.received.matchAll(/"event_id":"(\d+)"/g)].map((match) =>
      Number(match[1]),
    )
    expect(answered).toEqual(bodies.map((_, id) => id))
    expect(stored(node)).toBe(1_000)
  })

  test('an HTTP/1.0 client needs no Host', async () => {
    const { port } = await listen()
    const wire = new Wire(port)

    wire.send('GET /livez HTTP/1.0\r\n\r\n')
    await wire.untilClosed()

    expect(wire.received).toMatch(/^HTTP\/1\.1 200 /)
  })

  test('a port in use is an error, not a crash', async () => {
    const { node, port } = await listen()
    const second = createApiServer(node.api, node.app, 100)

    await expect(second.listen(LOOPBACK, port)).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })
})

describe('closing', () => {
  test('what is in flight is finished, idle connections go, new ones are refused', async () => {
    const { node, server, port } = await listen()
    const idle = new Wire(port)
    idle.send('GET /livez HTTP/1.1\r\nHost: a\r\n\r\n')
    await idle.until('alive')
    node.sequencer.stall()
    const busy = new Wire(port)
    busy.send(publishRequest())
    await turnsUntil(() => node.sequencer.pending === 1)

    const closed = server.close(60_000)
    await idle.untilClosed()
    const late = new Wire(port)
    await late.untilClosed()
    node.sequencer.heal()
    await closed
    await busy.untilClosed()

    expect(busy.received).toContain('"accepted":1')
    expect(busy.received.toLowerCase()).toContain('connection: close')
    expect(late.received).toBe('')
  })

  test('what does not finish within the bound is cut', async () => {
    const { node, server, port } = await listen()
    node.sequencer.stall()
    const wire = new Wire(port)
    wire.send(publishRequest())
    await turnsUntil(() => node.sequencer.pending === 1)

    await server.close(1)

    await wire.untilClosed()
    expect(wire.received).toBe('')
  })
})
