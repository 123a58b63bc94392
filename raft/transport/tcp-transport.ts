// The Transport port over TCP: one listener, and one dialled link to each peer.
//
// Each node sends only on the links it dialled and receives only on those it accepted. Composes; the parts say how:
// peer-server.ts receives, peer-link.ts sends, handshake.ts proves identities, codec.ts and frame.ts are the bytes.
// It has one timer, the sweep, besides the deadlines and redials of single connections, and reads no clock.

import type { Bytes, NodeId, StoreId, WireMessage } from '../core/types.ts'
import type { Transport, TransportEvents } from '../ports.ts'
import { FRAME, FRAME_HEAD_BYTES, sealFrame } from './frame.ts'
import {
  ABOUT_LENGTH_MAX,
  PROTOCOL_VERSIONS,
  type ProtocolVersions,
  type Self,
} from './handshake.ts'
import { checkLimits, DEFAULT_LIMITS, REPORT_BYTES_MAX, type TransportLimits } from './limits.ts'
import { Notes, type TransportNote, type TransportNoteType } from './notes.ts'
import { PeerLink } from './peer-link.ts'
import { PeerServer } from './peer-server.ts'

export interface TcpTransportOptions {
  readonly id: NodeId
  /** Every member with its peer URL, this node included. */
  readonly peers: Readonly<Record<NodeId, string>>
  readonly listenHost: string
  /** Default: the port of this node's own peer URL. 0: any free one, see `port`. */
  readonly listenPort?: number
  /** The cluster's; '' proves nothing, and still runs. */
  readonly secret: string
  readonly store: StoreId
  /** Drawn at each start of the process: a safe, non-negative integer. */
  readonly life: number
  /** 0 ≤ x < 1; spreads redials. */
  readonly random: () => number
  /** Shown to the peers in each handshake, and theirs here, before met(). */
  readonly about?: string
  readonly onAbout?: (peer: NodeId, about: string) => void
  /** A peer told() this. Not part of consensus; the bytes are valid during the call. */
  readonly onReport?: (peer: NodeId, report: Bytes) => void
  /** Default: all that this build speaks. */
  readonly versions?: ProtocolVersions
  readonly limits?: Partial<TransportLimits>
  readonly onNote?: (note: TransportNote) => void
}

export interface PeerStats {
  /** The peer's link to us is up. */
  readonly in: boolean
  /** Our link to the peer is up. */
  readonly out: boolean
  /** Of the present inbound link. */
  readonly bytesIn: number
  readonly messagesIn: number
  /** Since the start. */
  readonly bytesOut: number
  readonly messagesOut: number
  readonly queuedBytes: number
  readonly queuedMessages: number
  /** Messages to this peer that were not sent, or were lost with a connection while they waited. */
  readonly dropped: number
}

export interface TransportStats {
  readonly peers: Readonly<Record<NodeId, PeerStats>>
  /** Connections that are no link yet. */
  readonly pending: number
  /** How often each kind of note occurred, told or not. */
  readonly notes: { readonly [Type in TransportNoteType]?: number }
}

export class TcpTransport implements Transport {
  readonly #options: TcpTransportOptions
  readonly #limits: TransportLimits
  readonly #notes: Notes
  readonly #links = new Map<NodeId, PeerLink>()
  #self: Self
  #server: PeerServer | null = null
  #sweeper: NodeJS.Timeout | null = null
  #port = 0
  #closed = false

  /** Throws if the limits contradict each other, the node is not among its own peers, or `about` is too long. */
  constructor(options: TcpTransportOptions) {
    const { id, peers, secret, store, life, about = '' } = options
    const { versions = PROTOCOL_VERSIONS } = options
    if (peers[id] === undefined) throw new RangeError(`peers do not name ${id} itself`)
    // Peers would refuse every handshake of ours as garbage: better said here than found there.
    if (about.length > ABOUT_LENGTH_MAX) {
      throw new RangeError(`about is longer than ${ABOUT_LENGTH_MAX}`)
    }
    this.#options = options
    this.#limits = checkLimits({ ...DEFAULT_LIMITS, ...options.limits })
    this.#self = { id, members: Object.keys(peers), secret, store, life, about, versions }
    const { noteEveryMs, keepaliveMs } = this.#limits
    this.#notes = new Notes(options.onNote ?? (() => {}), Math.ceil(noteEveryMs / keepaliveMs))
    for (const [peer, url] of Object.entries(peers)) {
      if (peer === id) continue
      const self = () => this.#self
      this.#links.set(
        peer,
        new PeerLink(peer, url, self, this.#limits, options.random, this.#notes),
      )
    }
  }

