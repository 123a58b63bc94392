// The peer port under bad input (reference B50–B59, N11–N14, P15–P18): everything is bounded, counted and closed, and
// the healthy pair n1, n2 beside it notices nothing.

import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import type { NodeId, WireMessage } from '../../../raft/core/types.ts'
import { encodeMessage } from '../../../raft/transport/codec.ts'
import {
  FRAME,
  FRAME_HEAD_BYTES,
  FrameDecoder,
  type FrameKind,
  KEEPALIVE_FRAME,
  sealFrame,
} from '../../../raft/transport/frame.ts'
import {
  DIALLER_BOUNDS,
  Dialler,
  NONCE_BYTES,
  PEER_PATH,
  PEER_PROTOCOL,
  PROTOCOL_VERSIONS,
  type Self,
} from '../../../raft/transport/handshake.ts'
import { REPORT_BYTES_MAX } from '../../../raft/transport/limits.ts'
import { packTuple } from '../../../raft/transport/tuple.ts'
import { SAMPLES } from './messages.ts'
import { Changes, HOST, TcpWorld } from './tcp-world.ts'

const SECRET = 'known to the impostor'
const UPGRADE = `GET ${PEER_PATH} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ${PEER_PROTOCOL}\r\n\r\n`
const FRAME_BYTES_MAX = 1024 * 1024

/** n1 and n2 run and are linked; n3 is ours to impersonate. */
let world: TcpWorld
let received: WireMessage[]
let reports: [NodeId, string][]
let news: string[]
const raws: RawPeer[] = []

beforeEach(async () => {
  world = await TcpWorld.open(3, {
    secret: SECRET,
    onReport: (peer, report) => reports.push([peer, Buffer.from(report).toString()]),
    limits: { handshakeTimeoutMs: 300, pendingMax: 8 },
  })
  received = []
  reports = []
  news = []
  await world.transport('n2').start({ message: () => {}, met: () => {}, lost: () => {} })
  await world.transport('n1').start({
    message: (message) => received.push(message),
    met: (peer, store) => news.push(`met ${peer} ${store[0]}`),
    lost: (peer) => news.push(`lost ${peer}`),
  })
  await world.until(() => world.linked('n1', 'n2') && world.linked('n2', 'n1'))
})

afterEach(async () => {
  // Whatever happened: the healthy pair was never disturbed.
  expect(news.filter((line) => line.includes('n2'))).toEqual(['met n2 2'])
  const before = received.length
  world.transport('n2').send({ ...SAMPLES.ReadIndex, from: 'n2', to: 'n1' })
  await world.until(() => received.length > before)
  for (const raw of raws.splice(0)) raw.socket.destroy()
  await world.close()
})

const self = (life = 33): Self => ({
  id: 'n3',
  members: world.ids,
  store: '3'.repeat(32),
  life,
  secret: SECRET,
  about: '',
  versions: PROTOCOL_VERSIONS,
})

const notesOf = (type: string): string[] =>
  world.notes.flatMap(({ node, note }) =>
    node === 'n1' && note.type === type ? [note.reason] : [],
  )

/** Connections that are no link: what the retries of n1 towards the absent n3 do is another matter. */
const pending = () => world.tcp('n1').stats().pending

/** A connection to n1's peer port whose every byte the test decides. */
class RawPeer {
  readonly socket: Socket
  readonly closed: Promise<void>
  readonly frames: [FrameKind, Buffer][] = []
  text = ''
  #decoder: FrameDecoder | null = null
  readonly #changes = new Changes()

  constructor(port = world.tcp('n1').port) {
    this.socket = connect(port, HOST).setNoDelay(true)
    this.closed = new Promise((resolve) => this.socket.once('close', () => resolve()))
    this.socket.on('error', () => {})
    this.socket.on('data', (chunk) => this.#onData(chunk))
    raws.push(this)
  }

  static async upgraded(): Promise<RawPeer> {
    const raw = new RawPeer()
    raw.socket.write(UPGRADE)
    await raw.until(() => raw.text.endsWith('\r\n\r\n'))
    return raw
  }

  /** Speaks the handshake as `who`; ends with a welcome or a refusal, whose kind it answers. */
  static async shaken(who: Self): Promise<{ raw: RawPeer; end: FrameKind }> {
    const raw = await RawPeer.upgraded()
    const dialler = new Dialler(who, 'n1', randomBytes(NONCE_BYTES))
    raw.socket.write(dialler.hello())
    await raw.until(() => raw.frames.length === 1)
    const step = dialler.step(...raw.frames[0]!)
    if (step.type === 'send') {
      raw.socket.write(step.frame)
      await raw.until(() => raw.frames.length === 2)
    }
    return { raw, end: raw.frames.at(-1)![0] }
  }

  /** Fails if the connection closes first. */
  async until(condition: () => boolean): Promise<void> {
    await Promise.race([this.#changes.until(condition), this.closed])
    if (!condition()) throw new Error(`the connection closed; heard: ${this.text}`)
  }

  /** All that was written before has been taken in. */
  async echoed(): Promise<void> {
    this.socket.write(KEEPALIVE_FRAME)
    await this.until(() => this.frames.at(-1)![0] === FRAME.keepalive)
  }

  #onData(chunk: Buffer): void {
    if (this.#decoder === null) {
      const end = chunk.indexOf('\r\n\r\n')
      this.text += end < 0 ? chunk : chunk.subarray(0, end + 4)
      if (end >= 0 && this.text.startsWith('HTTP/1.1 101')) {
        this.#decoder = new FrameDecoder({ ...DIALLER_BOUNDS, [FRAME.keepalive]: 0 })
        chunk = chunk.subarray(end + 4)
      }
    }
    this.#decoder?.push(chunk, (kind, payload) => {
      this.frames.push([kind, payload])
      return true
    })
    this.#changes.happened()
  }
}

