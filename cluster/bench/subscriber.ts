// One reader of GET /subscribe that counts events and reads nothing else of them, so that a thousand fit in one process.

import { connect, type Socket } from 'node:net'
import { addressOf } from './lane.ts'

/** Each event has it once, and what surrounds events has it not. */
const MARK = Buffer.from('"received_at":', 'latin1')
const HEAD_END = Buffer.from('\r\n\r\n', 'latin1')

export class Subscriber {
  readonly topic: string
  /** Resolves when the stream has begun; rejects when it does not. */
  readonly opened: Promise<void>
  events = 0
  bytes = 0
  /** Why it ended; null while it has not. */
  ended: string | null = null
  readonly #socket: Socket
  readonly #open = Promise.withResolvers<void>()
  #isOpen = false
  /** The end of what came before: a mark may come in two pieces. */
  #rest: Buffer = Buffer.alloc(0)

  constructor(url: string, topic: string, after: number) {
    this.topic = topic
    this.opened = this.#open.promise
    this.#socket = connect(addressOf(url))
    this.#socket.write(
      `GET /subscribe?topic=${topic}&after=${after} HTTP/1.1\r\nhost: sekali\r\naccept: text/event-stream\r\n\r\n`,
    )
    this.#socket.on('data', (chunk) => this.#read(chunk))
    this.#socket.on('error', (error) => this.#end(error.message))
    this.#socket.on('close', () => this.#end('connection closed'))
  }

  close(): void {
    this.#socket.removeAllListeners('close')
    this.#socket.destroy()
  }

  #read(chunk: Buffer): void {
    this.bytes += chunk.length
    const text = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    if (!this.#isOpen) {
      const end = text.indexOf(HEAD_END)
      if (end === -1) {
        this.#rest = text
        return
      }
      this.#isOpen = true
      if (text.toString('latin1', 9, 12) === '200') this.#open.resolve()
      else this.#end(text.toString('latin1', 0, 300))
    }
    let at = 0
    for (let mark = text.indexOf(MARK); mark !== -1; mark = text.indexOf(MARK, at)) {
      this.events += 1
      at = mark + MARK.length
    }
    this.#rest = Buffer.from(text.subarray(Math.max(at, text.length - MARK.length + 1)))
  }

  #end(reason: string): void {
    this.ended ??= reason
    this.#open.reject(new Error(reason))
  }
}
