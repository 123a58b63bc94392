// Everything that clients of a chaos run saw, as it happens: into the ledger that judges it, into a file if wanted,
// and into the counts that are shown. Each try of a plain HTTP client is a call of its own; a call of the SDK is one,
// with the number of its tries.

import type { Answer, Request } from '../../client/ledger/history.ts'
import { Ledger, type ReturnContext } from '../../client/ledger/ledger.ts'
import { formatCall, formatReturn } from '../../client/ledger/lines.ts'
import type { LedgerFile } from '../ledger-file.ts'
import type { Afflictions } from './afflictions.ts'
import type { Engine } from './engine.ts'
import { Meter } from './meter.ts'

/** Who asked: their errors mean different things. */
export type Client = 'sdk' | 'http' | 'read'

/** What a client saw that was no answer to its question; by kind, such as "connection refused" or "503 no_leader". */
export interface ErrorCounts {
  readonly all: ReadonlyMap<string, number>
  /** Through nodes that no fault had touched: there should be none. */
  readonly surviving: ReadonlyMap<string, number>
}

export interface Counts {
  /** Events told accepted, and duplicate. */
  readonly accepted: number
  readonly duplicates: number
  readonly conflicts: number
  /** Events of publishes whose outcome this very call did not tell. */
  readonly unknown: number
  readonly reads: number
  readonly sdkCalls: number
  /** Tries of the SDK beyond the first. */
  readonly sdkRetries: number
  readonly requests: number
}

interface OpenCall {
  readonly number: number
  readonly client: Client
  readonly request: Request
  readonly atMs: number
  readonly mark: number
  readonly lives: ReadonlyMap<string, number | null>
}

/** Given back with the answer. */
export type CallHandle = OpenCall

/** What came back, and from whom. */
export interface Returned {
  readonly answer: Answer
  /** '' where nobody answered. */
  readonly node: string
  readonly tries?: number
  readonly lastPosition?: number
  /** What kind of error it was; null: none. */
  readonly error: string | null
  /** Whom the request was sent to; null: the client chose. */
  readonly sentTo: string | null
}

export class Recorder {
  readonly ledger: Ledger
  readonly meter = new Meter()
  readonly #engine: Engine
  readonly #afflictions: Afflictions
  readonly #nowMs: () => number
  readonly #file: LedgerFile | null
  readonly #counts = {
    accepted: 0,
    duplicates: 0,
    conflicts: 0,
    unknown: 0,
    reads: 0,
    sdkCalls: 0,
    sdkRetries: 0,
    requests: 0,
  }
  readonly #errors: Record<Client, { all: Map<string, number>; surviving: Map<string, number> }> = {
    sdk: { all: new Map(), surviving: new Map() },
    http: { all: new Map(), surviving: new Map() },
    read: { all: new Map(), surviving: new Map() },
  }

  /** `nowMs`: 0 at the start of the load. `exclusive`: nobody else ever published to this store. */
  constructor(
    engine: Engine,
    afflictions: Afflictions,
    nowMs: () => number,
    options: { readonly exclusive: boolean; readonly file: LedgerFile | null },
  ) {
    this.#engine = engine
    this.#afflictions = afflictions
    this.#nowMs = nowMs
    this.ledger = new Ledger({ exclusive: options.exclusive })
    this.#file = options.file
  }

  get counts(): Counts {
    return this.#counts
  }

  errors(client: Client): ErrorCounts {
    return this.#errors[client]
  }

  /** Before the request leaves. */
  call(client: Client, request: Request): CallHandle {
    const atMs = this.#nowMs()
    const number = this.ledger.call(request, atMs)
    this.#file?.write(formatCall(this.#fileNumber(number), request, atMs))
    const lives = new Map(this.#engine.ids.map((id) => [id, this.#engine.life(id)]))
    return { number, client, request, atMs, mark: this.#afflictions.now(), lives }
  }

  return(call: CallHandle, returned: Returned): void {
    const { client, request } = call
    const { node, tries, lastPosition } = returned
    const at = this.#nowMs()
    const life = call.lives.get(node) ?? 0
    // Sent to one life of the node and answered by the next: which of them is bound by it, nobody can say.
    const straddles = request.type !== 'publish' && life !== (this.#engine.life(node) ?? 0)
    const answer: Answer = straddles ? { type: 'unknown' } : returned.answer
    const context: ReturnContext = {
      at,
      node,
      life,
      ...(tries !== undefined && { tries }),
      ...(lastPosition !== undefined && !straddles && { lastPosition }),
    }
    this.#file?.write(formatReturn(this.#fileNumber(call.number), answer, context))
    this.ledger.return(call.number, answer, context)
    this.#count(client, answer, call, at, tries ?? 1)
    if (returned.error !== null) this.#countError(call, returned.error, returned.sentTo)
  }

  #fileNumber(number: number): number {
    return number + (this.#file?.callBase ?? 0)
  }

  #count(client: Client, answer: Answer, call: CallHandle, at: number, tries: number): void {
    const { request } = call
    const counts = this.#counts
    counts.requests += tries
    if (client === 'sdk') {
      counts.sdkCalls += 1
      counts.sdkRetries += tries - 1
    }
    if (request.type !== 'publish') {
      counts.reads += 1
      return
    }
    if (answer.type === 'published') {
      for (const outcome of answer.outcomes) {
        if (outcome.type === 'accepted') counts.accepted += 1
        else if (outcome.type === 'duplicate') {
          counts.duplicates += 1
          if (outcome.conflict) counts.conflicts += 1
        }
      }
      this.meter.acknowledged(answer.outcomes.length, call.atMs, at)
    } else if (answer.type === 'unknown') counts.unknown += request.events.length
  }

  #countError({ client, mark }: CallHandle, kind: string, sentTo: string | null): void {
    const errors = this.#errors[client]
    add(errors.all, kind)
    // Of a node that others may harm, nobody here knows whether it had an excuse.
    if (sentTo === null || this.#engine.life(sentTo) === null) return
    if (this.#afflictions.survivedSince(sentTo, mark)) {
      add(errors.surviving, `${kind} from ${sentTo}`)
    }
  }
}

function add(counts: Map<string, number>, kind: string): void {
  counts.set(kind, (counts.get(kind) ?? 0) + 1)
}
