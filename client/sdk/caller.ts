// One call: tries at one node after the other until there is an answer that settles it, or the deadline.
//
// It keeps account of what a caller must know at the end: whether a try that brought no answer may have taken effect.
// Keeps: "certainly not stored" is said only when that is true of every try, so an earlier try whose outcome is open
// turns every later failure or refusal into `outcome_unknown`.

import { z } from 'zod'
import { HEADERS } from '../contract/headers.ts'
import { problemSchema } from '../contract/problem.ts'
import { clusterSchema } from '../contract/state.ts'
import { STREAM_MEDIA_TYPE } from '../contract/subscribe.ts'
import { ERROR_KINDS, type ErrorCode, SekaliError } from '../errors.ts'
import type { Ports } from './ports.ts'
import { backoffMs, parseRetryAfter, shouldRetry, tryTimeMs } from './retry.ts'
import type { KnownNode, Roster } from './roster.ts'
import type { Span } from './span.ts'
import { failureText, type HttpAnswer, type HttpStream, wasNeverSent } from './transport.ts'

export interface Call<Value> {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body: string | null
  /** Only this node is asked; null: whichever answers. */
  readonly node: KnownNode | null
  /** A try without an answer may have taken effect. */
  readonly writes: boolean
  /** The value of a 200 body; null: this is no answer to what was asked. */
  read(body: unknown): Value | null
}

export interface Called<Value> {
  readonly value: Value
  /** An earlier try of this call may have taken effect. */
  readonly open: boolean
}

/** A try that failed and will be repeated. */
export interface Retry {
  readonly url: string
  /** For people. */
  readonly reason: string
  /** Whether that try may have taken effect: always false for reads. */
  readonly open: boolean
  /** Until the next try. */
  readonly pauseMs: number
}

/** Characters of what is answered in place of a stream; more of it is not read. */
const REFUSAL_LENGTH_MAX = 64 * 1024

export interface CallerOptions {
  /** Of the first try; see tryTimeMs. */
  readonly tryMs: number
  readonly onRetry?: ((retry: Retry) => void) | undefined
}

export interface FailedTry {
  readonly type: 'failed'
  readonly url: string
  readonly reason: string
  readonly open: boolean
  /** What a node answered, or why none did. */
  readonly cause: unknown
}

/** A stream that has begun. */
export interface Opened {
  readonly type: 'opened'
  readonly stream: HttpStream
  /** To be told when it has ended, or is given up: another node will be asked next. */
  lost(cause: unknown): FailedTry
}

type Tried<Value> =
  | { readonly type: 'answered'; readonly value: Value }
  | { readonly type: 'refused'; readonly error: SekaliError }
  | FailedTry

export class Caller {
  readonly #roster: Roster
  readonly #ports: Ports
  readonly #options: CallerOptions
  /** The cluster may have changed since we asked for its members. */
  #stale = true
  #position = 0

  constructor(roster: Roster, ports: Ports, options: CallerOptions) {
    this.#roster = roster
    this.#ports = ports
    this.#options = options
  }

  /** The highest position that any node has shown to this client. */
  get position(): number {
    return this.#position
  }

  saw(position: number): void {
    this.#position = Math.max(this.#position, position)
  }

