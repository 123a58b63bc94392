// A world for the SDK: nodes that answer as they are told, over one store, and time that passes only when nothing else can
// happen. Everything runs in turns of this process, so a test of 30 s of retries takes milliseconds and is always the same.

import type { Event } from '../../../client/contract/event.ts'
import type { Member } from '../../../client/contract/state.ts'
import { ERROR_KINDS, type ErrorCode } from '../../../client/errors.ts'
import type { Ports } from '../../../client/sdk/ports.ts'
import type { HttpAnswer, HttpRequest, HttpStream } from '../../../client/sdk/transport.ts'
import { Sekali, type SekaliOptions } from '../../../client/sekali.ts'
import { ManualClock } from '../../node/manual-clock.ts'

export const A = 'http://a.test:8001'
export const B = 'http://b.test:8001'
export const C = 'http://c.test:8001'

/** What a node does with one request. Those that store do so before they fail. */
export type Behaviour =
  | 'answers'
  | 'refusesConnection'
  | 'losesConnection'
  | 'hangs'
  | 'storesAndLosesConnection'
  | 'storesAndHangs'
  | 'storesAndSaysUnknown'
  | 'isNoNode'
  | 'storesBehindProxyThatGivesUp'
  | { readonly code: ErrorCode; readonly retryAfter?: string; readonly index?: number }
  | ((request: HttpRequest, world: World) => HttpAnswer)

export interface Asked {
  readonly url: string
  readonly method: string
  readonly path: string
  readonly body: string | null
  readonly atMs: number
}

