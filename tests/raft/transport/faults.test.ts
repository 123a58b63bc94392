// Links under a bad network and bad neighbours (reference N11–N17): seen, bounded, and over when the cause is over.

import { randomBytes } from 'node:crypto'
import { createServer, type Server, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'

import type { WireMessage } from '../../../raft/core/types.ts'
import type { TransportEvents } from '../../../raft/ports.ts'
import { decodeMessage } from '../../../raft/transport/codec.ts'
import { FRAME, FrameDecoder, WELCOME_FRAME } from '../../../raft/transport/frame.ts'
import {
  ACCEPTOR_BOUNDS,
  Acceptor,
  NONCE_BYTES,
  PEER_PROTOCOL,
  PROTOCOL_VERSIONS,
} from '../../../raft/transport/handshake.ts'
import type { TransportNote } from '../../../raft/transport/notes.ts'
import { TcpTransport, type TcpTransportOptions } from '../../../raft/transport/tcp-transport.ts'
import { SAMPLES } from './messages.ts'
import { Changes, HOST, TcpWorld, TEST_LIMITS } from './tcp-world.ts'

const SECRET = 'shared'
const IGNORE: TransportEvents = { message: () => {}, met: () => {}, lost: () => {} }

const cleanups: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

/** n1 alone, whose peer n2 is whatever listens on `peerPort`. */
function dialler(peerPort: number, options: Partial<TcpTransportOptions> = {}) {
  const changes = new Changes()
  const notes: TransportNote[] = []
  const transport = new TcpTransport({
    id: 'n1',
    peers: { n1: `http://${HOST}:1`, n2: `http://${HOST}:${peerPort}` },
    listenHost: HOST,
    listenPort: 0,
    secret: SECRET,
    store: '1'.repeat(32),
    life: 1,
    random: () => 0.5,
    limits: { ...TEST_LIMITS, handshakeTimeoutMs: 300 },
    onNote: (note) => {
      notes.push(note)
      changes.happened()
    },
    ...options,
  })
  cleanups.push(() => transport.close())
  return { transport, notes, changes, to: () => transport.stats().peers.n2! }
}

/** Something that listens and treats each connection as `serve` says. */
async function listener(serve: (socket: Socket, nth: number) => void): Promise<number> {
  let connections = 0
  const open = new Set<Socket>()
  const server: Server = createServer((socket) => {
    open.add(socket)
    socket.on('error', () => {})
    serve(socket, ++connections)
  })
  cleanups.push(async () => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve))
  return (server.address() as { port: number }).port
}

const SWITCH = `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${PEER_PROTOCOL}\r\n\r\n`

/** Accepts a peer link as n2 would, then hands each message on; echoes nothing. */
function acceptAsN2(socket: Socket, onMessage: (message: WireMessage) => void): void {
  const self = {
    id: 'n2',
    members: ['n1', 'n2'],
    store: '2'.repeat(32),
    life: 2,
    secret: SECRET,
    about: '',
    versions: PROTOCOL_VERSIONS,
  }
  const acceptor = new Acceptor(self, randomBytes(NONCE_BYTES))
  const decoder = new FrameDecoder(ACCEPTOR_BOUNDS)
  let live = false
  socket.once('data', () => {
    socket.write(SWITCH) // the request fits one chunk, and the hello waits for this answer
    socket.on('data', (chunk: Buffer) =>
      decoder.push(chunk, (kind, payload) => {
        if (live && kind !== FRAME.keepalive) {
          onMessage(decodeMessage(kind === FRAME.entries ? 'entries' : 'message', payload))
        } else if (!live) {
          const step = acceptor.step(kind, payload)
          if (step.type === 'send') socket.write(step.frame)
          if (step.type === 'proven') {
            live = true
            decoder.expect({ [FRAME.keepalive]: 0, [FRAME.message]: 1e6, [FRAME.entries]: 1e6 })
            socket.write(WELCOME_FRAME)
          }
        }
        return true
      }),
    )
  })
}

