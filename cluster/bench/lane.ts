// One connection that has one request at a time: HTTP/1.1 as far as a node speaks it, and nothing else of it.
//
// The load generator shares the processors with what it measures, and a full HTTP client costs several times what this
// does. So it is not lenient: an answer without a content-length is a failure. Keeps: each request ends in exactly one
// call of `answered` or `failed`.

import { connect, type Socket } from 'node:net'

export interface LaneHandler {
  /** `body` is good for the duration of the call. */
  answered(lane: Lane, status: number, body: Buffer): void
  /** It is open whether the node took the request. */
  failed(lane: Lane, error: Error): void
}

export interface Address {
  readonly host: string
  readonly port: number
}

const HEAD_END = '\r\n\r\n'
/** `HTTP/1.1 200 OK` */
const STATUS_START = 'HTTP/1.1 '.length
const CONTENT_LENGTH = /\r\ncontent-length: *(\d+)\r\n/i

export class Lane {
  readonly address: Address
  readonly #handler: LaneHandler
  readonly #timeoutMs: number
  #socket: Socket | null = null
  #inRequest = false
  #received: Buffer[] = []
  #receivedBytes = 0
  /** Of head and body; 0 while the head is not whole. */
  #answerBytes = 0
  #headBytes = 0
  #status = 0

  /** `timeoutMs`: an answer that is silent for so long has failed. */
  constructor(address: Address, handler: LaneHandler, timeoutMs: number) {
    this.address = address
    this.#handler = handler
    this.#timeoutMs = timeoutMs
  }

  /** `bytes` must stay as they are until the answer has come. Opens the connection if there is none. */
  send(bytes: Buffer): void {
    if (this.#inRequest) throw new TypeError('a lane has one request at a time')
    this.#inRequest = true
    this.#socket ??= this.#open()
    this.#socket.write(bytes)
  }

  /** A request on its way is forgotten. */
  close(): void {
    this.#inRequest = false
    this.#socket?.destroy()
    this.#socket = null
  }

  #open(): Socket {
    const socket = connect({ ...this.address, noDelay: true })
    socket.setTimeout(this.#timeoutMs)
    socket.on('data', (chunk) => this.#read(chunk))
    socket.on('timeout', () => {
      if (this.#inRequest) socket.destroy(new Error('no answer in time'))
    })
    socket.on('error', (error) => this.#lost(socket, error))
    socket.on('close', () => this.#lost(socket, new Error('connection lost')))
    return socket
  }

  #lost(socket: Socket, error: Error): void {
    if (this.#socket !== socket) return
    this.#socket = null
    this.#received = []
    this.#receivedBytes = 0
    this.#answerBytes = 0
    if (!this.#inRequest) return
    this.#inRequest = false
    this.#handler.failed(this, error)
  }

  #read(chunk: Buffer): void {
    this.#received.push(chunk)
    this.#receivedBytes += chunk.length
    if (this.#answerBytes === 0 && !this.#readHead()) return
    if (this.#receivedBytes < this.#answerBytes) return
    const whole = this.#take()
    if (whole.length > this.#answerBytes || !this.#inRequest) {
      this.#socket?.destroy(new Error('bytes that nobody asked for'))
      return
    }
    this.#answerBytes = 0
    this.#inRequest = false
    this.#handler.answered(this, this.#status, whole.subarray(this.#headBytes))
  }

  /** False while it is not whole. */
  #readHead(): boolean {
    const start = this.#take()
    this.#received.push(start)
    this.#receivedBytes = start.length
    const end = start.indexOf(HEAD_END)
    if (end === -1) return false
    const head = start.toString('latin1', 0, end + HEAD_END.length)
    const length = CONTENT_LENGTH.exec(head)
    if (length === null) {
      this.#socket?.destroy(new Error('an answer without a content-length'))
      return false
    }
    this.#status = Number(head.slice(STATUS_START, STATUS_START + 3))
    this.#headBytes = head.length
    this.#answerBytes = head.length + Number(length[1])
    return true
  }

  #take(): Buffer {
    const [first] = this.#received
    const whole = this.#received.length === 1 ? first! : Buffer.concat(this.#received)
    this.#received = []
    this.#receivedBytes = 0
    return whole
  }
}

export function addressOf(url: string): Address {
  const { hostname, port } = new URL(url)
  return { host: hostname, port: Number(port) }
}
