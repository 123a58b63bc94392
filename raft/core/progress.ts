// What a leader knows of one follower, and how much it may send next. It never sends.
//
//   probe ──ok──▶ replicate        one message at a time until the logs are known to agree, then a stream
//     ▲            │  conflict     with a window in messages and in bytes
//     └────────────┘
//     └──log gone──▶ snapshot      no appends until the follower holds the offered snapshot
//
// Every change of the follower's life gets a new session; replies of another session are dropped before they
// reach this file (raft.md 4.5-c, 4.6-d). Keeps: match < next; match never falls within a session.

import { invariant } from './invariant.ts'
import type { Checkpoint, EntryId, Index, Session } from './types.ts'

interface InFlight {
  readonly last: Index
  readonly bytes: number
}

export interface Window {
  readonly messagesMax: number
  readonly bytesMax: number
}

export class Progress {
  state: 'probe' | 'replicate' | 'snapshot' = 'probe'
  readonly session: Session
  match: Index = 0
  next: Index
  /** The offer on its way; null in state 'snapshot': the driver has been asked for one. */
  offer: Checkpoint | null = null
  /** A ReadTask for this follower is under way: entries come from disk. */
  reading = false
  /** The highest commit index sent. */
  sentCommit: Index = 0
  /** Ticks since the follower answered anything. */
  ticksSinceHeard = 0
  /** Ticks since it acknowledged something new, durable on its disk. */
  ticksSinceAdvance = 0
  #probeSent = false
  #window: Window
  #inFlight: InFlight[] = []
  #inFlightBytes = 0

  constructor(session: Session, next: Index, window: Window) {
    this.session = session
    this.next = next
    this.#window = window
  }

  /** May another Append leave now? */
  get ready(): boolean {
    if (this.reading || this.state === 'snapshot') return false
    if (this.state === 'probe') return !this.#probeSent
    const { messagesMax, bytesMax } = this.#window
    return this.#inFlight.length < messagesMax && this.#inFlightBytes < bytesMax
  }

  get inFlightMessages(): number {
    return this.#inFlight.length
  }

  tick(): void {
    this.ticksSinceHeard++
    this.ticksSinceAdvance++
  }

  heard(): void {
    this.ticksSinceHeard = 0
  }

  /** Its link closed: it does not count as heard, whatever it said a moment ago. */
  unheard(): void {
    this.ticksSinceHeard = Number.MAX_SAFE_INTEGER / 2
  }

  sent(last: Index, bytes: number): void {
    if (this.state === 'probe') {
      this.#probeSent = true
      return
    }
    invariant(this.state === 'replicate', 'appends go to followers that are not taking a snapshot')
    this.next = last + 1
    this.#inFlight.push({ last, bytes })
    this.#inFlightBytes += bytes
  }

  /** The follower holds everything up to `match` of this leader's log. Answers whether that is news. */
  acknowledged(match: Index): boolean {
    while (this.#inFlight.length > 0 && this.#inFlight[0]!.last <= match)
      this.#inFlightBytes -= this.#inFlight.shift()!.bytes
    const news = match > this.match
    if (news) {
      this.match = match
      this.ticksSinceAdvance = 0
    }
    this.next = Math.max(this.next, this.match + 1)
    const reached = this.state !== 'snapshot' || (this.offer !== null && match >= this.offer.index)
    if (this.state !== 'replicate' && reached) this.#become('replicate')
    return news
  }

  /**
   * The follower lacks `refused`, or holds another term there; `agreesUpTo` is where the logs may still agree.
   * A refusal of something already acknowledged, or not asked of late, is old news.
   */
  refused(refused: EntryId, agreesUpTo: Index): boolean {
    if (this.state === 'snapshot' || refused.index <= this.match) return false
    if (this.state === 'probe' && refused.index !== this.next - 1) return false
    this.next = Math.max(this.match + 1, Math.min(agreesUpTo + 1, refused.index))
    this.#become('probe')
    return true
  }

  /** The follower lives: a probe that was lost may be repeated. */
  resume(): void {
    this.#probeSent = false
  }

  /** What was sent may be lost: ask again where the logs agree. */
  becomeProbe(): void {
    this.next = this.match + 1
    this.#become('probe')
  }

  becomeSnapshot(): void {
    this.#become('snapshot')
  }

  #become(state: Progress['state']): void {
    this.state = state
    this.#probeSent = false
    this.offer = null
    this.#inFlight = []
    this.#inFlightBytes = 0
    if (state === 'replicate') this.next = this.match + 1
    invariant(this.match < this.next, 'match < next')
  }
}
