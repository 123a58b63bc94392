// Carries a schedule out: rest, break, hold, mend, wait until the cluster is whole, and again. One step at a time, so
// that each fault meets a cluster that had got over the one before.
//
// It notes when each fault began and ended, whom it hit, and how long it took until a publish was acknowledged again.

import type { Afflictions } from './afflictions.ts'
import type { Engine, FaultType } from './engine.ts'
import type { Meter } from './meter.ts'
import type { PlannedFault, Step, Target } from './scenarios.ts'
import type { Watcher } from './watcher.ts'

/** A fault that happened. Times are milliseconds since the start of the load. */
export interface FaultNote {
  readonly step: number
  readonly type: FaultType
  readonly nodes: readonly string[]
  /** One of the nodes led when it was hit. */
  readonly hitLeader: boolean
  /** For people: "kill n1, the leader". */
  readonly text: string
  readonly fromMs: number
  /** Null while it is in force. */
  toMs: number | null
  /** From the fault to the first acknowledgement of a publish that was sent after it; null: none so far. */
  firstAckMs: number | null
}

export interface InjectorPorts {
  readonly engine: Engine
  readonly watcher: Watcher
  readonly afflictions: Afflictions
  readonly meter: Meter
  now(): number
  /** Shorter where the run is to end. */
  sleep(ms: number): Promise<void>
}

/** After a step, until all nodes answer and follow one leader. */
const WHOLE_MS_MAX = 30_000
const LEADER_MS_MAX = 15_000

export class Injector {
  readonly #ports: InjectorPorts
  readonly notes: FaultNote[] = []
  /** What should not have happened, one sentence each. */
  readonly complaints: string[] = []
  steps = 0

  constructor(ports: InjectorPorts) {
    this.#ports = ports
  }

  get inForce(): readonly FaultNote[] {
    return this.notes.filter(({ toMs }) => toMs === null)
  }

  /** Until `goesOn` says no before a step; a step once begun is carried to its end. */
  async run(schedule: Iterator<Step>, goesOn: (steps: number) => boolean): Promise<void> {
    while (goesOn(this.steps)) {
      const { value: step, done } = schedule.next()
      if (done === true) return
      await this.#ports.sleep(step.restMs)
      if (!goesOn(this.steps)) return
      this.steps += 1
      await this.#carryOut(step)
    }
  }

  async #carryOut(step: Step): Promise<void> {
    const { afflictions, watcher, sleep } = this.#ports
    const leader = await watcher.anyLeader(LEADER_MS_MAX)
    const faults = step.faults.map((fault) => ({
      fault,
      nodes: this.#nodesOf(fault.target, leader),
    }))
    const hit = faults.flatMap(({ nodes }) => nodes)
    // Before the fault and until it is got over: a node that is about to die has an excuse.
    afflictions.begin(hit)
    const notes: FaultNote[] = []
    for (const { fault, nodes } of faults) {
      const note = this.#note(fault, nodes, leader)
      notes.push(note)
      await this.#break(fault, nodes)
      this.#measure(note)
    }
    const flapping = faults.flatMap(({ fault, nodes }) =>
      fault.type === 'flap' ? [this.#flap(fault, nodes, step.holdMs)] : [],
    )
    await sleep(step.holdMs)
    await Promise.all(flapping)
    for (const { fault, nodes } of faults) await this.#mend(fault, nodes)
    for (const note of notes) note.toMs = this.#ports.now()
    if (!(await watcher.whole(WHOLE_MS_MAX))) {
      this.complaints.push(
        `${WHOLE_MS_MAX / 1_000} s after "${notes.map(({ text }) => text).join(' and ')}" ` +
          'had ended, the nodes did not all follow one leader.',
      )
    }
    afflictions.end(hit)
  }

