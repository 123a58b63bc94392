// A stream of chance: one seed gives several, one for each concern, so that a new draw in one does not reshuffle the
// others. Built on the core's own generator, and as little for secrets as that one.

import { Random } from '../../raft/core/random.ts'

export class Stream extends Random {
  /** In [0, 1). */
  float(): number {
    return this.uint32() / 2 ** 32
  }

  chance(probability: number): boolean {
    return probability > 0 && this.float() < probability
  }

  /** A whole number in [low, high]. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }

  /** A number in [low, high), each order of magnitude as likely as another: small values are drawn too. */
  logarithmic(low: number, high: number): number {
    return low * (high / low) ** this.float()
  }

  exponential(mean: number): number {
    return -mean * Math.log(1 - this.float())
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!
  }

  shuffle<T>(list: readonly T[]): T[] {
    const shuffled = [...list]
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = this.below(i + 1)
      ;[shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!]
    }
    return shuffled
  }

  hex(digits: number): string {
    let text = ''
    while (text.length < digits) text += this.uint32().toString(16).padStart(8, '0')
    return text.slice(0, digits)
  }
}

const CONCERNS = [
  'swarm',
  'network',
  'disk',
  'workload',
  'scheduler',
  'faults',
  'identity',
] as const

export type Streams = { readonly [Concern in (typeof CONCERNS)[number]]: Stream }

export function streamsOf(seed: number): Streams {
  const parent = new Stream(seed)
  const streams = CONCERNS.map((concern, i) => [
    concern,
    new Stream(parent.uint32() * 2 ** 20 + i * 1009),
  ])
  return Object.fromEntries(streams) as Streams
}
