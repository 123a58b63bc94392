// The state machine with a watch beside it: the same port, and the same answers. What it counts is of no consequence to
// what is decided.

import type { Checkpoint, Entry } from '../../raft/core/types.ts'
import type { StateMachine } from '../../raft/ports.ts'
import type { EntryOutcome } from '../store/types.ts'
import type { Meters } from './meters.ts'

type Machine = StateMachine<EntryOutcome>

export class ObservedStateMachine implements StateMachine<EntryOutcome> {
  readonly #machine: Machine
  readonly #meters: Meters
  readonly #monotonicMs: () => number
  #applyStartMs = 0

  constructor(machine: Machine, meters: Meters, monotonicMs: () => number) {
    this.#machine = machine
    this.#meters = meters
    this.#monotonicMs = monotonicMs
  }

  async apply(entries: readonly Entry[]): Promise<readonly (EntryOutcome | null)[]> {
    this.#applyStartMs = this.#monotonicMs()
    const outcomes = await this.#machine.apply(entries)
    const { eventsPerEntry } = this.#meters
    for (const outcome of outcomes) if (outcome !== null) eventsPerEntry.observe(outcome.count)
    return outcomes
  }

  async stored(): Promise<void> {
    await this.#machine.stored()
    this.#meters.applySeconds.observe((this.#monotonicMs() - this.#applyStartMs) / 1_000)
  }

  async checkpoint(): Promise<Checkpoint> {
    const startMs = this.#monotonicMs()
    const checkpoint = await this.#machine.checkpoint()
    this.#meters.checkpointSeconds.observe((this.#monotonicMs() - startMs) / 1_000)
    return checkpoint
  }

  offer(): Checkpoint {
    this.#meters.snapshotsOffered += 1
    return this.#machine.offer()
  }

  async readChunk(offer: Checkpoint, after: number, bytesMax: number) {
    const chunk = await this.#machine.readChunk(offer, after, bytesMax)
    this.#meters.snapshotBytesSent += chunk.data.length
    return chunk
  }

  installChunk(data: Uint8Array): Promise<number> {
    this.#meters.snapshotBytesReceived += data.length
    return this.#machine.installChunk(data)
  }

  async restore(checkpoint: Checkpoint): Promise<void> {
    await this.#machine.restore(checkpoint)
    this.#meters.snapshotsInstalled += 1
  }

  redoFrom(checkpoint: Checkpoint | null): Promise<void> {
    return this.#machine.redoFrom(checkpoint)
  }

  empty(): Promise<void> {
    return this.#machine.empty()
  }

  shownApplied(): ReturnType<Machine['shownApplied']> {
    return this.#machine.shownApplied()
  }

  beginInstall(offer: Checkpoint): Promise<number> {
    return this.#machine.beginInstall(offer)
  }

  installComplete(): boolean {
    return this.#machine.installComplete()
  }

  verifyInstall(): Promise<boolean> {
    return this.#machine.verifyInstall()
  }

  close(): Promise<void> {
    return this.#machine.close()
  }
}
