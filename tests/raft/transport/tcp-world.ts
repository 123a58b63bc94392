// TCP transports on loopback, with a proxy on each directed link that can cut it or let it hang.
//
// All ports are drawn by the system. Conditions are looked at again after each event of any transport: nothing here waits
// for time.

import { connect, createServer, type Server, type Socket } from 'node:net'

import type { NodeId, StoreId } from '../../../raft/core/types.ts'
import type { Transport, TransportEvents } from '../../../raft/ports.ts'
import type { TransportLimits } from '../../../raft/transport/limits.ts'
import type { TransportNote } from '../../../raft/transport/notes.ts'
import { TcpTransport, type TcpTransportOptions } from '../../../raft/transport/tcp-transport.ts'
import type { TransportWorld } from '../transport-contract.ts'

export const HOST = '127.0.0.1'

/** Quick to redial and to notice silence, and every note is told. */
export const TEST_LIMITS: Partial<TransportLimits> = {
  frameBytesMax: 1024 * 1024,
  queueBytesMax: 4 * 1024 * 1024,
  keepaliveMs: 20,
  identityHoldMs: 200,
  linkSilenceMs: 400,
  redialMinMs: 5,
  redialMaxMs: 40,
  noteEveryMs: 0,
}

type OptionsOf = (id: NodeId) => Partial<TcpTransportOptions>

export class TcpWorld implements TransportWorld {
  readonly ids: readonly NodeId[]
  readonly notes: { readonly node: NodeId; readonly note: TransportNote }[] = []
  readonly #changes = new Changes()
  readonly #transports = new Map<NodeId, TcpTransport>()
  readonly #stores = new Map<NodeId, StoreId>()
  readonly #proxies = new Map<string, LinkProxy>()
  readonly #optionsOf: OptionsOf
  #lives = 0

  private constructor(nodeCount: number, optionsOf: OptionsOf) {
    this.ids = Array.from({ length: nodeCount }, (_, n) => `n${n + 1}`)
    this.#optionsOf = optionsOf
  }

  static async open(
    nodeCount: number,
    options: Partial<TcpTransportOptions> | OptionsOf = {},
  ): Promise<TcpWorld> {
    const world = new TcpWorld(nodeCount, typeof options === 'function' ? options : () => options)
    for (const from of world.ids) {
      for (const to of world.ids) {
        if (from !== to) world.#proxies.set(`${from} ${to}`, await LinkProxy.open())
      }
    }
    world.ids.forEach((id, n) => {
      world.#make(id, `${n + 1}`.repeat(32))
    })
    return world
  }

  tcp(id: NodeId): TcpTransport {
    return this.#transports.get(id)!
  }

  /** As the port, which is all the contract may see; start() opens the proxies towards it. */
  transport(id: NodeId): Transport {
    const transport = this.tcp(id)
    return {
      start: async (events) => {
        await transport.start(this.#watched(events))
        for (const from of this.ids) this.#proxies.get(`${from} ${id}`)?.leadTo(transport.port)
      },
      send: (message) => transport.send(message),
      announce: (store) => transport.announce(store),
      close: () => transport.close(),
    }
  }

  storeOf(id: NodeId): StoreId {
    return this.#stores.get(id)!
  }

  linked(from: NodeId, to: NodeId): boolean {
    return this.tcp(from).stats().peers[to]!.out
  }

  until(condition: () => boolean): Promise<void> {
    return this.#changes.until(condition)
  }

  async restart(id: NodeId, store: StoreId): Promise<void> {
    await this.tcp(id).close()
    this.#make(id, store)
  }

  cut(from: NodeId, to: NodeId): void {
    this.proxy(from, to).cut()
  }

  heal(from: NodeId, to: NodeId): void {
    this.proxy(from, to).heal()
  }

  proxy(from: NodeId, to: NodeId): LinkProxy {
    return this.#proxies.get(`${from} ${to}`)!
  }

  async close(): Promise<void> {
    await Promise.all([...this.#transports.values()].map((transport) => transport.close()))
    await Promise.all([...this.#proxies.values()].map((proxy) => proxy.close()))
  }

  #make(id: NodeId, store: StoreId): void {
    const url = (to: NodeId) => `http://${HOST}:${this.#proxies.get(`${id} ${to}`)?.port ?? 1}`
    const options = this.#optionsOf(id)
    const transport = new TcpTransport({
      id,
      peers: Object.fromEntries(this.ids.map((to) => [to, url(to)])),
      listenHost: HOST,
      listenPort: 0,
      secret: 'a secret of the tests',
      store,
      life: ++this.#lives,
      random: () => 0.5,
      onNote: (note) => {
        this.notes.push({ node: id, note })
        this.#changes.happened()
      },
      ...options,
      onReport: (peer, report) => {
        options.onReport?.(peer, report)
        this.#changes.happened()
      },
      limits: { ...TEST_LIMITS, ...options.limits },
    })
    this.#transports.set(id, transport)
    this.#stores.set(id, store)
  }

  #watched(events: TransportEvents): TransportEvents {
    const { happened } = this.#changes
    return {
      message: (message) => {
        events.message(message)
        happened()
      },
      met: (peer, store) => {
        events.met(peer, store)
        happened()
      },
      lost: (peer) => {
        events.lost(peer)
        happened()
      },
    }
  }
}

/** Conditions that are looked at again whenever something happened. */
export class Changes {
  readonly #waiting = new Set<() => void>()

  readonly happened = (): void => {
    // A turn later, so that a condition sees the whole of what one event did.
    for (const look of this.#waiting) setImmediate(look)
  }

  until(condition: () => boolean): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const look = (): void => {
      try {
        if (!condition()) return
        resolve()
      } catch (error) {
        reject(error)
      }
      this.#waiting.delete(look)
    }
    this.#waiting.add(look)
    look()
    return promise
  }
}

/** A directed link: passes bytes both ways of the connections made through it, until it is told otherwise. */
export class LinkProxy {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #target: number | null = null
  #state: 'open' | 'cut' | 'hung' = 'open'

  private constructor() {
    this.#server = createServer({ pauseOnConnect: true }, (near) => this.#onConnection(near))
  }

  static async open(): Promise<LinkProxy> {
    const proxy = new LinkProxy()
    const { promise, resolve } = Promise.withResolvers<void>()
    proxy.#server.listen(0, HOST, resolve)
    await promise
    return proxy
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port
  }

  leadTo(port: number): void {
    this.#target = port
  }

  /** Resets what is open and refuses what comes. */
  cut(): void {
    this.#state = 'cut'
    this.#drop()
  }

  /** Takes every byte that comes and passes none: a black hole behind an open connection. */
  hang(): void {
    this.#state = 'hung'
  }

  heal(): void {
    this.#state = 'open'
    this.#drop() // bytes were lost in the black hole: those connections have nothing to say any more
  }

  close(): Promise<void> {
    this.cut()
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#server.close(() => resolve())
    return promise
  }

  #drop(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  #onConnection(near: Socket): void {
    if (this.#state === 'cut' || this.#target === null) {
      near.on('error', () => {}).destroy()
      return
    }
    const far = connect(this.#target, HOST)
    this.#pass(near, far)
    this.#pass(far, near)
    near.resume()
  }

  #pass(from: Socket, to: Socket): void {
    this.#sockets.add(from)
    from.setNoDelay(true)
    from.on('data', (chunk) => {
      if (this.#state === 'open') to.write(chunk)
    })
    from.on('error', () => {})
    from.on('close', () => {
      this.#sockets.delete(from)
      to.destroy()
    })
  }
}