const frameOf = (kind: FrameKind, payload: Uint8Array): Buffer =>
  sealFrame(kind, Buffer.concat([Buffer.alloc(FRAME_HEAD_BYTES), payload]))

const head = (length: number, kind: FrameKind): Buffer => {
  const bytes = Buffer.alloc(FRAME_HEAD_BYTES)
  bytes.writeUInt32BE(length, 0)
  bytes[8] = kind
  return bytes
}

describe('before the handshake', () => {
  test('B50 a browser is told that the port is for peers', async () => {
    const answer = await fetch(`http://${HOST}:${world.tcp('n1').port}/raft`)

    expect(answer.status).toBe(426)
    expect(answer.headers.get('upgrade')).toBe(PEER_PROTOCOL)
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    expect(await answer.json()).toMatchObject({ code: 'upgrade_required', status: 426 })
    expect(notesOf('strayConnection')).toEqual(['http'])
  })

  test("B51 a client's valid publish is refused", async () => {
    const answer = await fetch(`http://${HOST}:${world.tcp('n1').port}/publish`, {
      method: 'POST',
      body: JSON.stringify({ topic: 'orders', event_id: '1' }),
    })

    expect(answer.status).toBe(404)
    expect(await answer.json()).toMatchObject({ code: 'not_found' })
  })

  test.each([
    ['random bytes', randomBytes(500), 'notHttp'],
    ['a TLS hello', Buffer.from('16030100f8010000f40303', 'hex'), 'notHttp'],
    [
      'a header without end',
      Buffer.from(`GET /raft HTTP/1.1\r\nX: ${'x'.repeat(20_000)}`),
      'notHttp',
    ],
    ['another upgrade', Buffer.from(UPGRADE.replace(PEER_PROTOCOL, 'websocket')), 'otherUpgrade'],
    ['another path', Buffer.from(UPGRADE.replace(PEER_PATH, '/other')), 'otherUpgrade'],
  ])('B50 %s: closed and counted', async (_, bytes, reason) => {
    const raw = new RawPeer()

    raw.socket.write(bytes)
    await raw.closed

    expect(notesOf('strayConnection')).toEqual([reason])
  })

  test.each([
    ['silence', ''],
    ['half an HTTP request', 'GET /raft HTTP/1.1\r\n'],
    ['an upgrade and nothing more', UPGRADE],
    ['an upgrade and half a hello', `${UPGRADE}\0\0\0\x40`],
  ])('slow loris, %s: closed at the deadline', async (_, text) => {
    const raw = new RawPeer()

    raw.socket.write(text)
    await raw.closed

    expect(notesOf('strayConnection')).toContain('timeout')
    expect(pending()).toBe(0)
  })

  test('100 loiterers: the oldest go, and a peer still gets in', async () => {
    const loiterers = Array.from({ length: 100 }, () => new RawPeer())
    const evicted = () => notesOf('strayConnection').filter((reason) => reason === 'tooManyPending')
    // Not by their deadline, which would let any number of them in until then.
    await world.until(() => notesOf('strayConnection').length >= 92)
    expect(evicted().length).toBeGreaterThanOrEqual(92)

    const { end } = await RawPeer.shaken(self())

    expect(end).toBe(FRAME.welcome)
    expect(pending()).toBeLessThanOrEqual(8)
    expect(news).toContain('met n3 3')
    await Promise.all(loiterers.map((raw) => raw.closed))
  })

  test.each([
    ['length 0', head(0, FRAME.hello)],
    ['length 0xffffffff', head(0xffffffff, FRAME.hello)],
    ['a hello above its bound', head(4098, FRAME.hello)],
    ['a message before the handshake', encodeMessage(SAMPLES.Vote, FRAME_BYTES_MAX)!],
    ['a keepalive before the handshake', KEEPALIVE_FRAME],
    ['a wrong checksum', Buffer.concat([head(2, FRAME.hello), Buffer.of(1)])],
    ['a hello of garbage', frameOf(FRAME.hello, randomBytes(100))],
    ['a proof before the hello', frameOf(FRAME.proof, packTuple([Buffer.alloc(32)]))],
  ])('B52, B53 %s: closed and counted', async (_, bytes) => {
    const raw = await RawPeer.upgraded()

    raw.socket.write(bytes)
    await raw.closed

    expect(notesOf('badFrame')).toEqual(['badFrame'])
    expect(raw.frames).toEqual([])
  })

  test('P18 a wrong secret, other members, an unknown or doubled id are refused and noted', async () => {
    const wrong: [string, Self][] = [
      ['wrong_secret', { ...self(), secret: 'wrong' }],
      ['other_members', { ...self(), members: ['n1', 'n3'] }],
      ['unknown_node', { ...self(), id: 'n9' }],
      ['duplicate_identity', { ...self(), id: 'n1' }], // B56: in our own name
    ]
    for (const [reason, who] of wrong) {
      const raw = await RawPeer.upgraded()
      const dialler = new Dialler(who, 'n1', randomBytes(NONCE_BYTES))
      raw.socket.write(dialler.hello())
      await raw.until(() => raw.frames.length > 0)
      const step = dialler.step(...raw.frames[0]!)
      if (step.type === 'refuse')
        raw.socket.write(step.frame) // the secret: the dialler sees it first
      else expect(step).toMatchObject({ type: 'refused', reason })
      await raw.closed
    }

    expect(notesOf('refusedByPeer')).toEqual(['wrong_secret'])
    expect(notesOf('refused')).toEqual(['other_members', 'unknown_node', 'duplicate_identity'])
    expect(news.filter((line) => line.includes('n3'))).toEqual([])
  })

  test('a forged proof is refused without detail', async () => {
    const raw = await RawPeer.upgraded()
    raw.socket.write(new Dialler(self(), 'n1', randomBytes(NONCE_BYTES)).hello())
    await raw.until(() => raw.frames.length === 1)

    raw.socket.write(frameOf(FRAME.proof, packTuple([randomBytes(32)])))
    await raw.closed

    expect(raw.frames[1]![0]).toBe(FRAME.refused)
    expect(notesOf('refused')).toEqual(['wrong_secret'])
    expect(news).not.toContain('met n3 3')
  })
})