describe('a bad network', () => {
  test('N11 a black hole in one direction: both ends see the silence, the other direction lives', async () => {
    const world = await TcpWorld.open(2)
    cleanups.push(() => world.close())
    const lost: string[] = []
    const received: WireMessage[] = []
    await world.transport('n1').start({ ...IGNORE, message: (message) => received.push(message) })
    await world.transport('n2').start({ ...IGNORE, lost: (peer) => lost.push(peer) })
    await world.until(() => world.linked('n1', 'n2') && world.linked('n2', 'n1'))

    world.proxy('n1', 'n2').hang()
    await world.until(() => lost.length > 0 && !world.linked('n1', 'n2'))
    world.transport('n2').send({ ...SAMPLES.Vote, from: 'n2', to: 'n1' })
    await world.until(() => received.length > 0)
    const reasons = world.notes.flatMap(({ note }) =>
      note.type === 'linkDown' ? [`${note.direction} ${note.reason}`] : [],
    )
    world.heal('n1', 'n2')
    await world.until(() => world.linked('n1', 'n2'))

    expect(lost).toEqual(['n1'])
    // One end sees the silence first; closing may tell the other through the proxy.
    expect(reasons.filter((reason) => reason.endsWith('silent'))).not.toEqual([])
    expect(world.linked('n2', 'n1')).toBe(true)
  })

  test('N14 a peer that reads nothing: its queue is bounded and dropped from, then the link is given up', async () => {
    const port = await listener((socket) => {
      acceptAsN2(socket, () => socket.pause())
    })
    const { transport, changes, notes, to } = dialler(port)
    await transport.start(IGNORE)
    await changes.until(() => to().out)
    const data = new Uint8Array(100_000)

    const fullest = { queuedBytes: 0 }
    while (!notes.some((note) => note.reason === 'queueFull')) {
      transport.send({ ...SAMPLES.Chunk, data })
      await nextTurn()
      if (to().queuedBytes > fullest.queuedBytes) fullest.queuedBytes = to().queuedBytes
    }
    await changes.until(() => !to().out)

    expect(fullest.queuedBytes).toBeLessThanOrEqual(TEST_LIMITS.queueBytesMax!)
    expect(to().queuedBytes).toBe(0)
    expect(notes.map((note) => note.reason)).toContain('silent')
    expect(to().dropped).toBeGreaterThan(1)
  })

  test('N19 behind back-pressure, a vote overtakes the bulk that was sent before it', async () => {
    const received: WireMessage[] = []
    let socketOfN2: Socket | null = null
    const changes = new Changes()
    const port = await listener((socket) => {
      socketOfN2 = socket
      acceptAsN2(socket, (message) => {
        if (received.push(message) === 1) socket.pause()
        changes.happened()
      })
    })
    // Silence is no matter here: n2 is slow for as long as the test takes to fill what lies between.
    const limits = { ...TEST_LIMITS, linkSilenceMs: 30_000 }
    const { transport, changes: changed, to } = dialler(port, { limits })
    await transport.start(IGNORE)
    await changed.until(() => to().out)
    const data = new Uint8Array(100_000)

    let sent = 0
    while (to().queuedBytes < 2_000_000) {
      transport.send({ ...SAMPLES.Chunk, after: sent++, data })
      await nextTurn()
    }
    transport.send(SAMPLES.Vote)
    socketOfN2!.resume()
    await changes.until(() => received.length === sent + 1)

    const chunks = received.flatMap((m) => (m.type === 'Chunk' ? [m.after] : []))
    expect(chunks).toEqual(Array.from({ length: sent }, (_, n) => n))
    expect(received.findIndex((m) => m.type === 'Vote')).toBeLessThan(sent - 15)
  })
})

describe('a bad neighbour', () => {
  test.each<[string, (socket: Socket) => void, RegExp]>([
    ['closes at once', (socket) => socket.destroy(), /dialFailed/],
    ['says nothing', () => {}, /dialFailed timeout/],
    ['speaks no HTTP', (socket) => socket.write(randomBytes(100)), /dialFailed/],
    ['does not upgrade', (socket) => socket.write('HTTP/1.1 200 OK\r\n\r\n'), /dialFailed/],
    ['sends garbage', (socket) => socket.write(SWITCH + 'x'.repeat(100)), /badFrame/],
    ['upgrades and goes silent', (socket) => socket.write(SWITCH), /dialFailed timeout/],
    ['upgrades and closes', (socket) => socket.end(SWITCH), /dialFailed ended/],
  ])('one that %s is dialled again until it is itself again', async (_, serve, expected) => {
    const port = await listener((socket, nth) => {
      if (nth > 2) acceptAsN2(socket, () => {})
      else socket.once('data', () => serve(socket))
    })
    const { transport, notes, changes, to } = dialler(port)

    await transport.start(IGNORE)
    await changes.until(() => to().out)

    expect(notes.map((note) => `${note.type} ${note.reason}`)).toEqual([
      expect.stringMatching(expected),
      expect.stringMatching(expected),
      'linkUp up',
    ])
  })

  test('P17 one that is another node than its URL says is refused, and told', async () => {
    const other = dialler(1, {
      id: 'n3',
      peers: { n1: `http://${HOST}:1`, n3: `http://${HOST}:1`, n2: `http://${HOST}:1` },
    })
    await other.transport.start(IGNORE)
    const peers = {
      n1: `http://${HOST}:1`,
      n2: `http://${HOST}:${other.transport.port}`,
      n3: `http://${HOST}:1`,
    }
    const { transport, notes, changes } = dialler(1, { peers })

    await transport.start(IGNORE)
    await changes.until(() => notes.some((note) => note.type === 'refusedByPeer'))

    expect(notes.find((note) => note.type === 'refusedByPeer')).toMatchObject({
      peer: 'n2',
      reason: 'wrong_target',
      detail: 'this is n3',
    })
    expect(other.notes.some((note) => note.reason === 'wrong_target')).toBe(true)
  })

  test('P18 of two clusters with different secrets, both sides note the refusal and nobody is met', async () => {
    const met: string[] = []
    const peers = { n1: `http://${HOST}:1`, n2: `http://${HOST}:1` }
    const other = dialler(1, { id: 'n2', secret: 'another', peers })
    await other.transport.start({ ...IGNORE, met: (peer) => met.push(peer) })
    const { transport, notes, changes } = dialler(other.transport.port)

    await transport.start(IGNORE)
    await changes.until(() => notes.some((note) => note.type === 'refused'))
    await other.changes.until(() => other.notes.some((note) => note.type === 'refusedByPeer'))

    expect(notes.find((note) => note.type === 'refused')).toMatchObject({
      peer: 'n2',
      direction: 'out',
      reason: 'wrong_secret',
      detail: '',
    })
    expect(met).toEqual([])
  })
})

