// The log port as the simulated disk serves it: late, failing or hanging, and seen by the checkers.
//
// What the log itself does with a write, and what a crash leaves of it, is SimLog's affair.

import type { Entry, Index } from '../../raft/core/types.ts'
import type { LoadedLog, LogStorage, LogWrite } from '../../raft/ports.ts'
import type { Observed, Observers } from './observer.ts'
import type { SimLogCall, SimLogDisk } from './sim-log.ts'
import type { Stream } from './stream.ts'
import type { World } from './world.ts'

/** The disk said no because the simulation told it to: the process has to end, and that is no bug. */
export class InjectedFault extends Error {
  override name = 'InjectedFault'
}

/** Of one node's disk. Times in microseconds, rates from 0 to 1. */
export interface DiskWeather {
  readonly syncMinUs: number
  readonly syncMeanUs: number
  /** How likely a write takes about slowUs instead. */
  readonly slow: number
  readonly slowUs: number
  /** How likely a write fails, and the process with it. */
  readonly fail: number
  /** How likely a write never returns. */
  readonly hang: number
  /** How likely a call to the store takes about storeUs instead of no time. */
  readonly storeSlow: number
  readonly storeUs: number
}

export const GOOD_DISK: DiskWeather = {
  syncMinUs: 200,
  syncMeanUs: 1_000,
  slow: 0,
  slowUs: 0,
  fail: 0,
  hang: 0,
  storeSlow: 0.1,
  storeUs: 500,
}

/** How long a call takes; null: for ever. */
export function logDelayUs(call: SimLogCall, weather: DiskWeather, random: Stream): number | null {
  if (call !== 'append')
    return random.chance(weather.storeSlow) ? 1 + random.exponential(weather.storeUs) : 0
  if (random.chance(weather.hang)) return null
  if (random.chance(weather.slow)) return 1 + random.exponential(weather.slowUs)
  const { syncMinUs, syncMeanUs } = weather
  return syncMinUs + random.exponential(Math.max(1, syncMeanUs - syncMinUs))
}

export interface LogProbeOptions {
  readonly node: Observed & { readonly diskWeather: DiskWeather; writingSinceUs: number | null }
  readonly inner: LogStorage
  readonly disk: SimLogDisk
  readonly world: World
  readonly observers: Observers
  readonly checkpointBytes: number
}

export class LogProbe implements LogStorage {
  readonly #options: LogProbeOptions

  constructor(options: LogProbeOptions) {
    this.#options = options
  }

  async load(): Promise<LoadedLog> {
    const loaded = await this.#options.inner.load()
    this.#options.observers.loaded(this.#options.node, loaded)
    return loaded
  }

  async append(write: LogWrite): Promise<void> {
    const { node, inner, disk, world, observers } = this.#options
    const random = world.streams.disk
    node.writingSinceUs = world.nowUs
    world.unsettled()
    observers.writing(node, write)
    if (random.chance(node.diskWeather.fail)) {
      const code = random.chance(0.5) ? 'EIO' : 'ENOSPC'
      disk.failNextAppend({ code, written: random.chance(0.5) })
    }
    try {
      await inner.append(write)
    } catch (cause) {
      const { code } = cause as { code?: string }
      const injected = code === 'EIO' || code === 'ENOSPC'
      throw injected ? new InjectedFault('the disk refused a write', { cause }) : cause
    }
    node.writingSinceUs = null
    observers.durable(node, write)
  }

  read(from: Index, to: Index, bytesMax: number): Promise<readonly Entry[] | 'compacted'> {
    this.#options.world.unsettled()
    this.#options.observers.reached('a follower is fed from disk')
    return this.#options.inner.read(from, to, bytesMax)
  }

  async removeBefore(index: Index): Promise<Index> {
    this.#options.world.unsettled()
    this.#options.observers.removing(this.#options.node, index)
    return this.#options.inner.removeBefore(index)
  }

  bytesSinceCheckpoint(): number {
    const bytes = this.#options.inner.bytesSinceCheckpoint()
    // The replica may now begin a checkpoint, and that is made of promises.
    if (bytes >= this.#options.checkpointBytes) this.#options.world.unsettled()
    return bytes
  }

  close(): Promise<void> {
    return this.#options.inner.close()
  }
}
