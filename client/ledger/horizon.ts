// How far the store had been shown by some instant: the largest position any answer had named, over all nodes and for
// each node alone. Positions are dense and every node applies them in order, so that one number says it all: whoever
// has shown position p has proved that 1 … p were stored.
//
// Immutable: an operation takes the horizon of its call along in O(1), and is judged by it when the answer is there.

import type { Reading } from './history.ts'
import type { Rule } from './violations.ts'

/** The answer that showed most: named in sentences. */
export interface Shown {
  readonly position: number
  readonly at: number
  readonly node: string
}

/** What a read must not fall short of, the rule it breaks if it does, and why. */
export interface Owed {
  readonly position: number
  readonly rule: Rule
  readonly because: string
}

export class Horizon {
  static readonly START = new Horizon({ position: 0, at: Number.NEGATIVE_INFINITY, node: '' }, [])

  readonly anywhere: Shown
  readonly #nodes: readonly { readonly life: number; readonly shown: Shown }[]

  private constructor(
    anywhere: Shown,
    nodes: readonly { readonly life: number; readonly shown: Shown }[],
  ) {
    this.anywhere = anywhere
    this.#nodes = nodes
  }

  raise(life: number, shown: Shown): Horizon {
    const known = this.#nodes.find((other) => other.shown.node === shown.node)
    // An answer of an earlier life that arrives late says nothing of the present one.
    const higherHere =
      known === undefined ||
      life > known.life ||
      (life === known.life && shown.position > known.shown.position)
    const higherAnywhere = shown.position > this.anywhere.position
    if (!higherHere && !higherAnywhere) return this
    const nodes = higherHere
      ? [...this.#nodes.filter((other) => other !== known), { life, shown }]
      : this.#nodes
    return new Horizon(higherAnywhere ? shown : this.anywhere, nodes)
  }

  /** What a read called at this horizon, and answered by this life of this node, has to show. */
  owedTo(reading: Reading, node: string, life: number): Owed {
    const linearizable = reading.consistency === 'linearizable'
    const shown = linearizable
      ? this.anywhere
      : this.#nodes.find((other) => other.shown.node === node && other.life === life)?.shown
    const minPosition = reading.minPosition ?? 0
    if (minPosition > (shown?.position ?? 0)) {
      return {
        position: minPosition,
        rule: 'below-min-position',
        because: `min_position was ${minPosition}`,
      }
    }
    return {
      position: shown?.position ?? 0,
      rule: linearizable ? 'stale-read' : 'went-back',
      because: shown === undefined ? 'nothing had been shown' : hadShown(shown),
    }
  }
}

export function hadShown(shown: Shown): string {
  return `${shown.node} had shown position ${shown.position} at ${shown.at}`
}
