// One process at a time: a lock that the system itself gives back when its holder dies, however it dies.
//
// It is a name that only one process can listen on. Where the system has names that are no files (Linux, Windows) none
// is ever left behind; elsewhere a socket file that nobody answers at is taken over. Two hosts that share a disk, or two
// containers that share a volume, do not see each other's names.

import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'

/** Resolves with what gives the lock back; null: another holds it. `file`: an absolute path without links. */
export async function takeLock(file: string): Promise<(() => Promise<void>) | null> {
  const name = lockName(file)
  let server = await listen(name)
  if (server === null && isFile(name) && !(await isAnswered(name))) {
    rmSync(name, { force: true })
    server = await listen(name)
  }
  if (server === null) return null
  const held = server
  return () => new Promise((resolve) => held.close(() => resolve()))
}

function lockName(file: string): string {
  const name = `sekali-outbox-${createHash('sha256').update(file).digest('hex').slice(0, 32)}`
  if (process.platform === 'linux') return `\0${name}`
  if (process.platform === 'win32') return `\\\\.\\pipe\\${name}`
  return path.join(tmpdir(), `${name}.sock`)
}

function isFile(name: string): boolean {
  return process.platform !== 'win32' && !name.startsWith('\0')
}

function listen(name: string): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(null)
      else reject(error)
    })
    // A lock alone must not keep a program running.
    server.listen(name, () => resolve(server)).unref()
  })
}

function isAnswered(name: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(name, () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
