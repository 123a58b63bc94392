// One request to one node, once: over HTTP with kept connections. It knows nothing of retries or of what an answer means,
// but it does know whether a request that failed can have reached the node.

import { Client, Pool } from 'undici'

export interface HttpRequest {
  readonly method: 'GET' | 'POST'
  /** With its query. */
  readonly path: string
  /** JSON text. */
  readonly body: string | null
  /** Ends the request, and its connection with it. */
  readonly signal: AbortSignal
}

export interface HttpAnswer {
  readonly status: number
  readonly text: string
  /** A header by its name in lower case; null when it is missing or repeated. */
  header(name: string): string | null
}

/** An answer that goes on coming. */
export interface HttpStream extends Omit<HttpAnswer, 'text'> {
  /** What comes, piece by piece. Who asks for none slows the sender down. Rejects when the connection is lost. */
  readonly chunks: AsyncIterator<Uint8Array>
  /** Lets go of the connection. */
  close(): void
}

export interface Transport {
  /** `url`: of the node. Rejects only when no whole answer came. */
  request(url: string, request: HttpRequest): Promise<HttpAnswer>
  /** GET, over a connection of its own. Rejects when no answer began; the signal ends it at any time. */
  open(url: string, request: { path: string; signal: AbortSignal }): Promise<HttpStream>
  /** Ends what is in flight, too. */
  close(): Promise<void>
}

/** Below the time that one try has, so that a black hole is told apart from a node that is slow to answer. */
const CONNECT_MS_MAX = 1_500
/** A page of the largest events; more than that is no answer to anything that was asked. */
const ANSWER_BYTES_MAX = 1_100 * 1024 * 1024

export class HttpTransport implements Transport {
  readonly #pools = new Map<string, Pool>()
  readonly #connectionsPerNode: number

  constructor(connectionsPerNode: number) {
    this.#connectionsPerNode = connectionsPerNode
  }

  async request(url: string, { method, path, body, signal }: HttpRequest): Promise<HttpAnswer> {
    const answer = await this.#pool(new URL(url).origin).request({
      method,
      path: pathAt(url, path),
      body,
      headers: body === null ? {} : { 'content-type': 'application/json' },
      signal,
    })
    const text = await answer.body.text()
    return {
      status: answer.statusCode,
      text,
      header: headerOf(answer.headers),
    }
  }

  async open(
    url: string,
    { path, signal }: { path: string; signal: AbortSignal },
  ): Promise<HttpStream> {
    // Streams last: in the pool they would leave no connection for anything else.
    const client = new Client(new URL(url).origin, {
      connectTimeout: CONNECT_MS_MAX,
      bodyTimeout: 0, // silence is judged by who knows how often a node speaks
    })
    try {
      const answer = await client.request({ method: 'GET', path: pathAt(url, path), signal })
      return {
        status: answer.statusCode,
        header: headerOf(answer.headers),
        chunks: answer.body[Symbol.asyncIterator](),
        close: () => void client.destroy().catch(() => {}),
      }
    } catch (error) {
      void client.destroy().catch(() => {})
      throw error
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.destroy()))
  }

  #pool(origin: string): Pool {
    const known = this.#pools.get(origin)
    if (known !== undefined) return known
    const pool = new Pool(origin, {
      connections: this.#connectionsPerNode,
      pipelining: 1, // a publish must not wait behind the outcome of another
      connectTimeout: CONNECT_MS_MAX,
      maxResponseSize: ANSWER_BYTES_MAX,
    })
    this.#pools.set(origin, pool)
    return pool
  }
}

function pathAt(url: string, path: string): string {
  const { pathname } = new URL(url)
  return (pathname === '/' ? '' : pathname.replace(/\/$/, '')) + path
}

function headerOf(headers: Readonly<Record<string, string | string[] | undefined>>) {
  return (name: string): string | null => {
    const value = headers[name]
    return typeof value === 'string' ? value : null
  }
}

/** Failures that come before the first byte of a request is written. */
const BEFORE_SENDING: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** True: the node has seen nothing of the request. False: it may have taken it. */
export function wasNeverSent(error: unknown): boolean {
  // Of a name with several addresses each was tried, and each has an error of its own.
  if (error instanceof AggregateError) return error.errors.every(wasNeverSent)
  return BEFORE_SENDING.has((error as { code?: unknown } | null)?.code)
}

/** Why no answer came, in a few words. */
export function failureText(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return 'no answer in time'
  const code = (error as { code?: unknown }).code
  if (code === 'ECONNREFUSED') return 'connection refused'
  if (code === 'ECONNRESET' || code === 'UND_ERR_SOCKET') return 'connection lost'
  return error.message === '' ? String(code) : error.message
}
