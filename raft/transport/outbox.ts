// What waits to be sent to one peer: two lanes of sealed frames.
//
// Urgent frames (heartbeats, votes, acknowledgements, reports) overtake ordered ones (entries, proposals, chunks); within a lane
// nothing overtakes. Bounded in bytes and messages, each lane for itself, so that bulk never crowds out a vote: a full
// lane refuses, it never blocks and never pushes out what it took.

import type { WireMessage } from '../core/types.ts'

export type Lane = 'urgent' | 'ordered'

/**
 * A commit index says nothing beyond the entries it follows, and an empty Append probes behind those sent before:
 * both keep their place among the Appends.
 */
export function laneOf(message: WireMessage): Lane {
  switch (message.type) {
    case 'Append':
    case 'Commit':
    case 'Propose':
    case 'Chunk':
    case 'ChunkAsk':
      return 'ordered'
    default:
      return 'urgent'
  }
}

export class Outbox {
  readonly #lanes: { readonly [Name in Lane]: FrameQueue } = {
    urgent: new FrameQueue(),
    ordered: new FrameQueue(),
  }
  readonly #bytesMax: number
  readonly #messagesMax: number

  /** Both bounds hold for each lane. */
  constructor(bytesMax: number, messagesMax: number) {
    this.#bytesMax = bytesMax
    this.#messagesMax = messagesMax
  }

  get bytes(): number {
    return this.#lanes.urgent.bytes + this.#lanes.ordered.bytes
  }

  get messages(): number {
    return this.#lanes.urgent.length + this.#lanes.ordered.length
  }

  /** False: the lane is full and the frame was not taken. */
  offer(lane: Lane, frame: Buffer): boolean {
    const queue = this.#lanes[lane]
    if (queue.length >= this.#messagesMax || queue.bytes + frame.length > this.#bytesMax)
      return false
    queue.push(frame)
    return true
  }

  next(): Buffer | undefined {
    return this.#lanes.urgent.shift() ?? this.#lanes.ordered.shift()
  }

  clear(): void {
    this.#lanes.urgent.clear()
    this.#lanes.ordered.clear()
  }
}

/** First in, first out, without moving what waits each time one leaves. */
class FrameQueue {
  #frames: (Buffer | undefined)[] = []
  #first = 0
  bytes = 0

  get length(): number {
    return this.#frames.length - this.#first
  }

  push(frame: Buffer): void {
    this.#frames.push(frame)
    this.bytes += frame.length
  }

  shift(): Buffer | undefined {
    const frame = this.#frames[this.#first]
    if (frame === undefined) return undefined
    this.#frames[this.#first++] = undefined
    this.bytes -= frame.length
    if (this.#first === this.#frames.length) this.clear()
    else if (this.#first >= 1024 && this.#first * 2 >= this.#frames.length) {
      this.#frames.splice(0, this.#first)
      this.#first = 0
    }
    return frame
  }

  clear(): void {
    this.#frames = []
    this.#first = 0
    this.bytes = 0
  }
}
