// What a node takes as it grows: memory right under the load, and the disk once it has come to rest, at one, two and five
// million ids.
//
// At rest: the files have not changed for a while, so that logs are cut and tables are merged.

import { setTimeout as sleep } from 'node:timers/promises'
import { diskBytesOf, usageOf } from '../accounting.ts'
import type { Arena, Line, RunResult } from '../arena.ts'
import { fillUpTo } from '../fill.ts'

const MARKS = [1_000_000, 2_000_000, 5_000_000]
const REST_MS = 5_000
const REST_MS_MAX = 120_000
const MIB = 1024 * 1024

export async function size(arena: Arena): Promise<RunResult> {
  const { cluster, settings, tell } = arena
  const marks = settings.events === null ? MARKS : [settings.events]
  const lines: Line[] = []
  let bytesSent = 0
  for (const mark of marks) {
    bytesSent += await fillUpTo(arena, mark)
    const usages = cluster.ids.map((id) => usageOf(cluster.pid(id)!))
    const largest = (values: readonly number[]): number => Math.max(...values)
    tell(`waiting for the disk to rest at ${mark} ids`)
    const disk = largest(await diskAtRest(arena))
    lines.push({
      label: `size at ${mark} ids`,
      values: {
        'RSS under load, largest node': mib(largest(usages.map(({ rssBytes }) => rssBytes))),
        'RSS ever, largest node': mib(largest(usages.map(({ rssPeakBytes }) => rssPeakBytes))),
        'PSS under load, largest node': mib(largest(usages.map(({ pssBytes }) => pssBytes))),
        'without mapped files, largest node': mib(
          largest(usages.map(({ anonymousBytes }) => anonymousBytes)),
        ),
        'RSS at rest, largest node': mib(
          largest(cluster.ids.map((id) => usageOf(cluster.pid(id)!).rssBytes)),
        ),
        'disk, largest node': mib(disk),
        'disk by bytes of events sent, largest node': { value: disk / bytesSent, unit: '' },
      },
    })
  }
  return { lines, faults: [] }
}

function mib(bytes: number): { readonly value: number; readonly unit: string } {
  return { value: bytes / MIB, unit: 'MiB' }
}

async function diskAtRest({ cluster }: Arena): Promise<number[]> {
  const look = (): number[] => cluster.ids.map((id) => diskBytesOf(cluster.dataDir.nodeDir(id)))
  const deadlineMs = performance.now() + REST_MS_MAX
  let before = look()
  for (;;) {
    await sleep(REST_MS)
    const now = look()
    const rests = now.every((bytes, place) => bytes === before[place])
    if (rests || performance.now() > deadlineMs) return now
    before = now
  }
}
