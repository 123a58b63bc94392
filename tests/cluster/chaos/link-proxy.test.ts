// The proxy on a peer link, over real sockets: what crosses it in each state, and what the ends get to see.

import { once } from 'node:events'
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { LinkProxy } from '../../../cluster/chaos/link-proxy.ts'

/** One end of a connection, and all it has received. */
class End {
  readonly socket: Socket
  text = ''

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      this.text += bytes
    })
  }

  async receives(text: string): Promise<void> {
    while (this.text.length < text.length && !this.socket.destroyed) await turn()
    expect(this.text).toBe(text)
  }

  async closes(): Promise<void> {
    while (!this.socket.closed) await turn()
  }
}

let server: Server
let proxy: LinkProxy
/** The far end of each connection, in order. */
let far: End[]
let near: End[]

beforeEach(async () => {
  near = []
  far = []
  server = createServer((socket) => far.push(new End(socket)))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  proxy = await LinkProxy.open((server.address() as AddressInfo).port)
})

afterEach(async () => {
  for (const { socket } of [...near, ...far]) socket.destroy()
  await proxy.close()
  server.close()
})

const turn = () => new Promise((resolve) => setImmediate(resolve))

function connect(): End {
  const end = new End(dial({ port: proxy.port, host: '127.0.0.1' }))
  near.push(end)
  return end
}

/** Both ends of a connection over which something has been sent. */
async function pair(): Promise<[near: End, far: End]> {
  const place = far.length
  const end = connect()
  end.socket.write('hello ')
  while (far.length === place) await turn()
  await far[place]!.receives('hello ')
  return [end, far[place]!]
}

describe('open', () => {
  test('bytes cross in both directions', async () => {
    const [a, b] = await pair()

    a.socket.write('there')
    b.socket.write('and back')

    await b.receives('hello there')
    await a.receives('and back')
  })

  test('the end of one side is told to the other', async () => {
    const [a, b] = await pair()

    b.socket.end('goodbye')

    await a.receives('goodbye')
    await a.closes()
    await b.closes()
    while (proxy.connections > 0) await turn()
  })

  test('a target that is not there resets the connection', async () => {
    server.close()

    const a = connect()

    await a.closes()
    expect(far).toEqual([])
  })
})

describe('cut', () => {
  test('drop swallows what is sent, and resets the connection when it is mended', async () => {
    const [a, b] = await pair()

    proxy.set({ type: 'cut', mode: 'drop' })
    a.socket.write('never seen')
    while (proxy.swallowedBytes < 'never seen'.length) await turn()
    expect(a.socket.destroyed || b.socket.destroyed).toBe(false)
    proxy.set({ type: 'open' })

    await a.closes()
    await b.closes()
    expect(b.text).toBe('hello ')
    await pair()
  })

  test('hold keeps what is sent, and delivers it in order when it is mended', async () => {
    const [a, b] = await pair()

    proxy.set({ type: 'cut', mode: 'hold' })
    a.socket.write('late ')
    a.socket.write('but whole')
    for (let turns = 0; turns < 20; turns += 1) await turn()
    expect(b.text).toBe('hello ')
    proxy.set({ type: 'open' })

    await b.receives('hello late but whole')
    expect(proxy.swallowedBytes).toBe(0)
  })

  test('refuse resets what is there and takes nothing new', async () => {
    const [a, b] = await pair()

    proxy.set({ type: 'cut', mode: 'refuse' })
    await a.closes()
    await b.closes()
    await connect().closes()

    expect(far).toHaveLength(1)
  })

  test.each(['drop', 'hold'] as const)(
    '%s hides that the other side has died until the link is mended',
    async (mode) => {
      const [a, b] = await pair()

      proxy.set({ type: 'cut', mode })
      b.socket.resetAndDestroy()
      await b.closes()
      for (let turns = 0; turns < 20; turns += 1) await turn()
      expect(a.socket.destroyed).toBe(false)
      proxy.set({ type: 'open' })
      a.socket.write('is anybody there?')

      await a.closes()
    },
  )
})

describe('delay', () => {
  test('everything arrives, in order, also when the link becomes faster', async () => {
    const [a, b] = await pair()
    const pieces = Array.from({ length: 50 }, (_, number) => `${number} `)

    proxy.set({ type: 'delay', delayMs: 20 })
    for (const piece of pieces.slice(0, 25)) a.socket.write(piece)
    await turn()
    proxy.set({ type: 'delay', delayMs: 1 })
    for (const piece of pieces.slice(25)) a.socket.write(piece)

    await b.receives(`hello ${pieces.join('')}`)
  })

  test('a link that is cut while bytes are under way delivers none of them', async () => {
    const [a, b] = await pair()

    proxy.set({ type: 'delay', delayMs: 10 })
    a.socket.write('under way')
    await turn()
    proxy.set({ type: 'cut', mode: 'drop' })
    while (proxy.swallowedBytes < 'under way'.length) await turn()

    expect(b.text).toBe('hello ')
  })
})