export class World {
  readonly clock = new ManualClock()
  /** `topic event_id` → position: what all nodes hold. */
  readonly stored = new Map<string, number>()
  /** Every request that came, but for those to /cluster. */
  readonly asked: Asked[] = []
  members: Pick<Member, 'node_id' | 'url'>[] = []
  /** What comes of asking for a stream. */
  open: (url: string, request: { path: string; signal: AbortSignal }) => Promise<HttpStream> = () =>
    Promise.reject(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }))
  readonly #scripts = new Map<string, Behaviour[]>()
  readonly #timers = new Set<{ readonly atMs: number; readonly callback: () => void }>()

  constructor() {
    this.clock.onAdvance(() => this.#fire())
  }

  /** The next requests to a node, one each; then the last again and again. Without a script a node answers. */
  script(url: string, ...behaviours: Behaviour[]): void {
    this.#scripts.set(url, behaviours)
  }

  client(options: Partial<SekaliOptions> = {}, random: () => number = () => 0): Sekali {
    return new Sekali({ nodes: [A, B], ...options }, this.ports(random))
  }

  ports(random: () => number = () => 0): Ports {
    let filled = 0
    return {
      monotonicMs: this.clock.monotonicMs,
      wallMs: this.clock.wallMs,
      after: (ms, callback) => this.#after(ms, callback),
      random,
      randomFill: (bytes) => {
        filled += 1
        bytes.fill(filled)
      },
      transport: {
        request: (url, request) => this.#request(url, request),
        open: (url, request) => this.open(url, request),
        close: async () => {},
      },
    }
  }

  /** Timers that wait. */
  get timers(): number {
    return this.#timers.size
  }

  get nowMs(): number {
    return this.clock.monotonicMs()
  }

  /** Lets everything happen that waits for nothing but its turn. */
  async turns(): Promise<void> {
    for (let turn = 0; turn < 8; turn += 1) await new Promise((resolve) => setImmediate(resolve))
  }

  /** Lets time pass whenever nothing else can happen, until the promise is settled. */
  async drive<Result>(promise: Promise<Result>): Promise<Result> {
    let settled = false
    const note = (): void => {
      settled = true
    }
    promise.then(note, note)
    for (;;) {
      await this.turns()
      if (settled) return promise
      if (!this.advanceToNext()) throw new Error('nothing will ever happen again')
    }
  }

  /** To the next timer; false: there is none. */
  advanceToNext(): boolean {
    if (this.#timers.size === 0) return false
    const nextMs = Math.min(...[...this.#timers].map(({ atMs }) => atMs))
    this.clock.advance(Math.max(0, nextMs - this.nowMs))
    return true
  }

  /** What the promise rejects with. */
  async failure(promise: Promise<unknown>): Promise<unknown> {
    try {
      await this.drive(promise)
    } catch (error) {
      return error
    }
    throw new Error('it did not fail')
  }

  /** Bodies that were sent to /publish. */
  get published(): (readonly Event[])[] {
    return this.asked
      .filter(({ path }) => path === '/publish')
      .map(({ body }) => (JSON.parse(body!) as { events: Event[] }).events)
  }

  store({ body }: HttpRequest): HttpAnswer {
    const { events } = JSON.parse(body!) as { events: Event[] }
    const results = events.map(({ topic, event_id }) => {
      const key = `${topic} ${event_id}`
      const known = this.stored.get(key)
      const position = known ?? this.stored.size + 1
      this.stored.set(key, position)
      return { topic, event_id, outcome: known === undefined ? 'accepted' : 'duplicate', position }
    })
    const accepted = results.filter(({ outcome }) => outcome === 'accepted').length
    const counts = { count: results.length, accepted, duplicates: results.length - accepted }
    return json(200, { status: 'committed', ...counts, results })
  }

  async #request(url: string, request: HttpRequest): Promise<HttpAnswer> {
    const { method, path, body, signal } = request
    if (path === '/cluster') return json(200, this.#cluster())
    this.asked.push({ url, method, path, body, atMs: this.nowMs })
    const script = this.#scripts.get(url) ?? ['answers']
    const behaviour = script.length > 1 ? script.shift()! : script[0]!
    if (typeof behaviour === 'function') return behaviour(request, this)
    if (typeof behaviour === 'object') return problem(behaviour)
    switch (behaviour) {
      case 'answers':
        return this.store(request)
      case 'refusesConnection':
        throw Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
      case 'losesConnection':
        throw Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' })
      case 'hangs':
        return hang(signal)
      case 'storesAndLosesConnection':
        this.store(request)
        throw Object.assign(new Error('reset'), { code: 'ECONNRESET' })
      case 'storesAndHangs':
        this.store(request)
        return hang(signal)
      case 'storesAndSaysUnknown':
        this.store(request)
        return problem({ code: 'outcome_unknown' })
      case 'isNoNode':
        return { status: 404, text: '<html>', header: () => null }
      case 'storesBehindProxyThatGivesUp':
        this.store(request)
        return { status: 504, text: '<html>', header: () => null }
    }
  }

  #cluster(): object {
    const member = {
      peer_url: 'http://peer.test:9001',
      self: false,
      leader: false,
      state: 'replicate',
      match_index: 0,
      lag: 0,
      counts: true,
      recently_active: true,
    }
    return {
      node_id: 'a',
      role: 'follower',
      term: 1,
      leader: null,
      standing: 'member',
      commit_index: 0,
      applied_index: 0,
      members: this.members.map((known) => ({ ...member, ...known })),
    }
  }

  #after(ms: number, callback: () => void): () => void {
    const timer = { atMs: this.nowMs + ms, callback }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  #fire(): void {
    for (const timer of [...this.#timers].sort((left, right) => left.atMs - right.atMs)) {
      if (timer.atMs > this.nowMs || !this.#timers.delete(timer)) continue
      timer.callback()
    }
  }
}

export function json(
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): HttpAnswer {
  return { status, text: JSON.stringify(body), header: (name) => headers[name] ?? null }
}

export function problem({
  code,
  retryAfter,
  ...facts
}: {
  readonly code: ErrorCode
  readonly retryAfter?: string
  readonly index?: number
}): HttpAnswer {
  const { title, status, retryable } = ERROR_KINDS[code]
  const body = { type: '/p', title, status, detail: 'so it is', instance: '/', code, retryable }
  const headers = retryAfter === undefined ? {} : { 'retry-after': retryAfter }
  return json(status, { ...body, ...facts }, headers)
}

function hang(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

export const eventNumber = (number: number, topic = 'orders'): Event => ({
  topic,
  event_id: `o-${number}`,
})

export const events = (count: number): Event[] =>
  Array.from({ length: count }, (_, number) => eventNumber(number))
