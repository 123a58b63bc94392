// One TCP connection that speaks frames, in either direction, from its upgrade to its end.
//
// Owns the socket: cuts what arrives into frames, counts silence, and ends once with one reason. Knows neither handshake
// nor messages. Keeps true: no error of the socket leaves this file as an exception; after onClosed no frame follows;
// what the handler itself throws (a broken invariant behind it) is not caught.

import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

import { BadFrameError, type FrameBounds, FrameDecoder, type FrameKind } from './frame.ts'

export interface ConnectionHandler {
  onFrame(kind: FrameKind, payload: Buffer): void
  /** Once. `reason` is a word, `detail` for people. */
  onClosed(reason: string, detail: string): void
  /** What was written before has left: more may follow. */
  onDrain(): void
}

export class Connection {
  readonly #socket: Duplex
  readonly #decoder: FrameDecoder
  readonly #handler: ConnectionHandler
  #closed = false
  #silentSweeps = 0
  bytesIn = 0
  bytesOut = 0

  /** `socket`: just upgraded; nothing is read from it before the caller's next turn. */
  constructor(socket: Duplex, bounds: FrameBounds, handler: ConnectionHandler) {
    this.#socket = socket
    this.#decoder = new FrameDecoder(bounds)
    this.#handler = handler
    if (socket instanceof Socket) socket.setNoDelay(true).setTimeout(0)
    socket.on('data', (chunk: Buffer) => this.receive(chunk))
    socket.on('drain', () => {
      this.#silentSweeps = 0
      if (!this.#closed) handler.onDrain()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => this.close(error.code ?? 'error'))
    socket.on('end', () => this.close('ended')) // a half-closed link is of no use
    socket.on('close', () => this.close('closed'))
    socket.resume()
  }

  get closed(): boolean {
    return this.#closed
  }

  /** False while the other side, or the network, takes nothing more. */
  get ready(): boolean {
    return !this.#closed && !this.#socket.writableNeedDrain
  }

  expect(bounds: FrameBounds): void {
    this.#decoder.expect(bounds)
  }

  receive(chunk: Buffer): void {
    if (this.#closed) return
    this.#silentSweeps = 0
    this.bytesIn += chunk.length
    try {
      this.#decoder.push(chunk, (kind, payload) => {
        this.#handler.onFrame(kind, payload)
        return !this.#closed
      })
    } catch (error) {
      if (!(error instanceof BadFrameError)) throw error
      this.close('badFrame', `${error.reason}: ${error.message}`)
    }
  }

  write(frame: Buffer): void {
    if (this.#closed) return
    this.bytesOut += frame.length
    this.#socket.write(frame)
  }

  /** All frames that `next` hands out leave in one system call, up to what the socket takes now. */
  writeAll(next: () => Buffer | undefined): void {
    this.#socket.cork()
    while (this.ready) {
      const frame = next()
      if (frame === undefined) break
      this.write(frame)
    }
    this.#socket.uncork()
  }

  /** How many sweeps have passed, this one included, without a sign of life. */
  sweep(): number {
    return ++this.#silentSweeps
  }

  get silentSweeps(): number {
    return this.#silentSweeps
  }

  /** With `lastFrame`, that is still sent. */
  close(reason: string, detail = '', lastFrame?: Buffer): void {
    if (this.#closed) return
    this.#closed = true
    if (lastFrame === undefined) this.#socket.destroy()
    else this.#socket.end(lastFrame, () => this.#socket.destroy())
    this.#handler.onClosed(reason, detail)
  }
}
