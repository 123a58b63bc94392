// The folder that `sekali start` keeps everything in: one directory per node, their logs, the shared secret.
//
//   DIR/.sekali       says that this folder is ours; nothing is ever deleted where it is missing
//   DIR/running.json  who uses the folder now: the process that started the nodes, and the nodes
//   DIR/secret        CLUSTER_SECRET, drawn once, readable by its owner only
//   DIR/n1 …          DATA_DIR of each node
//   DIR/logs/n1.log   what each node printed
//
// Knows nothing of what a node keeps in its own directory.

import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { CommandError } from './args.ts'

const MARK = '.sekali'
const NODE_DIRECTORY = /^n\d+$/
const OURS = new Set([MARK, 'running.json', 'secret', 'logs'])

/** A process, told apart from a later one that was given the same pid. */
export interface ProcessMark {
  readonly pid: number
  /** Clock ticks from boot to its start; null where the system does not tell. */
  readonly startedTicks: number | null
}

interface Running {
  readonly starter: ProcessMark
  readonly nodes: Record<string, ProcessMark>
}

export class DataDir {
  readonly path: string
  readonly #nodes = new Map<string, ProcessMark>()

  private constructor(directory: string) {
    this.path = directory
  }

  /** Takes the folder for this process. Refuses one that holds anything else, or that is in use. */
  static open(directory: string): DataDir {
    try {
      return DataDir.#take(directory)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === undefined) throw error
      throw new CommandError(`${directory} cannot be used as data directory (${code})`)
    }
  }

  static #take(directory: string): DataDir {
    const dataDir = new DataDir(path.resolve(directory))
    mkdirSync(dataDir.path, { recursive: true })
    const strangers = readdirSync(dataDir.path).filter((name) => !isOurName(name))
    if (strangers.length > 0 && !existsSync(path.join(dataDir.path, MARK))) {
      throw new CommandError(
        `${directory} holds other things (${strangers.slice(0, 3).join(', ')}): give --data an empty or new directory`,
      )
    }
    dataDir.#refuseIfInUse(directory)
    writeFileSync(path.join(dataDir.path, MARK), 'Made by `sekali start`; --fresh may empty it.\n')
    mkdirSync(path.join(dataDir.path, 'logs'), { recursive: true })
    dataDir.#writeRunning()
    return dataDir
  }

  /** Deletes what the nodes stored and printed; the secret stays. */
  empty(): void {
    for (const name of readdirSync(this.path)) {
      if (!NODE_DIRECTORY.test(name) && name !== 'logs') continue
      rmSync(path.join(this.path, name), { recursive: true, force: true })
    }
    mkdirSync(path.join(this.path, 'logs'), { recursive: true })
  }

  nodeDir(id: string): string {
    return path.join(this.path, id)
  }

  logPath(id: string): string {
    return path.join(this.path, 'logs', `${id}.log`)
  }

  /** The same secret at each start; made at the first. */
  secret(): string {
    const file = path.join(this.path, 'secret')
    if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString('hex'), { mode: 0o600 })
    if ((statSync(file).mode & 0o077) !== 0) chmodSync(file, 0o600)
    const secret = readFileSync(file, 'utf8').trim()
    if (secret === '') throw new CommandError(`${file} is empty: delete it to have a new one made`)
    return secret
  }

  /** Notes that a node runs, so that a later start can name it should this process vanish. */
  noteNode(id: string, pid: number | null): void {
    if (pid === null) this.#nodes.delete(id)
    else this.#nodes.set(id, markOf(pid))
    this.#writeRunning()
  }

  /** Another process may take the folder from here on. */
  release(): void {
    rmSync(path.join(this.path, 'running.json'), { force: true })
  }

  #refuseIfInUse(directory: string): void {
    const running = this.#readRunning()
    if (running === null) return
    if (isAlive(running.starter)) {
      throw new CommandError(
        `${directory} is in use by another start (pid ${running.starter.pid}): end that one, or give --data another directory`,
      )
    }
    const orphans = Object.entries(running.nodes).filter(([, mark]) => isAlive(mark))
    if (orphans.length > 0) {
      const names = orphans.map(([id, mark]) => `${id} (pid ${mark.pid})`).join(', ')
      const pids = orphans.map(([, mark]) => mark.pid).join(' ')
      throw new CommandError(
        `${names} of an earlier start that was killed still run on ${directory}: end them with kill ${pids}`,
      )
    }
  }

  #readRunning(): Running | null {
    try {
      return JSON.parse(readFileSync(path.join(this.path, 'running.json'), 'utf8'))
    } catch {
      // Missing, or cut short by a crash of its writer: then the ports tell whether somebody is there.
      return null
    }
  }

  #writeRunning(): void {
    const running: Running = {
      starter: markOf(process.pid),
      nodes: Object.fromEntries(this.#nodes),
    }
    writeFileSync(path.join(this.path, 'running.json'), `${JSON.stringify(running)}\n`)
  }
}

export function markOf(pid: number): ProcessMark {
  return { pid, startedTicks: startedTicksOf(pid) }
}

export function isAlive(mark: ProcessMark): boolean {
  try {
    process.kill(mark.pid, 0)
  } catch (error) {
    // EPERM: there is such a process, but it is somebody else's.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  return mark.startedTicks === null || startedTicksOf(mark.pid) === mark.startedTicks
}

/**
 * Field 22 of /proc/PID/stat; null for a process that has ended but was not waited for (Z). The second field, a
 * name in brackets, may hold spaces and brackets itself.
 */
function startedTicksOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[19] === undefined ? null : Number(fields[19])
  } catch {
    return null
  }
}

function isOurName(name: string): boolean {
  return (
    OURS.has(name) || NODE_DIRECTORY.test(name) || name.startsWith('.') || name === 'lost+found'
  )
}
