// Which faults, on whom, when and for how long: a list drawn from a seed before anything runs.
//
// Pure: the same scenario, seed and number of nodes give the same list. Who leads is known only as it happens, so a
// target may be "the leader"; everything else is a number. Rests and holds keep one fault from running into the next.

import { seededRandom } from '../publish/synthetic.ts'
import type { CutMode, FaultType } from './engine.ts'

export const SCENARIOS = [
  'kill-leader',
  'kill-random',
  'kill-all',
  'pause-leader',
  'partition-leader',
  'one-way',
  'flap',
  'slow-disk',
  'rolling-restart',
  'mixed',
] as const
export type Scenario = (typeof SCENARIOS)[number]

export type Target =
  | { readonly type: 'leader' }
  | { readonly type: 'all' }
  /** Place in the list of nodes. */
  | { readonly type: 'node'; readonly place: number }

export interface PlannedFault {
  readonly type: FaultType
  readonly target: Target
  /** Of links: how they are cut. */
  readonly mode: CutMode
  /** Of one-way: towards the node, or away from it. */
  readonly direction: 'in' | 'out'
  /** Of slow links and slow disks. */
  readonly delayMs: number
  /** Of flapping links: cut and open in turn, for so long each, cut first. */
  readonly flapMs: readonly number[]
}

export interface Step {
  /** Without any fault, before this one. */
  readonly restMs: number
  /** Together; more than one where a second fault meets the first. */
  readonly faults: readonly PlannedFault[]
  readonly holdMs: number
}

interface Span {
  readonly min: number
  readonly max: number
}

const REST_MS: Span = { min: 600, max: 1_400 }
/** Longer than the longest election timeout (1 s), shorter than a client's patience with a node (10 s). */
const HOLD_MS: Span = { min: 1_500, max: 4_000 }
/** A killed node may come back before or after the others have elected. */
const DOWN_MS: Span = { min: 200, max: 2_500 }
const FLAP_MS: Span = { min: 20, max: 600 }
const LINK_DELAY_MS: Span = { min: 5, max: 150 }
/** Merely slow, and slower than the bound (1 s) at which a leader hands over. */
const DISK_DELAYS_MS = [20, 100, 1_500] as const
/** In mixed: how often a second fault meets the first. */
const SECOND_FAULT_SHARE = 0.15

const MODES: readonly CutMode[] = ['drop', 'hold', 'refuse']

/** Endless; take as many as there is time for. `lacking`: faults that cannot be had here. */
export function* schedule(
  scenario: Scenario,
  seed: number,
  nodeCount: number,
  lacking: ReadonlySet<FaultType> = new Set(),
): Generator<Step, never> {
  const draw = new Draw(seed, nodeCount)
  for (let number = 0; ; number += 1) yield step(scenario, number, draw, lacking)
}

/** Faults that a scenario may contain. */
export function faultsOf(scenario: Scenario): readonly FaultType[] {
  switch (scenario) {
    case 'kill-leader':
    case 'kill-random':
    case 'kill-all':
      return ['kill']
    case 'pause-leader':
      return ['pause']
    case 'partition-leader':
      return ['partition']
    case 'one-way':
    case 'flap':
    case 'slow-disk':
      return [scenario]
    case 'rolling-restart':
      return ['restart']
    case 'mixed':
      return MIXED
    default:
      return scenario satisfies never
  }
}

const MIXED: readonly FaultType[] = [
  'kill',
  'pause',
  'partition',
  'one-way',
  'flap',
  'slow-link',
  'slow-disk',
  'restart',
]

function step(
  scenario: Scenario,
  number: number,
  draw: Draw,
  lacking: ReadonlySet<FaultType>,
): Step {
  switch (scenario) {
    case 'kill-leader':
      return draw.step([draw.fault('kill', LEADER)], DOWN_MS)
    case 'kill-random':
      return draw.step([draw.fault('kill', draw.anyNode())], DOWN_MS)
    case 'kill-all':
      return draw.step([draw.fault('kill', { type: 'all' })], DOWN_MS)
    case 'pause-leader':
      return draw.step([draw.fault('pause', LEADER)], HOLD_MS)
    case 'partition-leader':
      return draw.step([draw.fault('partition', LEADER)], HOLD_MS)
    case 'one-way':
    case 'flap':
    case 'slow-disk':
      return draw.step([draw.fault(scenario, draw.leaderOrAny())], HOLD_MS)
    case 'rolling-restart':
      return draw.step([draw.fault('restart', draw.node(number))], DOWN_MS)
    case 'mixed':
      return mixedStep(draw, lacking)
    default:
      return scenario satisfies never
  }
}

function mixedStep(draw: Draw, lacking: ReadonlySet<FaultType>): Step {
  const types = MIXED.filter((type) => !lacking.has(type))
  const type = draw.one(types)
  // Now and then a whole cluster loses power.
  if (type === 'kill' && draw.chance(0.2)) return draw.step([draw.fault(type, ALL)], DOWN_MS)
  const first = draw.fault(type, draw.leaderOrAny())
  const second = draw.chance(SECOND_FAULT_SHARE)
    ? [draw.fault(draw.one(types), draw.anyNode())]
    : []
  return draw.step([first, ...second], HOLD_MS)
}

const LEADER: Target = { type: 'leader' }
const ALL: Target = { type: 'all' }

class Draw {
  readonly #random: () => number
  readonly #nodeCount: number

  constructor(seed: number, nodeCount: number) {
    this.#random = seededRandom(seed)
    this.#nodeCount = nodeCount
  }

  chance(share: number): boolean {
    return this.#random() < share
  }

  one<Value>(values: readonly Value[]): Value {
    return values[Math.floor(this.#random() * values.length)]!
  }

  ms({ min, max }: Span): number {
    return Math.round(min + this.#random() * (max - min))
  }

  node(number: number): Target {
    return { type: 'node', place: number % this.#nodeCount }
  }

  anyNode(): Target {
    return this.node(Math.floor(this.#random() * this.#nodeCount))
  }

  leaderOrAny(): Target {
    return this.chance(0.5) ? LEADER : this.anyNode()
  }

  fault(type: FaultType, target: Target): PlannedFault {
    const slowDisk = type === 'slow-disk'
    return {
      type,
      target,
      mode: this.one(MODES),
      direction: this.one(['in', 'out']),
      delayMs: slowDisk ? this.one(DISK_DELAYS_MS) : this.ms(LINK_DELAY_MS),
      flapMs: type === 'flap' ? this.#flaps() : [],
    }
  }

  step(faults: readonly PlannedFault[], hold: Span): Step {
    return { restMs: this.ms(REST_MS), faults, holdMs: this.ms(hold) }
  }

  /** As long as the longest hold. */
  #flaps(): number[] {
    const flaps: number[] = []
    for (let sum = 0; sum < HOLD_MS.max; sum += flaps.at(-1)!) flaps.push(this.ms(FLAP_MS))
    return flaps
  }
}
