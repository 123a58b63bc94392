// Which channels an event goes to, by its topic. Verdicts are kept by topic, so that an event costs one look-up however
// many patterns are followed; a bound keeps a publisher of endless new topics from taking the memory.

import type { EventWalk } from '../command/format.ts'
import type { Channel } from './channel.ts'

const TOPICS_KEPT_MAX = 10_000

export class TopicRouter<Member> {
  readonly #channels = new Set<Channel<Member>>()
  readonly #byTopic = new Map<string, readonly Channel<Member>[]>()

  add(channel: Channel<Member>): void {
    this.#channels.add(channel)
    this.#byTopic.clear()
  }

  delete(channel: Channel<Member>): void {
    if (this.#channels.delete(channel)) this.#byTopic.clear()
  }

  /** Those with the same format stand together. */
  of({ bytes, topicAt, eventIdAt }: EventWalk): readonly Channel<Member>[] {
    const topic = Buffer.from(bytes.buffer, bytes.byteOffset + topicAt, eventIdAt - topicAt)
    const key = topic.toString('latin1') // byte for byte
    const known = this.#byTopic.get(key)
    if (known !== undefined) return known
    if (this.#byTopic.size >= TOPICS_KEPT_MAX) this.#byTopic.clear()
    const name = topic.toString()
    const found = [...this.#channels]
      .filter((channel) => channel.matches(name))
      .sort((left, right) => compare(left.format.name, right.format.name))
    this.#byTopic.set(key, found)
    return found
  }
}

const compare = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0)
