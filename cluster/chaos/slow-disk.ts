// Makes every synced write of a running process take longer, by strace, which the system may have and allow or not.
//
// strace stops the process at each system call, so the node becomes slower in everything, and at syncs by as much as
// asked for. When strace is ended the process goes on as before.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'

const TRIAL_MS_MAX = 5_000

/** Why disks cannot be slowed on this machine; null: they can. Tried on a process of our own. */
export async function slowDiskLacks(): Promise<string | null> {
  const run = promisify(execFile)
  try {
    await run('strace', [...inject(1), 'true'], { timeout: TRIAL_MS_MAX })
    return null
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
      ? 'strace is not installed'
      : 'strace may not trace processes here'
  }
}

export class SlowDisk {
  readonly #tracer: ChildProcess

  constructor(pid: number, delayMs: number) {
    // -f: the syncs are made by the threads of libuv's pool, not by the main thread.
    this.#tracer = spawn('strace', [...inject(delayMs), '-f', '-p', String(pid)], {
      stdio: 'ignore',
    })
    this.#tracer.on('error', () => {})
  }

  async end(): Promise<void> {
    const { exitCode, signalCode } = this.#tracer
    if (exitCode !== null || signalCode !== null || this.#tracer.pid === undefined) return
    const ended = once(this.#tracer, 'exit')
    // strace lets go of the process and ends; it answers SIGTERM the same way.
    this.#tracer.kill('SIGTERM')
    await ended
  }
}

function inject(delayMs: number): string[] {
  return [
    // The log syncs as it writes, by pwrite; LevelDB writes with write(2), and then syncs.
    ...['-qq', '-o', '/dev/null', '-e', 'trace=pwrite64,fdatasync'],
    ...['-e', `inject=pwrite64,fdatasync:delay_enter=${delayMs * 1_000}`],
  ]
}
