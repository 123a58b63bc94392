// One request to one node, once: over HTTP with kept connections. It knows nothing of retries or of what an answer means,
// but it does know whether a request that failed can have reached the node.

import { Pool } from 'undici'

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

export interface Transport {
  /** `url`: of the node. Rejects only when no whole answer came. */
  request(url: string, request: HttpRequest): Promise<HttpAnswer>
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
    const { origin, pathname } = new URL(url)
    const answer = await this.#pool(origin).request({
      method,
      path: (pathname === '/' ? '' : pathname.replace(/\/$/, '')) + path,
      body,
      headers: body === null ? {} : { 'content-type': 'application/json' },
      signal,
    })
    const text = await answer.body.text()
    return {
      status: answer.statusCode,
      text,
      header: (name) => {
        const value = answer.headers[name]
        return typeof value === 'string' ? value : null
      },
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