describe('on a link', () => {
  test.each([
    ['length 0', head(0, FRAME.message)],
    ['length 0xffffffff', head(0xffffffff, FRAME.entries)],
    ['a message above 256 KiB', head(256 * 1024 + 2, FRAME.message)],
    ['entries above the limit', head(FRAME_BYTES_MAX + 2, FRAME.entries)],
    ['a wrong checksum', Buffer.concat([head(2, FRAME.message), Buffer.of(1)])],
    ['bad msgpack', frameOf(FRAME.message, Buffer.from('c1', 'hex'))],
    ['deep nesting', frameOf(FRAME.entries, Buffer.alloc(FRAME_BYTES_MAX, 0x91))],
    ['extra bytes', frameOf(FRAME.message, Buffer.from('940ca26e33a26e310300', 'hex'))],
    ['a negative term', frameOf(FRAME.message, Buffer.from('940ca26e33a26e31ff', 'hex'))],
    ['a report above its bound', head(REPORT_BYTES_MAX + 2, FRAME.report)],
    ['a second hello', frameOf(FRAME.hello, packTuple([Buffer.alloc(1)]))],
  ])(
    'B52–B54 %s: the link is closed, counted and lost; nothing was delivered',
    async (_, bytes) => {
      const { raw } = await RawPeer.shaken(self())

      raw.socket.write(bytes)
      await raw.closed

      expect(notesOf('badFrame')).toEqual(['badFrame'])
      expect(news.slice(-2)).toEqual(['met n3 3', 'lost n3'])
      expect(received).toEqual([])
    },
  )

  test('N12 a link cut in mid-frame delivers what was whole', async () => {
    const { raw } = await RawPeer.shaken(self())
    const whole = { ...SAMPLES.Vote, from: 'n3', to: 'n1' }
    const frame = encodeMessage(whole, FRAME_BYTES_MAX)!

    raw.socket.end(Buffer.concat([frame, frame.subarray(0, -1)]))
    await world.until(() => news.includes('lost n3'))

    expect(received).toEqual([whole])
  })

  test("B56 a message in another's name, or for another, is dropped and counted; the link stays", async () => {
    const { raw } = await RawPeer.shaken(self())
    const messages = [
      { ...SAMPLES.Vote, from: 'n2', to: 'n1' },
      { ...SAMPLES.Vote, from: 'n1', to: 'n1' },
      { ...SAMPLES.Vote, from: 'n3', to: 'n2' },
      { ...SAMPLES.Vote, from: 'n3', to: 'n1' },
    ]

    for (const message of messages) raw.socket.write(encodeMessage(message, FRAME_BYTES_MAX)!)
    await world.until(() => received.length > 0)

    expect(received).toEqual([messages[3]])
    expect(notesOf('dropped')).toEqual(['wrongAddress', 'wrongAddress', 'wrongAddress'])
    expect(news.at(-1)).toBe('met n3 3')
  })

  test('a report is handed on as it came, of any bytes, under the name that was proven', async () => {
    const { raw } = await RawPeer.shaken(self())
    const largest = Buffer.alloc(REPORT_BYTES_MAX, 'x')

    for (const report of [Buffer.from('{"n2 says": "garbage"'), Buffer.alloc(0), largest])
      raw.socket.write(frameOf(FRAME.report, report))
    await raw.echoed()

    expect(reports).toEqual([
      ['n3', '{"n2 says": "garbage"'],
      ['n3', ''],
      ['n3', largest.toString()],
    ])
    expect(received).toEqual([])
  })

  test('a peer of the version before reports may not send one', async () => {
    const { raw, end } = await RawPeer.shaken({ ...self(), versions: { min: 1, max: 1 } })
    raw.socket.write(encodeMessage({ ...SAMPLES.Vote, from: 'n3', to: 'n1' }, FRAME_BYTES_MAX)!)
    await raw.echoed()

    raw.socket.write(frameOf(FRAME.report, Buffer.from('too early')))
    await raw.closed

    expect(end).toBe(FRAME.welcome)
    expect(received).toHaveLength(1)
    expect(reports).toEqual([])
    expect(notesOf('badFrame')).toEqual(['badFrame'])
  })

  test('keepalives are echoed, and a link without them is lost', async () => {
    const { raw } = await RawPeer.shaken(self())

    raw.socket.write(KEEPALIVE_FRAME)
    await raw.until(() => raw.frames.at(-1)![0] === FRAME.keepalive)
    await raw.closed

    expect(news.slice(-2)).toEqual(['met n3 3', 'lost n3'])
    expect(world.notes.find(({ note }) => note.type === 'linkDown')!.note.reason).toBe('silent')
  })
})

