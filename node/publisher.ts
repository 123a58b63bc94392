// From many requests to few entries: what arrives together, or while earlier entries are on their way, is proposed as
// one command; its outcome is cut up again, one piece for each request.
//
// A request is never split over two entries. It ends in one of four ways: its outcome; `no_leader` or `stopping`,
// certainly not stored; `outcome_unknown`, when the deadline came while its entry may be on its way.

import { SekaliError } from '../client/errors.ts'
import { OutcomeUnknownError, type Proposal } from '../raft/replica.ts'
import { encodeCommand } from './command/format.ts'
import type { EdgeBatch } from './edge/edge-batch.ts'
import type { EntryOutcome } from './store/types.ts'
import type { Waiters } from './waiters.ts'

/**
 * While an entry is on its way, what arrives is gathered (Nagle's rule, RFC 896): each entry costs every node a message, a
 * sync and a batch, however small. Once so much waits, another may follow it at once.
 */
export const ENTRY_BYTES_WORTH_SENDING = 64 * 1024
/** Entries of this node on their way at a time. */
export const ENTRIES_IN_FLIGHT_MAX = 4

interface Request {
  readonly batch: EdgeBatch
  readonly deadlineMs: number
  resolve(outcome: EntryOutcome): void
  reject(error: Error): void
}

/** Of the replica, what this file needs. */
export interface Proposer {
  propose(data: Uint8Array): Proposal<EntryOutcome>
  /** True: it is in no log and never will be. */
  abandon(id: Proposal<EntryOutcome>['id']): boolean
}

export interface PublisherOptions {
  readonly proposer: Proposer
  readonly waiters: Waiters
  /** Requests are joined up to so many bytes; a larger one stands alone. */
  readonly entryBytesTarget: number
  readonly wallMs: () => number
  /** Runs after all input that is already there. */
  readonly schedule: (work: () => void) => void
}

export class Publisher {
  readonly #options: PublisherOptions
  readonly #queue: Request[] = []
  #queuedBytes = 0
  #inFlight = 0
  #flushDue = false
  #stopping = false

  constructor(options: PublisherOptions) {
    this.#options = options
  }

  /** Entries on their way, and requests that wait to become one. */
  get pending(): number {
    return this.#inFlight + this.#queue.length
  }

  publish(batch: EdgeBatch, deadlineMs: number): Promise<EntryOutcome> {
    if (this.#stopping) return Promise.reject(stopping())
    return new Promise((resolve, reject) => {
      const request = { batch, deadlineMs, resolve, reject }
      this.#queue.push(request)
      this.#queuedBytes += batch.bytes.length
      this.#flushSoon()
    })
  }

  /** New requests are refused; those that are here may still end well. */
  stop(): void {
    this.#stopping = true
  }

  /** Those that are not proposed yet are certainly not stored. Called each tick. */
  expire(nowMs: number): void {
    while (this.#queue.length > 0 && nowMs >= this.#queue[0]!.deadlineMs) {
      const request = this.#queue.shift()!
      this.#queuedBytes -= request.batch.bytes.length
      request.reject(noLeader())
    }
  }

  get #mayPropose(): boolean {
    if (this.#inFlight === 0) return this.#queue.length > 0
    return this.#inFlight < ENTRIES_IN_FLIGHT_MAX && this.#queuedBytes >= ENTRY_BYTES_WORTH_SENDING
  }

  #flushSoon(): void {
    if (this.#flushDue || !this.#mayPropose) return
    this.#flushDue = true
    this.#options.schedule(() => {
      this.#flushDue = false
      this.#flush()
    })
  }

  #flush(): void {
    while (this.#mayPropose) {
      this.#inFlight++
      this.#propose(this.#takeTogether()).finally(() => {
        this.#inFlight--
        this.#flushSoon()
      })
    }
  }

  #takeTogether(): readonly Request[] {
    let bytes = 0
    let end = 0
    while (end < this.#queue.length) {
      bytes += this.#queue[end]!.batch.bytes.length
      if (end > 0 && bytes > this.#options.entryBytesTarget) break
      end++
    }
    for (let i = 0; i < end; i++) this.#queuedBytes -= this.#queue[i]!.batch.bytes.length
    return this.#queue.splice(0, end)
  }

  async #propose(requests: readonly Request[]): Promise<void> {
    const { proposer, waiters, wallMs } = this.#options
    const batches = requests.map((request) => request.batch)
    // They arrived within one turn: the last deadline serves all.
    const deadlineMs = Math.max(...requests.map((request) => request.deadlineMs))
    const { promise: expired, resolve: expire } = Promise.withResolvers<null>()
    const cancel = waiters.at(deadlineMs, () => expire(null))
    try {
      const proposal = proposer.propose(encodeCommand(batches, wallMs()))
      const ended = await Promise.race([proposal.done, expired])
      if (ended !== null) return answer(requests, ended.result)
      const error = proposer.abandon(proposal.id) ? noLeader() : unknown()
      for (const request of requests) request.reject(error)
    } catch (error) {
      const told = error instanceof OutcomeUnknownError ? unknown() : (error as Error)
      for (const request of requests) request.reject(told)
    } finally {
      cancel()
    }
  }
}

/** One entry's outcome, cut up in the order in which the requests were joined. */
function answer(requests: readonly Request[], outcome: EntryOutcome): void {
  if (requests.length === 1) return requests[0]!.resolve(outcome)
  let start = 0
  for (const { batch, resolve } of requests) {
    const end = start + batch.count
    const flags = outcome.flags.subarray(start, end)
    let accepted = 0
    for (const flag of flags) if (flag === 0) accepted++
    resolve({
      count: batch.count,
      positions: outcome.positions.subarray(start, end),
      flags,
      accepted,
    })
    start = end
  }
}

const noLeader = () =>
  new SekaliError('no_leader', 'no leader took the publish in time; it is certainly not stored')
const stopping = () => new SekaliError('stopping', 'this node is stopping')
const unknown = () =>
  new SekaliError(
    'outcome_unknown',
    'the publish may or may not be stored; sending it again with the same ids is safe',
  )
