// The lasting link to one peer: dials, shakes hands, sends what waits, and dials again when it ends.
//
// Carries messages and reports in one direction only, towards the peer; back come the handshake and the echoes of our keepalives, by
// which we see that the peer lives. So a partition in one direction is one direction. Keeps true: nothing is sent before the
// welcome; what waited for a lost connection is dropped, never sent on the next (it may belong to another life of either
// side); send never blocks, never throws, and all messages of one turn leave in one write.

import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { Client } from 'undici'

import type { NodeId, WireMessage } from '../core/types.ts'
import { encodeMessage } from './codec.ts'
import { Connection } from './connection.ts'
import { FRAME, type FrameBounds, type FrameKind, KEEPALIVE_FRAME } from './frame.ts'
import {
  DIALLER_BOUNDS,
  Dialler,
  type DiallerStep,
  NONCE_BYTES,
  PEER_PATH,
  PEER_PROTOCOL,
  REPORTS_SINCE_VERSION,
  type Self,
} from './handshake.ts'
import type { TransportLimits } from './limits.ts'
import type { NoteDraft, Notes } from './notes.ts'
import { laneOf, Outbox } from './outbox.ts'

const LINK_BOUNDS: FrameBounds = { [FRAME.keepalive]: 0 }

/** From a dial to its end. The link drops it before it makes another, so that late news of an old one finds nobody. */
interface Attempt {
  readonly client: Client
  readonly deadline: NodeJS.Timeout
  connection: Connection | null
  dialler: Dialler
  live: boolean
}

export class PeerLink {
  readonly #peer: NodeId
  readonly #url: string
  readonly #self: () => Self
  readonly #limits: TransportLimits
  readonly #random: () => number
  readonly #notes: Notes
  readonly #outbox: Outbox
  #attempt: Attempt | null = null
  #redial: NodeJS.Timeout | null = null
  #failures = 0
  #flushQueued = false
  #closed = false
  #endedBytesOut = 0
  messagesOut = 0
  /** Not sent, or lost with a connection. */
  dropped = 0

  constructor(
    peer: NodeId,
    url: string,
    self: () => Self,
    limits: TransportLimits,
    random: () => number,
    notes: Notes,
  ) {
    this.#peer = peer
    this.#url = new URL(url).origin
    this.#self = self
    this.#limits = limits
    this.#random = random
    this.#notes = notes
    this.#outbox = new Outbox(limits.queueBytesMax, limits.queueMessagesMax)
  }

  get live(): boolean {
    return this.#attempt?.live === true
  }

  get bytesOut(): number {
    return this.#endedBytesOut + (this.#attempt?.connection?.bytesOut ?? 0)
  }

  get queuedBytes(): number {
    return this.#outbox.bytes
  }

  get queuedMessages(): number {
    return this.#outbox.messages
  }

