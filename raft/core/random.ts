// The core's only source of chance: a small seeded generator (sfc32, public domain, by Chris Doty-Humphrey).
//
// Not for secrets. Its state is part of the core's state, so that the same inputs give the same outputs.

export class Random {
  #a: number
  #b: number
  #c: number
  #counter: number

  /** `seed`: any safe integer. */
  constructor(seed: number) {
    this.#a = seed | 0
    this.#b = Math.floor(seed / 2 ** 32) | 0
    this.#c = 0x9e3779b9 | 0
    this.#counter = 1
    for (let round = 0; round < 12; round++) this.uint32()
  }

  uint32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (this.#c << 21) | (this.#c >>> 11)
    this.#c = (this.#c + sum) | 0
    return sum >>> 0
  }

  /** A whole number in [0, bound). */
  below(bound: number): number {
    return Math.floor((this.uint32() / 2 ** 32) * bound)
  }
}
