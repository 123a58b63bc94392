// Frames: how bytes on a peer link are cut into pieces, and how a damaged or oversized piece is refused.
//
//   length u32 | crc32 u32 | kind u8 | payload      (big endian; length counts kind and payload, crc covers both)
//
// Knows nothing of what a payload means. Keeps true: nothing is allocated for a frame before its length is known to
// be within the bound of its kind; each byte is copied at most once; after a BadFrameError the stream is over.

import { crc32 } from 'node:zlib'

export const FRAME = {
  hello: 1,
  challenge: 2,
  proof: 3,
  welcome: 4,
  refused: 5,
  keepalive: 6,
  /** A message without entries: bounded by MESSAGE_BYTES_MAX. */
  message: 7,
  /** A message that carries entries or stored values: bounded by frameBytesMax. */
  entries: 8,
  /** What the node above tells of itself: opaque, bounded by REPORT_BYTES_MAX, since version 2. */
  report: 9,
} as const

export type FrameKind = (typeof FRAME)[keyof typeof FRAME]

/** Payload bound for each kind that may come now; a kind that is not named may not come. */
export type FrameBounds = { readonly [Kind in FrameKind]?: number }

export type BadFrameReason = 'length' | 'kind' | 'checksum' | 'encoding' | 'field'

/** What arrived is not what we speak. The link is closed; nothing of the frame was used. */
export class BadFrameError extends Error {
  override name = 'BadFrameError'
  readonly reason: BadFrameReason

  constructor(reason: BadFrameReason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}

export const FRAME_HEAD_BYTES = 9

/** Fills the head into the first FRAME_HEAD_BYTES of `frame`, which the payload follows; answers the same buffer. */
export function sealFrame(kind: FrameKind, frame: Buffer): Buffer {
  frame.writeUInt32BE(frame.length - FRAME_HEAD_BYTES + 1, 0)
  frame[8] = kind
  frame.writeUInt32BE(crc32(frame.subarray(8)), 4)
  return frame
}

export const KEEPALIVE_FRAME = sealFrame(FRAME.keepalive, Buffer.alloc(FRAME_HEAD_BYTES))
export const WELCOME_FRAME = sealFrame(FRAME.welcome, Buffer.alloc(FRAME_HEAD_BYTES))

const EMPTY: Buffer = Buffer.alloc(0)
const KIND_CRC = Array.from({ length: 256 }, (_, kind) => crc32(Buffer.of(kind)))

/**
 * Cuts a stream of socket chunks into frames. A frame that lies in one chunk is handed on as a view of it; one that
 * spans chunks is put together in a buffer of its exact size.
 */
export class FrameDecoder {
  #bounds: FrameBounds
  readonly #head = Buffer.alloc(FRAME_HEAD_BYTES)
  #headFilled = 0
  #kind = 0
  #crc = 0
  #payloadBytes = 0
  #payload: Buffer = EMPTY
  #payloadFilled = 0

  constructor(bounds: FrameBounds) {
    this.#bounds = bounds
  }

  /** From the next frame on these kinds and bounds hold: a handshake becomes a link. */
  expect(bounds: FrameBounds): void {
    this.#bounds = bounds
  }

  /**
   * Calls `onFrame` for each frame that is complete; it answers false to have the rest ignored (the link closed
   * meanwhile). Throws BadFrameError.
   */
  push(chunk: Buffer, onFrame: (kind: FrameKind, payload: Buffer) => boolean): void {
    let at = 0
    for (;;) {
      if (this.#headFilled < FRAME_HEAD_BYTES) {
        at += this.#fillHead(chunk, at)
        if (this.#headFilled < FRAME_HEAD_BYTES) return
        this.#readHead()
      }

      const missing = this.#payloadBytes - this.#payloadFilled
      const available = Math.min(missing, chunk.length - at)
      const whole = this.#payloadFilled === 0 && available === missing
      if (whole) {
        this.#payload = chunk.subarray(at, at + available)
      } else {
        if (this.#payloadFilled === 0) this.#payload = Buffer.allocUnsafe(this.#payloadBytes)
        chunk.copy(this.#payload, this.#payloadFilled, at, at + available)
      }
      at += available
      this.#payloadFilled += available
      if (this.#payloadFilled < this.#payloadBytes) return

      const payload = this.#payload
      this.#payload = EMPTY
      this.#payloadFilled = 0
      this.#headFilled = 0
      if (crc32(payload, KIND_CRC[this.#kind]!) !== this.#crc) {
        throw new BadFrameError('checksum', 'frame checksum differs')
      }
      if (!onFrame(this.#kind as FrameKind, payload)) return
    }
  }

  #fillHead(chunk: Buffer, at: number): number {
    const taken = chunk.copy(this.#head, this.#headFilled, at)
    this.#headFilled += taken
    return taken
  }

  #readHead(): void {
    const length = this.#head.readUInt32BE(0)
    const kind = this.#head[8]!
    const bound = this.#bounds[kind as FrameKind]
    if (bound === undefined) throw new BadFrameError('kind', `frame kind ${kind} may not come now`)
    if (length === 0 || length - 1 > bound) {
      throw new BadFrameError('length', `frame length ${length} is not within 1 and ${bound + 1}`)
    }
    this.#kind = kind
    this.#crc = this.#head.readUInt32BE(4)
    this.#payloadBytes = length - 1
  }
}