describe('identities', () => {
  test('P15, P16 while one life is heard, another of the same id is refused', async () => {
    const first = await RawPeer.shaken(self(33))

    const second = await RawPeer.shaken(self(44))
    await second.raw.closed

    expect(second.end).toBe(FRAME.refused)
    expect(notesOf('refused')).toEqual(['duplicate_identity'])
    expect(first.raw.socket.destroyed).toBe(false)
    expect(news.at(-1)).toBe('met n3 3')
  })

  test('a life that has gone quiet gives way before its link is given up', async () => {
    const quiet = await RawPeer.shaken(self(33))
    let end: FrameKind = FRAME.refused

    // Refused while the old life counts as heard, then let in.
    while (end === FRAME.refused) ({ end } = await RawPeer.shaken(self(44)))
    await quiet.raw.closed

    expect(news.slice(-3)).toEqual(['met n3 3', 'lost n3', 'met n3 3'])
    expect(world.notes.map(({ note }) => note.reason)).toContain('replaced')
  })

  test('a life whose process is gone gives way at once', async () => {
    const first = await RawPeer.shaken(self(33))
    first.raw.socket.destroy()
    await world.until(() => news.at(-1) === 'lost n3')

    const second = await RawPeer.shaken(self(44))

    expect(second.end).toBe(FRAME.welcome)
  })

  test('B59 200 connections of one peer: one live link at a time, and nothing counts as lost', async () => {
    for (let round = 0; round < 50; round++) {
      const ends = await Promise.all(Array.from({ length: 4 }, () => RawPeer.shaken(self())))
      expect(ends.map(({ end }) => end)).toEqual(Array(4).fill(FRAME.welcome))
    }
    // Which of a round came last is the network's affair: all but one are closed.
    let closed = 0
    for (const raw of raws) void raw.closed.then(() => closed++)
    await world.until(() => closed === 199)

    expect(world.tcp('n1').stats()).toMatchObject({ pending: 0, peers: { n3: { in: true } } })
    expect(news.filter((line) => line.includes('n3'))).toEqual(Array(200).fill('met n3 3'))
  })
})
