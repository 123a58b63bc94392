// What the transport has to tell: for the log and for counters, never for control.
//
// Rate-limited by cause: a note is told at once the first time and then at most once a period with the number of its
// repetitions, so that neither a broken peer nor a port scanner can fill a disk. Reads no clock; sweep() is its time.

import type { NodeId } from '../core/types.ts'

export type TransportNoteType =
  /** A link is up. */
  | 'linkUp'
  | 'linkDown'
  /** Nobody answered, or not in our protocol. */
  | 'dialFailed'
  /** We refused a handshake; reason as in the handshake. */
  | 'refused'
  /** A peer refused ours. */
  | 'refusedByPeer'
  /** Bytes that are no frame of ours; the connection was closed. */
  | 'badFrame'
  /** A connection to the peer port that never became a link. */
  | 'strayConnection'
  /** A message was not sent, or not delivered. */
  | 'dropped'
  /** The listener reported an error while running. */
  | 'listenerError'

export interface TransportNote {
  readonly type: TransportNoteType
  /** Which half of the pair's links; null: neither. */
  readonly direction: 'in' | 'out' | null
  /** As it names itself, which a refused one has not proven; null: it did not say. */
  readonly peer: NodeId | null
  /** A word from a small set: the cause. */
  readonly reason: string
  /** For people. May hold what a peer sent, cut to a bound. */
  readonly detail: string
  /** How many of this type, direction, peer and reason this note stands for. */
  readonly count: number
}

export type NoteDraft = Omit<TransportNote, 'count' | 'detail'> & { readonly detail?: string }

/** Causes kept apart at a time; beyond it they are told together. */
const CAUSES_MAX = 256

export class Notes {
  readonly #tell: (note: TransportNote) => void
  readonly #sweepsPerPeriod: number
  readonly #repeated = new Map<string, TransportNote | null>()
  readonly #counts: { [Type in TransportNoteType]?: number } = {}
  #sweeps = 0

  /** `sweepsPerPeriod` 0: each note is told. */
  constructor(tell: (note: TransportNote) => void, sweepsPerPeriod: number) {
    this.#tell = tell
    this.#sweepsPerPeriod = sweepsPerPeriod
  }

  add(draft: NoteDraft): void {
    const note = { detail: '', ...draft, count: 1 }
    this.#counts[note.type] = (this.#counts[note.type] ?? 0) + 1
    if (this.#sweepsPerPeriod === 0) {
      this.#tell(note)
      return
    }
    const cause = `${note.type} ${note.direction} ${note.peer} ${note.reason}`
    const key = this.#repeated.has(cause) || this.#repeated.size < CAUSES_MAX ? cause : 'others'
    const earlier = this.#repeated.get(key)
    if (earlier === undefined) {
      this.#repeated.set(key, null)
      this.#tell(note)
    } else {
      this.#repeated.set(key, { ...note, count: (earlier?.count ?? 0) + 1 })
    }
  }

  /** How often each type happened, told or not. */
  counts(): { readonly [Type in TransportNoteType]?: number } {
    return { ...this.#counts }
  }

  /** Once each keepalive. */
  sweep(): void {
    if (++this.#sweeps < this.#sweepsPerPeriod) return
    this.#sweeps = 0
    for (const [key, note] of this.#repeated) {
      if (note === null) this.#repeated.delete(key)
      else {
        this.#repeated.set(key, null)
        this.#tell(note)
      }
    }
  }
}
