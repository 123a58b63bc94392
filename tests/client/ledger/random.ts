// A small seeded generator (sfc32): the same seed gives the same numbers, everywhere. For tests only.

export class Random {
  #a: number
  #b = 0x9e3779b9
  #c = 0x243f6a88
  #count = 1

  constructor(seed: number) {
    this.#a = seed | 0
    for (let i = 0; i < 12; i += 1) this.#next()
  }

  /** An integer from 0 up to, but not including, the limit. */
  below(limit: number): number {
    return Math.floor((this.#next() / 2 ** 32) * limit)
  }

  chance(probability: number): boolean {
    return this.#next() / 2 ** 32 < probability
  }

  pick<T>(things: readonly T[]): T {
    return things[this.below(things.length)]!
  }

  #next(): number {
    const sum = (this.#a + this.#b + this.#count) | 0
    this.#count = (this.#count + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }
}