  /** Rejects with a SekaliError, or with the reason of a signal of the span. */
  async call<Value>(call: Call<Value>, span: Span): Promise<Called<Value>> {
    let open = false
    let timeouts = 0
    let last: FailedTry | null = null
    for (let attempt = 0; ; attempt += 1) {
      const pauseMs = this.#pauseMs(call, attempt)
      if (pauseMs >= span.leftMs()) break
      if (last !== null) this.#tell(last, pauseMs)
      if (pauseMs > 0) await span.sleep(pauseMs)
      if (span.leftMs() <= 0) break

      const node = call.node ?? this.#roster.pick(this.#ports.monotonicMs())
      const timeMs = Math.min(span.leftMs(), tryTimeMs(this.#options.tryMs, timeouts))
      const tried = await this.#try(node, call, span, timeMs)
      if (tried.type === 'answered') return { value: tried.value, open }
      if (tried.type === 'refused') throw open ? outcomeUnknown(tried.error) : tried.error
      last = tried
      open ||= tried.open
      if (isTimeout(tried.cause)) timeouts += 1
    }
    throw open ? outcomeUnknown(last?.cause) : givenUp(last)
  }

  /**
   * One try at a stream, after the pause that the failures before it call for. Rejects with a SekaliError that no other try
   * would help, or with the reason of a signal of the span.
   */
  async open(
    path: string,
    span: Span,
    failures: number,
    last: FailedTry | null,
  ): Promise<Opened | FailedTry> {
    const read = () => null
    const call = { method: 'GET', path, body: null, node: null, writes: false, read } as const
    const pauseMs = this.#pauseMs(call, failures)
    if (last !== null) this.#tell(last, pauseMs)
    if (pauseMs > 0) await span.sleep(pauseMs)

    const node = this.#roster.pick(this.#ports.monotonicMs())
    const lost = (cause: unknown): FailedTry => {
      this.#failed(node, null)
      const reason = failureText(cause)
      return { type: 'failed', url: node.url, reason, open: false, cause }
    }
    let answer: HttpStream | HttpAnswer
    try {
      // Never longer: a stream begins at once, or that node is in no state to send one.
      const { tryMs } = this.#options
      answer = await span.within(tryMs, (signal) => this.#begin(node, path, signal))
    } catch (error) {
      span.throwIfAborted()
      return lost(error)
    }
    if ('chunks' in answer) {
      this.#answered(node, answer)
      return { type: 'opened', stream: answer, lost }
    }
    const tried = this.#note(node, this.#judge(node.url, call, answer), answer)
    if (tried.type === 'failed') return tried
    throw tried.type === 'refused' ? tried.error : new Error('a stream is no value')
  }

  /** The stream, or what is said in place of it. */
  async #begin(
    node: KnownNode,
    path: string,
    signal: AbortSignal,
  ): Promise<HttpStream | HttpAnswer> {
    const stream = await this.#ports.transport.open(node.url, { path, signal })
    const { status, header, chunks } = stream
    if (status === 200 && header('content-type')?.startsWith(STREAM_MEDIA_TYPE)) return stream
    try {
      const decoder = new TextDecoder()
      let text = ''
      for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
        text += decoder.decode(next.value, { stream: true })
        if (text.length > REFUSAL_LENGTH_MAX) break
      }
      return { status, header, text }
    } finally {
      stream.close()
    }
  }

  /** Before the first try only where all nodes asked for it. */
  #pauseMs(call: Call<unknown>, attempt: number): number {
    const barredMs = this.#barredMs(call)
    if (attempt === 0 && barredMs === null) return 0
    return backoffMs(Math.max(0, attempt - 1), barredMs, this.#ports.random)
  }

  #tell({ url, reason, open }: FailedTry, pauseMs: number): void {
    this.#options.onRetry?.({ url, reason, open, pauseMs })
  }

