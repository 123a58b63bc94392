// What was sent, and which position each answer named: the account that the nodes are held against afterwards.
//
// Four bytes for each distinct event, written while the load runs; so the answers need not be kept. Reads positions off
// an answer without parsing it all: names in it cannot hold what it looks for, since the workload made them.

import type { Workload } from './workload.ts'

const UNSENT = 0
/** Sent, and not acknowledged. */
const OPEN = 0xffff_ffff
const POSITION = Buffer.from('"position":', 'latin1')
const ZERO = '0'.charCodeAt(0)
const NINE = '9'.charCodeAt(0)

export class Acknowledged {
  readonly workload: Workload
  /** Events, re-sent ones included. */
  sent = 0
  acknowledged = 0
  /** What was found wrong in the answers themselves; the first few. */
  readonly faults: string[] = []
  /** By lap; within it by distinct event. */
  readonly #laps: Uint32Array[] = []

  constructor(workload: Workload) {
    this.workload = workload
  }

  /** Before the request leaves. */
  sending(first: number, count: number): void {
    this.sent += count
    for (let number = first; number < first + count; number += 1) {
      const distinct = this.workload.distinctOf(number)
      if (this.#get(distinct) === UNSENT) this.#set(distinct, OPEN)
    }
  }

  /** Takes the positions out of an answer to these events. False: it did not name one for each. */
  answered(first: number, count: number, body: Buffer): boolean {
    let at = 0
    for (let place = 0; place < count; place += 1) {
      at = body.indexOf(POSITION, at)
      if (at === -1) return false
      at += POSITION.length
      let position = 0
      for (let digit = body[at]!; digit >= ZERO && digit <= NINE; digit = body[++at]!) {
        position = 10 * position + digit - ZERO
      }
      this.told(first + place, position)
    }
    return body.indexOf(POSITION, at) === -1
  }

  told(number: number, position: number): void {
    this.acknowledged += 1
    const distinct = this.workload.distinctOf(number)
    const before = this.#get(distinct)
    if (before === OPEN && position > 0) this.#set(distinct, position)
    else if (before !== position) {
      this.fault(
        `${this.workload.idOf(distinct)} was acknowledged at position ${position}, and before at ${before}`,
      )
    }
  }

  fault(sentence: string): void {
    if (this.faults.length < 20) this.faults.push(sentence)
  }

  wasSent(distinct: number): boolean {
    return this.#get(distinct) !== UNSENT
  }

  /** 0: it was not acknowledged. */
  positionOf(distinct: number): number {
    const position = this.#get(distinct)
    return position === OPEN ? UNSENT : position
  }

  countDistinct(): number {
    let count = 0
    for (const positions of this.#laps) {
      for (const position of positions) if (position !== UNSENT && position !== OPEN) count += 1
    }
    return count
  }

  /** Each distinct event that was acknowledged, and its position. */
  *positions(): Generator<{ readonly distinct: number; readonly position: number }> {
    for (const [lap, positions] of this.#laps.entries()) {
      for (const [place, position] of positions.entries()) {
        if (position === UNSENT || position === OPEN) continue
        yield { distinct: lap * this.workload.distinctPerLap + place, position }
      }
    }
  }

  #get(distinct: number): number {
    const { distinctPerLap } = this.workload
    return this.#laps[Math.floor(distinct / distinctPerLap)]?.[distinct % distinctPerLap] ?? UNSENT
  }

  #set(distinct: number, position: number): void {
    const { distinctPerLap } = this.workload
    const lap = Math.floor(distinct / distinctPerLap)
    while (this.#laps.length <= lap) this.#laps.push(new Uint32Array(distinctPerLap))
    this.#laps[lap]![distinct % distinctPerLap] = position
  }
}