  /** Rejects, with the system's `code` kept, if the port cannot be had. */
  async start(events: TransportEvents): Promise<void> {
    if (this.#server !== null) throw new Error('the transport was started before')
    const { id, peers, listenHost, listenPort } = this.#options
    const self = () => this.#self
    this.#server = new PeerServer(
      self,
      this.#limits,
      {
        message: (message) => events.message(message),
        report: (peer, report) => this.#options.onReport?.(peer, report),
        met: ({ peer, store, about }) => {
          this.#options.onAbout?.(peer, about)
          this.#links.get(peer)?.dial() // it is up: no need to wait for the next redial
          events.met(peer, store)
        },
        lost: (peer) => events.lost(peer),
      },
      this.#notes,
    )
    this.#port = await this.#server.listen(listenHost, listenPort ?? portOf(peers[id]!))
    if (this.#closed) return // close() was waiting for this moment
    this.#sweeper = setInterval(() => this.#sweep(), this.#limits.keepaliveMs)
    for (const link of this.#links.values()) link.dial()
  }

  /** The port in use, after start(). */
  get port(): number {
    return this.#port
  }

  send(message: WireMessage): void {
    const link = this.#links.get(message.to)
    if (link !== undefined && message.from === this.#self.id) {
      link.send(message)
      return
    }
    const detail = `${message.type} from ${message.from} to ${message.to}`
    this.#notes.add({
      type: 'dropped',
      direction: 'out',
      peer: null,
      reason: 'wrongAddress',
      detail,
    })
  }

  /**
   * Shows `report`, at most REPORT_BYTES_MAX, to every peer that is linked and speaks a version with reports. Beside the
   * port: consensus neither sends nor sees it. May be lost.
   */
  tell(report: Bytes): void {
    if (report.length > REPORT_BYTES_MAX) {
      const detail = `report of ${report.length} bytes`
      this.#notes.add({
        type: 'dropped',
        direction: 'out',
        peer: null,
        reason: 'oversized',
        detail,
      })
      return
    }
    const frame = Buffer.alloc(FRAME_HEAD_BYTES + report.length)
    frame.set(report, FRAME_HEAD_BYTES)
    sealFrame(FRAME.report, frame)
    for (const link of this.#links.values()) link.tell(frame)
  }

  announce(store: StoreId): void {
    if (store === this.#self.store) return
    this.#self = { ...this.#self, store }
    if (this.#sweeper === null) return
    for (const link of this.#links.values()) link.renew()
  }

  /** No event follows the call. */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#sweeper !== null) clearInterval(this.#sweeper)
    this.#sweeper = null
    for (const link of this.#links.values()) link.close()
    await this.#server?.close()
  }

  stats(): TransportStats {
    const peers: Record<NodeId, PeerStats> = {}
    for (const [peer, link] of this.#links) {
      const inbound = this.#server?.links.get(peer)
      peers[peer] = {
        in: inbound !== undefined,
        out: link.live,
        bytesIn: inbound?.bytesIn ?? 0,
        messagesIn: inbound?.messagesIn ?? 0,
        bytesOut: link.bytesOut,
        messagesOut: link.messagesOut,
        queuedBytes: link.queuedBytes,
        queuedMessages: link.queuedMessages,
        dropped: link.dropped,
      }
    }
    return { peers, pending: this.#server?.pendingCount ?? 0, notes: this.#notes.counts() }
  }

  #sweep(): void {
    this.#server?.sweep()
    for (const link of this.#links.values()) link.sweep()
    this.#notes.sweep()
  }
}

function portOf(url: string): number {
  const { port, protocol } = new URL(url)
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
}
