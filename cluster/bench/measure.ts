// One measurement: warm up, let the disk settle, look, run the load, look again.

import { performance } from 'node:perf_hooks'
import { deviceUsageOf, flushFiles, type ProcessUsage, usageOf } from './accounting.ts'
import type { Load } from './closed-loop.ts'

/** Figures of one stretch of load. */
export interface Measured {
  readonly seconds: number
  readonly operations: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** Seconds for 100,000 operations. */
  readonly cpu: { readonly nodes: Readonly<Record<string, number>>; readonly client: number }
  readonly rssBytes: Readonly<Record<string, number>>
  readonly rssPeakBytes: Readonly<Record<string, number>>
  readonly pssBytes: Readonly<Record<string, number>>
  readonly anonymousBytes: Readonly<Record<string, number>>
  /** By the device, for all nodes together, for each operation; null where the system does not tell. */
  readonly writtenBytes: number | null
  /** Of the device, a second. */
  readonly flushesPerSecond: number | null
  readonly failed: number
  readonly firstFailure: string | null
}

export interface MeasureOptions {
  readonly warmUpMs: number
  /** Another load to warm up with. */
  readonly warmUp?: Load
  readonly milliseconds: number
  /** Name of a node → its pid. */
  readonly pids: ReadonlyMap<string, number>
  /** On the disk that is looked at. */
  readonly directory: string
}

const CPU_PER = 100_000
const US_PER_MS = 1_000
const US_PER_S = 1_000_000

export async function measure(load: Load, options: MeasureOptions): Promise<Measured> {
  const { warmUpMs, milliseconds, pids, directory } = options
  const warming = options.warmUp ?? load
  const usages = (): Map<string, ProcessUsage> =>
    new Map([...pids].map(([id, pid]) => [id, usageOf(pid)]))
  const warmUp = warmUpMs > 0 ? await warming.run(warmUpMs) : null
  flushFiles(directory)

  const before = usages()
  const diskBefore = deviceUsageOf(directory)
  const cpuBefore = process.cpuUsage()
  const startMs = performance.now()
  const figures = await load.run(milliseconds)
  const wallSeconds = (performance.now() - startMs) / 1_000
  const client = process.cpuUsage(cpuBefore)
  const after = usages()
  // What is acknowledged but still on its way to the disk (LevelDB's files, say) is part of the price.
  flushFiles(directory)
  const diskAfter = deviceUsageOf(directory)

  const { operations, seconds, latency } = figures
  const perOperation = (value: number): number => value / Math.max(1, operations)
  const each = (value: (id: string, usage: ProcessUsage) => number): Record<string, number> =>
    Object.fromEntries([...after].map(([id, usage]) => [id, value(id, usage)]))
  const disk = diskBefore === null || diskAfter === null ? null : { diskBefore, diskAfter }
  return {
    seconds,
    operations,
    perSecond: operations / seconds,
    p50Ms: latency.percentile(50) / US_PER_MS,
    p95Ms: latency.percentile(95) / US_PER_MS,
    p99Ms: latency.percentile(99) / US_PER_MS,
    maxMs: latency.max / US_PER_MS,
    cpu: {
      nodes: each((id, usage) =>
        perOperation(CPU_PER * (usage.cpuSeconds - before.get(id)!.cpuSeconds)),
      ),
      client: perOperation((CPU_PER * (client.user + client.system)) / US_PER_S),
    },
    rssBytes: each((_, usage) => usage.rssBytes),
    rssPeakBytes: each((_, usage) => usage.rssPeakBytes),
    pssBytes: each((_, usage) => usage.pssBytes),
    anonymousBytes: each((_, usage) => usage.anonymousBytes),
    writtenBytes: disk && perOperation(disk.diskAfter.writtenBytes - disk.diskBefore.writtenBytes),
    flushesPerSecond: disk && (disk.diskAfter.flushes - disk.diskBefore.flushes) / wallSeconds,
    failed: figures.failed + (warmUp?.failed ?? 0),
    firstFailure: warmUp?.firstFailure ?? figures.firstFailure,
  }
}
