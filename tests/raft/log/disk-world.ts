// One data directory of the real log, in a temporary place, with small segments and a power switch.

import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LogOnDisk, type LogOnDiskOptions } from '../../../raft/log/log-on-disk.ts'
import type { LogWorld } from '../log-contract.ts'
import { CrashingFiles } from './crashing-files.ts'

export interface DiskWorld extends LogWorld {
  readonly directory: string
  readonly files: CrashingFiles
  open(options?: Partial<LogOnDiskOptions>): LogOnDisk
}

export async function diskWorld(defaults: Partial<LogOnDiskOptions> = {}): Promise<DiskWorld> {
  const parent = await mkdtemp(join(tmpdir(), 'sekali-log-'))
  const directory = join(parent, 'log')
  const files = new CrashingFiles()
  return {
    directory,
    files,
    open: (options) =>
      new LogOnDisk({
        directory,
        nodeId: 'n1',
        members: ['n1', 'n2', 'n3'],
        drawStoreId: () => randomBytes(16).toString('hex'),
        fsync: true,
        segmentBytes: 8192,
        preallocateSliceBytes: 4096,
        keepBytes: 0,
        files: files.process(),
        ...defaults,
        ...options,
      }),
    crashDuring: async (call, step, power, random) => {
      const outcome = await files.killDuring(call, step)
      if (power) await files.cutPower(directory, random)
      return outcome
    },
    dispose: async () => {
      await files.kill()
      await rm(parent, { recursive: true, force: true })
    },
  }
}
