// What a node counts and times of itself, as plain numbers that the code around adds to. It knows no names, no labels and
// no format: those are given to them when somebody scrapes (families.ts).
//
// All of it is of this process alone and begins at 0 with it. What the cluster agrees on stands in the store.

import { ERROR_KINDS, type ErrorCode } from '../../client/errors.ts'
import type { TraceEvent } from '../../raft/core/types.ts'
import { BATCH_SIZES, Buckets, DISK_SECONDS } from './buckets.ts'
import { RequestMeter } from './request-meter.ts'

export class Meters {
  readonly requests = new RequestMeter()
  readonly #problems = new Map<ErrorCode, number>()

  readonly appendSeconds = new Buckets(DISK_SECONDS)
  readonly syncSeconds = new Buckets(DISK_SECONDS)
  readonly entriesPerAppend = new Buckets(BATCH_SIZES)
  /** Of entries, as they were handed to the log. */
  appendedBytes = 0

  readonly applySeconds = new Buckets(DISK_SECONDS)
  readonly checkpointSeconds = new Buckets(DISK_SECONDS)
  readonly eventsPerEntry = new Buckets(BATCH_SIZES)

  snapshotsOffered = 0
  snapshotsInstalled = 0
  snapshotBytesSent = 0
  snapshotBytesReceived = 0

  preVotes = 0
  elections = 0
  electionsWon = 0
  leaderChanges = 0

  constructor() {
    for (const code of Object.keys(ERROR_KINDS)) this.#problems.set(code as ErrorCode, 0)
  }

  problem(code: ErrorCode): void {
    this.#problems.set(code, this.#problems.get(code)! + 1)
  }

  /** Every code there is, also those that never were answered. */
  get problems(): ReadonlyMap<ErrorCode, number> {
    return this.#problems
  }

  trace({ type }: TraceEvent): void {
    if (type === 'preCandidate') this.preVotes += 1
    else if (type === 'candidate') this.elections += 1
    else if (type === 'leader') this.electionsWon += 1
  }
}