describe('a peer that comes back', () => {
  test('is dialled as soon as it dials: no backoff stands between', async () => {
    // n1 finds nobody, and by itself would not try again within any time a test has.
    const limits = { ...TEST_LIMITS, redialMinMs: 3_600_000, redialMaxMs: 3_600_000 }
    const world = await TcpWorld.open(2, { limits })
    cleanups.push(() => world.close())
    await world.transport('n1').start(IGNORE)
    await world.until(() => world.notes.some(({ note }) => note.type === 'dialFailed'))

    await world.transport('n2').start(IGNORE)
    await world.until(() => world.linked('n2', 'n1') && world.linked('n1', 'n2'))

    expect(
      world.notes.filter(({ node, note }) => node === 'n1' && note.type === 'dialFailed').length,
    ).toBe(1)
  })
})

describe('start and stop', () => {
  test('N17 a port in use: start rejects with the port and the code, and closing is clean', async () => {
    const port = await listener(() => {})
    const { transport } = dialler(1, { listenPort: port })

    const starting = transport.start(IGNORE)

    await expect(starting).rejects.toMatchObject({
      code: 'EADDRINUSE',
      message: `cannot listen for peers on ${HOST}:${port}: it is in use`,
    })
    await transport.close()
  })

  test("by default it listens on the port of the node's own peer URL", async () => {
    const first = dialler(1)
    await first.transport.start(IGNORE)
    const { port } = first.transport
    await first.transport.close()
    const peers = { n1: `http://${HOST}:${port}`, n2: `http://${HOST}:1` }
    const options = {
      id: 'n1',
      peers,
      listenHost: HOST,
      secret: '',
      store: '1'.repeat(32),
      life: 1,
    }
    const second = new TcpTransport({ ...options, random: () => 0 })
    cleanups.push(() => second.close())

    await second.start(IGNORE)

    expect(second.port).toBe(port)
  })

  test.each(['', 'http://127.0.0.1:8001'])(
    'what it says about itself, %j, is known before it is met',
    async (about) => {
      const heard: string[] = []
      const peers = { n1: `http://${HOST}:1`, n2: `http://${HOST}:1` }
      const other = dialler(1, {
        id: 'n2',
        peers,
        onAbout: (peer, said) => heard.push(`${peer} says ${said}`),
      })
      await other.transport.start({ ...IGNORE, met: (peer) => heard.push(`met ${peer}`) })
      const { transport, changes, to } = dialler(other.transport.port, { about })

      await transport.start(IGNORE)
      await changes.until(() => to().out)

      expect(heard).toEqual([`n1 says ${about}`, 'met n1'])
    },
  )

  test('what contradicts itself is refused before anything is opened', () => {
    expect(() => dialler(1, { about: 'x'.repeat(513) })).toThrow('about')
    expect(() => dialler(1, { id: 'n9' })).toThrow('n9')
    expect(() => dialler(1, { limits: { frameBytesMax: 1 } })).toThrow('frameBytesMax')
  })

  test('closing while starting leaves nothing open', async () => {
    const { transport } = dialler(1)

    const starting = transport.start(IGNORE)
    await transport.close()
    await starting

    expect(transport.stats().pending).toBe(0)
  })
})
