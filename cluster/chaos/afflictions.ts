// Which node suffers from a fault, and since when: so that an error can be told apart by whether the node that gave it
// had any excuse.
//
// A node is *surviving* over some time when no fault of ours touched it then, and it had a majority of such nodes for
// company. On a surviving node a client may see a pause, never an error. Time is a count of steps, not a clock.

interface Suffering {
  /** Faults in force on it now. */
  count: number
  /** The step at which the last one ended. */
  lastEnd: number
}

export class Afflictions {
  readonly #nodes: ReadonlyMap<string, Suffering>
  #step = 0

  constructor(ids: readonly string[]) {
    this.#nodes = new Map(ids.map((id) => [id, { count: 0, lastEnd: 0 }]))
  }

  /** A mark for `survivedSince`. */
  now(): number {
    this.#step += 1
    return this.#step
  }

  begin(ids: readonly string[]): void {
    for (const id of ids) this.#nodes.get(id)!.count += 1
  }

  end(ids: readonly string[]): void {
    this.#step += 1
    for (const id of ids) {
      const node = this.#nodes.get(id)!
      node.count -= 1
      node.lastEnd = this.#step
    }
  }

  survivedSince(id: string, mark: number): boolean {
    const free = [...this.#nodes.keys()].filter((other) => this.#freeSince(other, mark))
    return free.includes(id) && 2 * free.length > this.#nodes.size
  }

  #freeSince(id: string, mark: number): boolean {
    const { count, lastEnd } = this.#nodes.get(id)!
    return count === 0 && lastEnd < mark
  }
}
