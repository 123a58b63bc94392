// All followers who want the same: events of one topic or pattern, in one format. What arrives for them is put together
// once, and the same bytes are given to each who stands at the tail.

import { parseTopicPattern } from '../store/topic-pattern.ts'
import type { EventFormat } from './format.ts'

export class Channel<Member> {
  /** Those at the tail. */
  readonly members = new Set<Member>()
  readonly format: EventFormat
  readonly matches: (topic: string) => boolean
  #parts: Uint8Array[] = []

  /** `topic` null: all. Throws SekaliError bad_parameter. */
  constructor(topic: string | null, format: EventFormat) {
    this.format = format
    const pattern = topic === null ? null : parseTopicPattern(topic)
    this.matches = pattern === null ? () => true : (name) => pattern.matches(name)
  }

  add(rendered: Uint8Array): void {
    this.#parts.push(rendered)
  }

  /** What was added since the last call; null: nothing was. */
  take(): Uint8Array | null {
    const parts = this.#parts
    if (parts.length === 0) return null
    this.#parts = []
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
  }
}
