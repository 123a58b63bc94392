// What is still to happen, in the order of virtual time; at equal times in the order in which it was planned.

export interface Planned {
  readonly atUs: number
  readonly sequence: number
  /** What kind of event: for the trace and the counts. */
  readonly label: string
  readonly run: () => void
}

const before = (a: Planned, b: Planned): boolean =>
  a.atUs < b.atUs || (a.atUs === b.atUs && a.sequence < b.sequence)

export class EventHeap {
  readonly #events: Planned[] = []

  get size(): number {
    return this.#events.length
  }

  get next(): Planned | undefined {
    return this.#events[0]
  }

  push(event: Planned): void {
    const events = this.#events
    let at = events.length
    events.push(event)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(event, events[parent]!)) break
      events[at] = events[parent]!
      at = parent
    }
    events[at] = event
  }

  pop(): Planned | undefined {
    const events = this.#events
    const first = events[0]
    const last = events.pop()
    if (last === undefined || events.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= events.length) break
      if (child + 1 < events.length && before(events[child + 1]!, events[child]!)) child++
      if (!before(events[child]!, last)) break
      events[at] = events[child]!
      at = child
    }
    events[at] = last
    return first
  }
}
