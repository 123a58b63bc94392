// The listener on the peer port: HTTP up to the upgrade, then one live link for each peer.
//
// Every connection is pending until it is a live link, whatever it speaks: pending ones share one deadline and one bound,
// at which the oldest goes (a handshake takes milliseconds, so the oldest is the one that loiters). Plain HTTP is
// answered, since a person may point a browser here, and leads nowhere. Keeps true: at most one live link for a node
// id; a live identity cannot be taken over by another life; `met` precedes the link's messages, `lost` follows them.

import { randomBytes } from 'node:crypto'
import type { IncomingMessage, Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'

import type { Bytes, NodeId, WireMessage } from '../core/types.ts'
import { NONCE_BYTES, PEER_PATH, PEER_PROTOCOL, type PeerIdentity, type Self } from './handshake.ts'
import { InboundLink } from './inbound-link.ts'
import type { TransportLimits } from './limits.ts'
import type { Notes } from './notes.ts'

const HEADER_BYTES_MAX = 8 * 1024

export interface PeerServerEvents {
  met(identity: PeerIdentity): void
  message(message: WireMessage): void
  report(peer: NodeId, report: Bytes): void
  lost(peer: NodeId): void
}

export class PeerServer {
  readonly #self: () => Self
  readonly #limits: TransportLimits
  readonly #events: PeerServerEvents
  readonly #notes: Notes
  readonly #server: Server
  /** In the order of their arrival, with their deadlines. */
  readonly #pending = new Map<Duplex, NodeJS.Timeout>()
  readonly #links = new Map<NodeId, InboundLink>()
  #opening: Promise<void> = Promise.resolve()
  #closed = false

  constructor(self: () => Self, limits: TransportLimits, events: PeerServerEvents, notes: Notes) {
    this.#self = self
    this.#limits = limits
    this.#events = events
    this.#notes = notes
    this.#server = createAdaptorServer({
      fetch: peerApp(() => this.#stray('http')).fetch,
      serverOptions: { maxHeaderSize: HEADER_BYTES_MAX },
    }) as Server
    this.#server.on('connection', (socket: Socket) => this.#onConnection(socket))
    this.#server.on('clientError', (_, socket) => this.#onGarbage(socket))
    this.#server.on('upgrade', (request, socket, head) => this.#onUpgrade(request, socket, head))
  }

  /** Answers the port. Rejects with the system's code (EADDRINUSE) if it cannot be had. */
  async listen(host: string, port: number): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#opening = promise.catch(() => {})
    this.#server.on('error', (error: NodeJS.ErrnoException) => {
      reject(error) // has no effect once it listens
      const reason = error.code ?? 'error'
      this.#notes.add({ type: 'listenerError', direction: 'in', peer: null, reason })
    })
    this.#server.listen(port, host, resolve)
    try {
      await promise
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException
      const why = code === 'EADDRINUSE' ? 'it is in use' : message
      const error = new Error(`cannot listen for peers on ${host}:${port}: ${why}`, { cause })
      throw Object.assign(error, { code })
    }
    return (this.#server.address() as AddressInfo).port
  }

  get links(): ReadonlyMap<NodeId, InboundLink> {
    return this.#links
  }

  get pendingCount(): number {
    return this.#pending.size
  }

  /** Once each keepalive. */
  sweep(): void {
    const silentSweepsMax = this.#limits.linkSilenceMs / this.#limits.keepaliveMs
    for (const link of this.#links.values()) link.sweep(silentSweepsMax)
  }

  /** No event follows. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#opening // a server closed while it opens would never tell either
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#server.close(() => resolve()) // also when it never listened
    for (const link of [...this.#links.values()]) link.close('closing')
    for (const socket of [...this.#pending.keys()]) socket.destroy()
    await promise
  }

  #onConnection(socket: Socket): void {
    if (this.#closed) {
      socket.destroy()
      return
    }
    if (this.#pending.size >= this.#limits.pendingMax) {
      const [oldest] = this.#pending.keys()
      this.#drop(oldest!, 'tooManyPending')
    }
    const deadline = setTimeout(
      () => this.#drop(socket, 'timeout'),
      this.#limits.handshakeTimeoutMs,
    )
    this.#pending.set(socket, deadline)
    socket.on('error', () => {}) // 'close' follows; whoever owns the socket by then has its own ears
    socket.once('close', () => this.#settle(socket))
  }

  #onGarbage(socket: Duplex): void {
    if (this.#pending.has(socket) && socket.writable) this.#drop(socket, 'notHttp')
    else socket.destroy() // a client that went away is no garbage
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (request.url !== PEER_PATH || request.headers.upgrade !== PEER_PROTOCOL) {
      this.#stray('otherUpgrade')
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
      return
    }
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${PEER_PROTOCOL}\r\n\r\n`,
    )
    const link = new InboundLink(
      socket,
      this.#self(),
      randomBytes(NONCE_BYTES),
      this.#limits.frameBytesMax,
      {
        claim: (claimant, identity) => this.#claim(claimant, identity),
        admitted: (_, identity) => {
          this.#settle(socket)
          if (!this.#closed) this.#events.met(identity)
        },
        message: (message) => {
          if (!this.#closed) this.#events.message(message)
        },
        report: (peer, report) => {
          if (!this.#closed) this.#events.report(peer, report)
        },
        ended: (ended) => this.#onEnded(ended),
      },
      this.#notes,
    )
    if (head.length > 0) link.receive(head)
  }

  /**
   * A live link holds its identity against any other life: a second node with the same id, or a copied data
   * directory, is refused. The same life replaces its own link, and one that has gone quiet (a host that
   * vanished without a word, and is back) gives way.
   */
  #claim(link: InboundLink, identity: PeerIdentity): boolean {
    const { peer, life, store } = identity
    const holder = this.#links.get(peer)
    if (holder !== undefined) {
      const holds = holder.silentSweeps * this.#limits.keepaliveMs <= this.#limits.identityHoldMs
      const sameLife = holder.identity!.life === life
      if (holds && !sameLife) return false
      // The same node dialled again: its process is not gone, so nothing was lost but a connection.
      const renewed = sameLife && holder.identity!.store === store
      if (renewed) this.#links.delete(peer)
      holder.close('replaced')
    }
    this.#links.set(peer, link)
    return true
  }

  #onEnded(link: InboundLink): void {
    const peer = link.identity?.peer
    if (peer === undefined || this.#links.get(peer) !== link) return
    this.#links.delete(peer)
    if (!this.#closed) this.#events.lost(peer)
  }

  #drop(socket: Duplex, reason: string): void {
    this.#stray(reason)
    this.#settle(socket)
    socket.destroy()
  }

  #settle(socket: Duplex): void {
    clearTimeout(this.#pending.get(socket))
    this.#pending.delete(socket)
  }

  #stray(reason: string): void {
    this.#notes.add({ type: 'strayConnection', direction: 'in', peer: null, reason })
  }
}

/** What a browser, a health check or a client that has the wrong port is told. */
function peerApp(onRequest: () => void): Hono {
  const app = new Hono()
  const problem = (status: number, code: string, title: string, headers: Record<string, string>) =>
    new Response(JSON.stringify({ type: 'about:blank', status, code, title }), {
      status,
      headers: { 'content-type': 'application/problem+json', connection: 'close', ...headers },
    })

  app.use(async (_, next) => {
    onRequest()
    await next()
  })
  app.get(PEER_PATH, () =>
    problem(426, 'upgrade_required', 'This port is for peers', { upgrade: PEER_PROTOCOL }),
  )
  app.notFound(() => problem(404, 'not_found', 'This port is for peers; clients have another', {}))
  return app
}
