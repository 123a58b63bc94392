// One accepted connection: the acceptor's side of the handshake, then the messages and reports that this peer sends us.
//
// Sends nothing but the handshake and the echo of keepalives, by which the dialler sees that we are alive. Which
// connection may hold an identity is the server's decision. Keeps true: no message is delivered before the server has
// admitted the identity, and none that names another sender or another receiver.

import type { Duplex } from 'node:stream'

import type { Bytes, NodeId, WireMessage } from '../core/types.ts'
import { decodeMessage } from './codec.ts'
import { Connection } from './connection.ts'
import { FRAME, type FrameKind, KEEPALIVE_FRAME, WELCOME_FRAME } from './frame.ts'
import {
  ACCEPTOR_BOUNDS,
  Acceptor,
  type AcceptorStep,
  type PeerIdentity,
  REPORTS_SINCE_VERSION,
  refuse,
  type Self,
} from './handshake.ts'
import { MESSAGE_BYTES_MAX, REPORT_BYTES_MAX } from './limits.ts'
import type { Notes } from './notes.ts'

export interface InboundHost {
  /** The handshake is proven: true if this link now holds the identity. */
  claim(link: InboundLink, identity: PeerIdentity): boolean
  /** The link is up and has been told so. */
  admitted(link: InboundLink, identity: PeerIdentity): void
  message(message: WireMessage): void
  /** Opaque here: only the receiver can tell whether it means anything. */
  report(peer: NodeId, report: Bytes): void
  /** Once, whether or not it was ever admitted. */
  ended(link: InboundLink): void
}

export class InboundLink {
  readonly #self: Self
  readonly #host: InboundHost
  readonly #notes: Notes
  readonly #connection: Connection
  readonly #acceptor: Acceptor
  readonly #frameBytesMax: number
  #identity: PeerIdentity | null = null
  messagesIn = 0

  constructor(
    socket: Duplex,
    self: Self,
    nonce: Buffer,
    frameBytesMax: number,
    host: InboundHost,
    notes: Notes,
  ) {
    this.#self = self
    this.#host = host
    this.#notes = notes
    this.#acceptor = new Acceptor(self, nonce)
    this.#frameBytesMax = frameBytesMax
    this.#connection = new Connection(socket, ACCEPTOR_BOUNDS, {
      onFrame: (kind, payload) => this.#onFrame(kind, payload),
      onClosed: (reason, detail) => this.#onClosed(reason, detail),
      onDrain: () => {},
    })
  }

  get bytesIn(): number {
    return this.#connection.bytesIn
  }

  get silentSweeps(): number {
    return this.#connection.silentSweeps
  }

  /** Null until it is admitted. */
  get identity(): PeerIdentity | null {
    return this.#identity
  }

  receive(chunk: Buffer): void {
    this.#connection.receive(chunk)
  }

  sweep(silentSweepsMax: number): void {
    if (this.#connection.sweep() > silentSweepsMax) this.close('silent')
  }

  close(reason: string): void {
    this.#connection.close(reason)
  }

  #onFrame(kind: FrameKind, payload: Buffer): void {
    if (this.#identity === null) this.#onStep(this.#acceptor.step(kind, payload))
    else if (kind === FRAME.message) this.#onMessage(decodeMessage('message', payload))
    else if (kind === FRAME.entries) this.#onMessage(decodeMessage('entries', payload))
    else if (kind === FRAME.report) this.#host.report(this.#identity.peer, payload)
    // The echo. A peer that does not read its echoes gets none: nothing piles up here.
    else if (this.#connection.ready) this.#connection.write(KEEPALIVE_FRAME)
  }

  #onMessage(message: WireMessage): void {
    const { peer } = this.#identity!
    if (message.from !== peer || message.to !== this.#self.id) {
      const detail = `${message.type} from ${message.from} to ${message.to}`
      this.#notes.add({ type: 'dropped', direction: 'in', peer, reason: 'wrongAddress', detail })
      return
    }
    this.messagesIn++
    this.#host.message(message)
  }

  #onStep(step: AcceptorStep): void {
    switch (step.type) {
      case 'send':
        this.#connection.write(step.frame)
        return
      case 'proven':
        if (this.#host.claim(this, step.identity)) this.#admit(step.identity)
        else this.#onStep(refuse('duplicate_identity', '', step.identity.peer))
        return
      case 'refuse': {
        const { reason, detail, peer } = step
        this.#notes.add({ type: 'refused', direction: 'in', peer, reason, detail })
        this.#connection.close('refused', '', step.frame)
        return
      }
      case 'refused': {
        const { reason, detail } = step
        this.#notes.add({ type: 'refusedByPeer', direction: 'in', peer: null, reason, detail })
        this.#connection.close('refused')
        return
      }
      default:
        step satisfies never
    }
  }

  #admit(identity: PeerIdentity): void {
    this.#identity = identity
    this.#connection.expect({
      [FRAME.keepalive]: 0,
      [FRAME.message]: MESSAGE_BYTES_MAX,
      [FRAME.entries]: this.#frameBytesMax,
      ...(identity.version >= REPORTS_SINCE_VERSION && { [FRAME.report]: REPORT_BYTES_MAX }),
    })
    this.#connection.write(WELCOME_FRAME)
    this.#notes.add({ type: 'linkUp', direction: 'in', peer: identity.peer, reason: 'up' })
    this.#host.admitted(this, identity)
  }

  #onClosed(reason: string, detail: string): void {
    const peer = this.#identity?.peer ?? null
    if (reason === 'badFrame') {
      this.#notes.add({ type: 'badFrame', direction: 'in', peer, reason, detail })
    } else if (peer !== null) {
      this.#notes.add({ type: 'linkDown', direction: 'in', peer, reason, detail })
    } else if (reason !== 'refused') {
      this.#notes.add({ type: 'strayConnection', direction: 'in', peer, reason, detail })
    }
    this.#host.ended(this)
  }
}
