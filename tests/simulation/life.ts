// One life of a simulated process: from its start to its death, whatever happens in between.
//
// Everything that reaches the process goes through enter(): at once, later if it is paused, never once it is dead.
// So a killed process leaves no ghost behind that writes to its disk or answers a client.

import type { Carry } from './sim-store.ts'
import type { World } from './world.ts'

export class Life {
  readonly number: number
  readonly #world: World
  #alive = true
  #paused = false
  #held: (() => void)[] = []

  constructor(world: World, number: number) {
    this.#world = world
    this.number = number
  }

  get alive(): boolean {
    return this.#alive
  }

  get paused(): boolean {
    return this.#paused
  }

  /** `quiet`: it can settle no promise, which saves a turn of the event loop. */
  enter(run: () => void, quiet = false): void {
    if (!this.#alive) return
    if (this.#paused) {
      this.#held.push(run)
      return
    }
    if (!quiet) this.#world.unsettled()
    run()
  }

  /** Runs in this life after a delay. */
  after(delayUs: number, label: string, run: () => void): void {
    this.#world.after(delayUs, label, () => this.enter(run))
  }

  pause(): void {
    this.#paused = true
  }

  /** All that was held back runs at once, in the order given by `arrange`. */
  resume(arrange: (held: (() => void)[]) => (() => void)[] = (held) => held): void {
    if (!this.#paused) return
    this.#paused = false
    const held = arrange(this.#held)
    this.#held = []
    for (const run of held) this.#world.after(0, 'resumed', () => this.enter(run))
  }

  end(): void {
    this.#alive = false
    this.#held = []
  }

  /** Disk work that takes this long; a life that ends meanwhile never hears of it, done or not. */
  carry(delayUs: () => number, doneFirst: () => boolean): Carry {
    return <T>(work: () => T): Promise<T> => {
      if (!this.#alive) return new Promise<T>(() => {})
      const us = delayUs()
      if (us <= 0) return new Promise<T>((resolve) => resolve(work()))
      return new Promise<T>((resolve, reject) => {
        const attempt = (): (() => void) => {
          try {
            const result = work()
            return () => resolve(result)
          } catch (error) {
            return () => reject(error)
          }
        }
        if (doneFirst()) this.after(us, 'io', attempt())
        else this.after(us, 'io', () => attempt()())
      })
    }
  }
}