  /** Dials now, unless it is linked or dialling: at the start, and when the peer has shown that it is up. */
  dial(): void {
    if (this.#closed || this.#attempt !== null) return
    if (this.#redial !== null) clearTimeout(this.#redial)
    this.#redial = null

    const client = new Client(this.#url, { connectTimeout: 0, headersTimeout: 0 })
    const attempt: Attempt = {
      client,
      deadline: setTimeout(
        () => this.#end(attempt, 'dialFailed', 'timeout'),
        this.#limits.handshakeTimeoutMs,
      ),
      connection: null,
      dialler: new Dialler(this.#self(), this.#peer, randomBytes(NONCE_BYTES)),
      live: false,
    }
    this.#attempt = attempt
    client.upgrade({ path: PEER_PATH, protocol: PEER_PROTOCOL }, (error, answer) => {
      if (attempt !== this.#attempt) answer?.socket?.destroy()
      else if (error !== null) this.#end(attempt, 'dialFailed', codeOf(error), error.message)
      else this.#shakeHands(attempt, answer.socket)
    })
  }

  send(message: WireMessage): void {
    if (!this.live) {
      this.dropped++ // the usual case while a peer is down: counted, not told
      return
    }
    const frame = encodeMessage(message, this.#limits.frameBytesMax)
    if (frame === null) {
      this.#drop('oversized', message.type)
      return
    }
    if (!this.#outbox.offer(laneOf(message), frame)) {
      this.#drop('queueFull', message.type)
      return
    }
    this.messagesOut++
    // That an entry is committed is told when those who wait for it here have been answered.
    if (message.type === 'Commit') setImmediate(() => this.#flush())
    else this.#flushSoon()
  }

  /** A sealed frame of a report. Nothing rests on it: where it cannot go, the next one will. */
  tell(report: Buffer): void {
    if (!this.live || this.#attempt!.dialler.version < REPORTS_SINCE_VERSION) return
    if (this.#outbox.offer('urgent', report)) this.#flushSoon()
  }

  #flushSoon(): void {
    if (this.#flushQueued) return
    this.#flushQueued = true
    queueMicrotask(() => {
      this.#flushQueued = false
      this.#flush()
    })
  }

  /** The present connection ends; a new one shows what self() says now. */
  renew(): void {
    if (this.#attempt !== null) this.#end(this.#attempt, 'linkDown', 'renewed')
    this.dial()
  }

  /** Once each keepalive. */
  sweep(): void {
    const attempt = this.#attempt
    if (attempt === null || !attempt.live) return
    const connection = attempt.connection!
    if (connection.sweep() * this.#limits.keepaliveMs > this.#limits.linkSilenceMs) {
      connection.close('silent')
    } else if (connection.ready) {
      connection.write(KEEPALIVE_FRAME)
    }
  }

  close(): void {
    this.#closed = true
    if (this.#attempt !== null) this.#end(this.#attempt, 'linkDown', 'closing')
    if (this.#redial !== null) clearTimeout(this.#redial)
  }

  #shakeHands(attempt: Attempt, socket: Duplex): void {
    attempt.connection = new Connection(socket, DIALLER_BOUNDS, {
      onFrame: (kind, payload) => this.#onFrame(attempt, kind, payload),
      onClosed: (reason, detail) => this.#onClosed(attempt, reason, detail),
      onDrain: () => this.#flush(),
    })
    attempt.connection.write(attempt.dialler.hello())
  }

  #onFrame(attempt: Attempt, kind: FrameKind, payload: Buffer): void {
    if (!attempt.live) this.#onStep(attempt, attempt.dialler.step(kind, payload))
    // Otherwise it is an echo: that it came is all it says.
  }

  #onStep(attempt: Attempt, step: DiallerStep): void {
    const connection = attempt.connection!
    switch (step.type) {
      case 'send':
        connection.write(step.frame)
        return
      case 'welcomed':
        clearTimeout(attempt.deadline)
        connection.expect(LINK_BOUNDS)
        attempt.live = true
        this.#failures = 0
        this.#note('linkUp', 'up')
        return
      case 'refuse':
        this.#note('refused', step.reason, step.detail)
        connection.close('refused', '', step.frame)
        return
      case 'refused':
        this.#note('refusedByPeer', step.reason, step.detail)
        connection.close('refused')
        return
      default:
        step satisfies never
    }
  }

  #flush(): void {
    if (this.live) this.#attempt!.connection!.writeAll(() => this.#outbox.next())
  }

  #onClosed(attempt: Attempt, reason: string, detail: string): void {
    if (attempt !== this.#attempt) return
    if (reason === 'badFrame') this.#end(attempt, 'badFrame', reason, detail)
    else this.#end(attempt, attempt.live ? 'linkDown' : 'dialFailed', reason, detail)
  }

  /** The only way out of an attempt. */
  #end(attempt: Attempt, type: NoteDraft['type'], reason: string, detail = ''): void {
    this.#attempt = null
    clearTimeout(attempt.deadline)
    this.#endedBytesOut += attempt.connection?.bytesOut ?? 0
    attempt.connection?.close(reason)
    attempt.client.destroy(null, () => {}) // nothing is left in it after an upgrade; before, its connection attempt
    this.dropped += this.#outbox.messages
    this.#outbox.clear()
    if (reason !== 'refused') this.#note(type, reason, detail) // that was told with its reason
    if (!this.#closed) this.#redialLater()
  }

  /** Short, since every missed moment of a returning peer is failover time; spread, so that two never dial in step. */
  #redialLater(): void {
    const { redialMinMs, redialMaxMs } = this.#limits
    const backoffMs = Math.min(redialMaxMs, redialMinMs * 2 ** Math.min(this.#failures++, 16))
    this.#redial = setTimeout(() => this.dial(), Math.ceil(backoffMs * (0.5 + this.#random() / 2)))
  }

  #drop(reason: string, detail: string): void {
    this.dropped++
    this.#note('dropped', reason, detail)
  }

  #note(type: NoteDraft['type'], reason: string, detail = ''): void {
    this.#notes.add({ type, direction: 'out', peer: this.#peer, reason, detail })
  }
}

function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? error.name
}
