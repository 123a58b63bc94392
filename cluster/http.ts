// One node over its HTTP contract: a thin layer on undici with kept connections.
//
// Not the SDK: it tries once, at one node, and hands back whatever was answered, so that what is measured and
// checked through it is the node's own doing.

import { Pool } from 'undici'
import type { z } from 'zod'
import { HEADERS } from '../client/contract/headers.ts'
import {
  type Cluster,
  clusterSchema,
  type DigestAnswer,
  digestAnswerSchema,
  type Stats,
  statsSchema,
} from '../client/contract/state.ts'

export interface Answer {
  readonly status: number
  /** Parsed where it is JSON, else the text. */
  readonly body: unknown
  /** Id of the node that answered, by its own header. */
  readonly node: string | null
  /** The last position it had applied, by its own header. */
  readonly position: number | null
  readonly retryAfter: string | null
}

export interface NodeClientOptions {
  readonly connections?: number
  /** From sending to the last byte of the answer. */
  readonly timeoutMs?: number
}

const CONNECTIONS_DEFAULT = 16
/** Longer than a node's own deadline for a request (10 s), so that its answer wins. */
const TIMEOUT_MS_DEFAULT = 15_000

/** The node answered, but not what was asked for. */
export class AnswerError extends Error {
  override readonly name = 'AnswerError'
  readonly answer: Answer

  constructor(message: string, answer: Answer) {
    super(message)
    this.answer = answer
  }
}

export class NodeClient {
  readonly url: string
  readonly #pool: Pool
  readonly #timeoutMs: number

  constructor(url: string, options: NodeClientOptions = {}) {
    this.url = url
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS_DEFAULT
    this.#pool = new Pool(url, {
      connections: options.connections ?? CONNECTIONS_DEFAULT,
      pipelining: 1,
      connectTimeout: Math.min(this.#timeoutMs, 3_000),
    })
  }

  /** Rejects only when no answer came: connection refused or lost, or the time is up. */
  async request(
    method: 'GET' | 'POST',
    path: string,
    body: string | null = null,
    timeoutMs: number = this.#timeoutMs,
  ): Promise<Answer> {
    const answer = await this.#pool.request({
      method,
      path,
      body,
      headers: body === null ? {} : { 'content-type': 'application/json' },
      signal: AbortSignal.timeout(Math.ceil(timeoutMs)),
    })
    const text = await answer.body.text()
    const header = (name: string): string | null => {
      const value = answer.headers[name]
      return typeof value === 'string' ? value : null
    }
    return {
      status: answer.statusCode,
      body: parsedOrText(text, header('content-type')),
      node: header(HEADERS.node),
      position: numberOf(header(HEADERS.position)),
      retryAfter: header('retry-after'),
    }
  }

  /** `body`: JSON text in any of the forms that POST /publish takes. */
  publish(body: string, timeoutMs?: number): Promise<Answer> {
    return this.request('POST', '/publish', body, timeoutMs)
  }

  stats(timeoutMs?: number): Promise<Stats> {
    return this.#read('/stats', statsSchema, timeoutMs)
  }

  /** At exactly that applied index. The node waits a little for it; AnswerError 404 when it is no longer kept. */
  digest(index: number, timeoutMs?: number): Promise<DigestAnswer> {
    return this.#read(`/digest?index=${index}`, digestAnswerSchema, timeoutMs)
  }

  cluster(timeoutMs?: number): Promise<Cluster> {
    return this.#read('/cluster', clusterSchema, timeoutMs)
  }

  /** Ends what is in flight, too. */
  close(): Promise<void> {
    return this.#pool.destroy()
  }

  async #read<Schema extends z.ZodType>(
    path: string,
    schema: Schema,
    timeoutMs?: number,
  ): Promise<z.infer<Schema>> {
    const answer = await this.request('GET', path, null, timeoutMs)
    const parsed = answer.status === 200 ? schema.safeParse(answer.body) : null
    if (parsed?.success) return parsed.data
    throw new AnswerError(
      answer.status === 200
        ? `${this.url}${path} answered something else: is it a sekali node?`
        : `${this.url}${path} answered ${answer.status}${detailOf(answer.body)}`,
      answer,
    )
  }
}

/** `: code, detail` of a problem+json body; empty for anything else. */
export function detailOf(body: unknown): string {
  if (typeof body !== 'object' || body === null) return ''
  const { code, detail } = body as { code?: unknown; detail?: unknown }
  const parts = [code, detail].filter((part) => typeof part === 'string')
  return parts.length === 0 ? '' : `: ${parts.join(', ')}`
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

function numberOf(header: string | null): number | null {
  return header !== null && /^\d+$/.test(header) ? Number(header) : null
}

function parsedOrText(text: string, contentType: string | null): unknown {
  if (contentType === null || !/[/+]json\b/.test(contentType)) return text
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