  #barredMs({ node }: Call<unknown>): number | null {
    const nowMs = this.#ports.monotonicMs()
    if (node === null) return this.#roster.barredMs(nowMs)
    return node.barredUntilMs > nowMs ? node.barredUntilMs - nowMs : null
  }

  async #try<Value>(
    node: KnownNode,
    call: Call<Value>,
    span: Span,
    timeMs: number,
  ): Promise<Tried<Value>> {
    const { method, path, body } = call
    let answer: HttpAnswer
    try {
      answer = await span.within(timeMs, (signal) =>
        this.#ports.transport.request(node.url, { method, path, body, signal }),
      )
    } catch (error) {
      span.throwIfAborted()
      const open = call.writes && !wasNeverSent(error)
      this.#failed(node, null)
      const reason = failureText(error)
      return { type: 'failed', url: node.url, reason, open, cause: error }
    }
    return this.#note(node, this.#judge(node.url, call, answer), answer)
  }

  #note<Value>(node: KnownNode, tried: Tried<Value>, answer: HttpAnswer): Tried<Value> {
    if (tried.type !== 'failed') this.#answered(node, answer)
    else this.#failed(node, parseRetryAfter(answer.header('retry-after'), this.#ports.wallMs()))
    return tried
  }

  #judge<Value>(url: string, call: Call<Value>, answer: HttpAnswer): Tried<Value> {
    const body = jsonOf(answer.text)
    const value = answer.status === 200 ? call.read(body) : null
    if (value !== null) return { type: 'answered', value }

    const error = errorOf(answer.status, body)
    if (error !== null && !shouldRetry(answer.status)) return { type: 'refused', error }
    const { leader } = error?.facts ?? {}
    if (leader !== undefined) this.#roster.learn([leader])
    return {
      type: 'failed',
      url,
      reason:
        error === null
          ? `${answer.status} from what is no node`
          : `${error.code}: ${error.message}`,
      // Whatever stands between us and a node may have passed the request on before it answered by itself.
      open: call.writes && (error === null || isOpen(error.code)),
      cause: error ?? new Error(`${url} answered ${answer.status}, and not as a node does`),
    }
  }

  #failed(node: KnownNode, retryAfterMs: number | null): void {
    this.#stale = true
    this.#roster.failed(node, retryAfterMs, this.#ports.monotonicMs())
  }

  #answered(node: KnownNode, answer: Pick<HttpAnswer, 'header'>): void {
    this.#roster.answered(node, answer.header(HEADERS.node))
    this.#roster.leads(answer.header(HEADERS.leader))
    this.saw(Number(answer.header(HEADERS.position) ?? 0) || 0)
    if (!this.#stale) return
    this.#stale = false
    void this.#learn(node)
  }

  /** Beside the calls and without a retry: the next failure asks again. */
  async #learn({ url }: KnownNode): Promise<void> {
    const controller = new AbortController()
    const cancel = this.#ports.after(this.#options.tryMs, () => controller.abort())
    try {
      const { signal } = controller
      const request = { method: 'GET', path: '/cluster', body: null, signal } as const
      const answer = await this.#ports.transport.request(url, request)
      const cluster = clusterSchema.safeParse(jsonOf(answer.text))
      if (cluster.success) this.#roster.learn(cluster.data.members)
    } catch {
      this.#stale = true
    } finally {
      cancel()
    }
  }
}

/** These alone leave open whether the request took effect. */
function isOpen(code: ErrorCode): boolean {
  return code === 'outcome_unknown' || code === 'internal'
}

function outcomeUnknown(cause: unknown): SekaliError {
  const detail = `the events may or may not be stored; the last try: ${failureText(cause)}`
  return new SekaliError('outcome_unknown', detail, {}, { cause })
}

/** Nothing took effect: the last word of a node, or that there was none. */
function givenUp(last: FailedTry | null): SekaliError {
  if (last === null) return new SekaliError('unreachable', 'no node could be asked in time')
  const { url, reason, cause } = last
  if (cause instanceof SekaliError) return cause
  return new SekaliError('unreachable', `no node answered; last ${url}: ${reason}`, {}, { cause })
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'TimeoutError'
}

/** What must be there; a newer node may say more, and codes that are not known here. */
const anyProblemSchema = problemSchema
  .pick({
    detail: true,
    retryable: true,
    index: true,
    field: true,
    offset: true,
    limit: true,
    leader: true,
  })
  .extend({ code: z.string() })

/** Null: it is not a node's. */
function errorOf(status: number, body: unknown): SekaliError | null {
  const problem = anyProblemSchema.safeParse(body)
  if (!problem.success) {
    // A proxy in between has its own limit for bodies, and did not pass this one on.
    return status === 413
      ? new SekaliError('body_too_large', 'a proxy refused the size of the body')
      : null
  }
  const { code, detail, index, field, offset, limit, leader } = problem.data
  return new SekaliError(knownCode(code, status), detail, {
    ...(index !== undefined && { index }),
    ...(field !== undefined && { field }),
    ...(offset !== undefined && { offset }),
    ...(limit !== undefined && { limit }),
    ...(leader !== undefined && { leader }),
  })
}

/** A code of a later version is taken for one that means the same to a program: of the same status, and open if 5xx. */
function knownCode(code: string, status: number): ErrorCode {
  if (Object.hasOwn(ERROR_KINDS, code)) return code as ErrorCode
  if (status === 503) return 'outcome_unknown'
  const codes = Object.keys(ERROR_KINDS) as ErrorCode[]
  return codes.find((known) => ERROR_KINDS[known].status === status) ?? 'internal'
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
