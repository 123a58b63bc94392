// One directed link between two nodes as a TCP proxy: the node that dials is told this address instead of its peer's,
// and whoever holds the proxy decides what becomes of the bytes.
//
// It knows nothing of what is sent. Keeps TCP's promise: a receiver sees a prefix of what was sent, never a hole; so a
// connection of which bytes were swallowed is reset when the link is mended. While the link is cut nothing crosses it,
// the end of a connection included: a partition hides the death of a process, too.

import { once } from 'node:events'
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from 'node:net'
import { LOOPBACK } from '../ports.ts'
import type { CutMode } from './engine.ts'

export type LinkState =
  | { readonly type: 'open' }
  | { readonly type: 'cut'; readonly mode: CutMode }
  /** Each piece arrives so much later, in order. */
  | { readonly type: 'delay'; readonly delayMs: number }

/** Bytes of one connection that may wait in here; then its sender waits. */
const WAITING_BYTES_MAX = 1024 * 1024

export class LinkProxy {
  readonly #server: Server
  readonly #targetPort: number
  readonly #connections = new Set<Connection>()
  #state: LinkState = { type: 'open' }
  /** Bytes that were dropped so far. */
  swallowedBytes = 0

  private constructor(server: Server, targetPort: number) {
    this.#server = server
    this.#targetPort = targetPort
    server.on('connection', (dialler) => this.#accept(dialler))
  }

  /** Listens on a free port of the loopback interface; the target need not be there yet. */
  static async open(targetPort: number): Promise<LinkProxy> {
    const server = createServer({ allowHalfOpen: true })
    server.listen(0, LOOPBACK)
    await once(server, 'listening')
    return new LinkProxy(server, targetPort)
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get connections(): number {
    return this.#connections.size
  }

  set(state: LinkState): void {
    this.#state = state
    for (const connection of this.#connections) connection.obey(state)
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.reset()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #accept(dialler: Socket): void {
    if (this.#state.type === 'cut' && this.#state.mode === 'refuse') {
      dialler.on('error', () => {})
      dialler.resetAndDestroy()
      return
    }
    const connection = new Connection(dialler, this.#targetPort, {
      gone: () => this.#connections.delete(connection),
      swallowed: (bytes) => {
        this.swallowedBytes += bytes
      },
    })
    this.#connections.add(connection)
    connection.obey(this.#state)
  }
}

interface ConnectionEvents {
  readonly gone: () => void
  readonly swallowed: (bytes: number) => void
}

/** The two sockets of one connection and the bytes between them. */
class Connection {
  readonly #dialler: Socket
  readonly #target: Socket
  readonly #pipes: readonly Pipe[]
  readonly #events: ConnectionEvents
  #state: LinkState = { type: 'open' }
  /** Something was swallowed, or one side has ended unseen by the other. */
  #torn = false

  constructor(dialler: Socket, targetPort: number, events: ConnectionEvents) {
    this.#dialler = dialler
    this.#target = dial({ port: targetPort, host: LOOPBACK, allowHalfOpen: true })
    this.#events = events
    const swallowed = (bytes: number): void => {
      this.#torn = true
      events.swallowed(bytes)
    }
    this.#pipes = [
      new Pipe(this.#dialler, this.#target, swallowed),
      new Pipe(this.#target, this.#dialler, swallowed),
    ]
    for (const socket of [this.#dialler, this.#target]) {
      socket.setNoDelay(true)
      // 'close' follows each error and says all that matters here.
      socket.on('error', () => {})
      socket.on('close', () => this.#closed())
    }
  }

  obey(state: LinkState): void {
    this.#state = state
    if ((state.type === 'cut' && state.mode === 'refuse') || (state.type !== 'cut' && this.#torn)) {
      this.reset()
      return
    }
    for (const pipe of this.#pipes) pipe.obey(state)
  }

  reset(): void {
    this.#events.gone()
    for (const pipe of this.#pipes) pipe.discard()
    for (const socket of [this.#dialler, this.#target]) {
      // By itself it would first wait until all that was written has left.
      if (!socket.connecting) socket.resetAndDestroy()
      socket.destroy()
    }
  }

  #closed(): void {
    if (this.#state.type === 'cut') this.#torn = true
    else if (!this.#dialler.destroyed || !this.#target.destroyed) {
      // A pipe that has passed everything on, its end included, needs no reset.
      if (!this.#pipes.every((pipe) => pipe.ended)) this.reset()
    } else this.#events.gone()
  }
}

/** Bytes on their way; null: the sender's end. */
interface Piece {
  readonly bytes: Buffer | null
  readonly dueMs: number
}

/** One direction of a connection: a queue, empty at once unless the link delays or holds. */
class Pipe {
  readonly #from: Socket
  readonly #to: Socket
  readonly #swallowed: (bytes: number) => void
  readonly #queue: Piece[] = []
  #queueBytes = 0
  #timer: NodeJS.Timeout | null = null
  #state: LinkState = { type: 'open' }
  ended = false

  constructor(from: Socket, to: Socket, swallowed: (bytes: number) => void) {
    this.#from = from
    this.#to = to
    this.#swallowed = swallowed
    from.on('data', (bytes: Buffer) => this.#take(bytes))
    from.on('end', () => this.#take(null))
    to.on('drain', () => this.#flow())
  }

  obey(state: LinkState): void {
    this.#state = state
    this.#pump()
  }

  /** What waits is not delivered any more. */
  discard(): void {
    this.#queue.length = 0
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  #take(bytes: Buffer | null): void {
    const delayMs = this.#state.type === 'delay' ? this.#state.delayMs : 0
    // A link that becomes faster does not let later bytes overtake.
    const dueMs = Math.max(this.#queue.at(-1)?.dueMs ?? 0, performance.now() + delayMs)
    this.#queue.push({ bytes, dueMs })
    this.#queueBytes += bytes?.length ?? 0
    this.#pump()
  }

  #pump(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    while (this.#queue.length > 0 && !this.#holds) {
      const waitMs = this.#queue[0]!.dueMs - performance.now()
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#pump(), Math.ceil(waitMs))
        break
      }
      this.#pass(this.#queue.shift()!)
    }
    this.#flow()
  }

  #pass({ bytes }: Piece): void {
    this.#queueBytes -= bytes?.length ?? 0
    if (this.#state.type === 'cut') this.#swallowed(bytes?.length ?? 0)
    else if (bytes === null) {
      this.ended = true
      this.#to.end()
    } else if (this.#to.writable) this.#to.write(bytes)
  }

  get #holds(): boolean {
    return this.#state.type === 'cut' && this.#state.mode === 'hold'
  }

  #flow(): void {
    const full = this.#to.writableNeedDrain || this.#queueBytes > WAITING_BYTES_MAX
    if (this.#holds || full) this.#from.pause()
    else this.#from.resume()
  }
}