  #nodesOf(target: Target, leader: string | null): readonly string[] {
    const { ids } = this.#ports.engine
    switch (target.type) {
      case 'all':
        return ids
      case 'leader':
        return [leader ?? ids[0]!]
      case 'node':
        return [ids[target.place]!]
      default:
        return target satisfies never
    }
  }

  #note(fault: PlannedFault, nodes: readonly string[], leader: string | null): FaultNote {
    const note: FaultNote = {
      step: this.steps,
      type: fault.type,
      nodes,
      hitLeader: leader !== null && nodes.includes(leader),
      text: textOf(fault, nodes, leader),
      fromMs: this.#ports.now(),
      toMs: null,
      firstAckMs: null,
    }
    this.notes.push(note)
    return note
  }

  /**
   * Of publishes that were sent when the fault was in force, as what was sent before may have been answered before. The
   * time is that from its beginning, which errs on the long side; a node that takes its leave does so at its own pace.
   */
  #measure(note: FaultNote): void {
    const { meter, now } = this.#ports
    const inForceMs = now()
    const fromMs = note.type === 'restart' ? inForceMs : note.fromMs
    void meter.firstAfter(inForceMs).then((atMs) => {
      note.firstAckMs = atMs - fromMs
    })
  }

  async #break(fault: PlannedFault, nodes: readonly string[]): Promise<void> {
    const { engine } = this.#ports
    await Promise.all(nodes.map((id) => breakNode(engine, fault, id)))
  }

  async #mend(fault: PlannedFault, nodes: readonly string[]): Promise<void> {
    const { engine } = this.#ports
    await Promise.all(nodes.map((id) => mendNode(engine, fault, id)))
  }

  /** Cut, open, cut … for as long as the fault holds. */
  async #flap(fault: PlannedFault, nodes: readonly string[], holdMs: number): Promise<void> {
    const { engine, now, sleep } = this.#ports
    const endMs = now() + holdMs
    for (const [turn, lengthMs] of fault.flapMs.entries()) {
      const leftMs = endMs - now()
      if (leftMs <= 0) return
      const cut = { type: 'cut', direction: 'both', mode: fault.mode } as const
      const condition = turn % 2 === 0 ? cut : ({ type: 'open' } as const)
      await Promise.all(nodes.map((id) => engine.setLinks(id, condition)))
      await sleep(Math.min(lengthMs, leftMs))
    }
  }
}

async function breakNode(engine: Engine, fault: PlannedFault, id: string): Promise<void> {
  const { type, mode, direction, delayMs } = fault
  switch (type) {
    case 'kill':
      return engine.kill(id)
    case 'restart':
      return engine.stop(id)
    case 'pause':
      return engine.pause(id)
    case 'partition':
      return engine.setLinks(id, { type: 'cut', direction: 'both', mode })
    case 'one-way':
      return engine.setLinks(id, { type: 'cut', direction, mode })
    case 'flap':
      return
    case 'slow-link':
      return engine.setLinks(id, { type: 'delay', delayMs })
    case 'slow-disk':
      return engine.slowDisk(id, delayMs)
    default:
      return type satisfies never
  }
}

async function mendNode(engine: Engine, { type }: PlannedFault, id: string): Promise<void> {
  switch (type) {
    case 'kill':
    case 'restart':
      return engine.start(id)
    case 'pause':
      return engine.resume(id)
    case 'partition':
    case 'one-way':
    case 'flap':
    case 'slow-link':
      return engine.setLinks(id, { type: 'open' })
    case 'slow-disk':
      return engine.slowDisk(id, 0)
    default:
      return type satisfies never
  }
}

function textOf(fault: PlannedFault, nodes: readonly string[], leader: string | null): string {
  const { type, mode, direction, delayMs } = fault
  const whom =
    nodes.length > 1 ? 'all nodes' : nodes[0] === leader ? `${nodes[0]}, the leader` : nodes[0]!
  switch (type) {
    case 'kill':
    case 'restart':
    case 'pause':
      return `${type} ${whom}`
    case 'partition':
      return `cut off ${whom} (${mode})`
    case 'one-way':
      return `cut all links ${direction === 'in' ? 'to' : 'from'} ${whom} (${mode})`
    case 'flap':
      return `flapping links of ${whom} (${mode})`
    case 'slow-link':
      return `links of ${whom} slower by ${delayMs} ms`
    case 'slow-disk':
      return `disk of ${whom} slower by ${delayMs} ms`
    default:
      return type satisfies never
  }
}
