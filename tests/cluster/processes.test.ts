// Handling of node processes, tried on a stub that ends on command; the real node is walked in cluster.test.ts.

import { once } from 'node:events'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { DataDir } from '../../cluster/data-dir.ts'
import { portsOf, unusablePorts } from '../../cluster/ports.ts'
import { ProcessLog } from '../../cluster/process-log.ts'
import {
  agreedLeader,
  type ClusterOptions,
  ClusterProcesses,
  exitText,
} from '../../cluster/processes.ts'

const STUB = path.join(import.meta.dirname, 'stub-node.mjs')
const BASE_PORT = 18_140
const cleanUps: (() => unknown)[] = []

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

function temporaryDirectory(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'sekali-cluster-'))
  cleanUps.push(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

function stubCluster(options: Partial<ClusterOptions> = {}): ClusterProcesses {
  const dataDir = DataDir.open(path.join(temporaryDirectory(), 'data'))
  const cluster = new ClusterProcesses({
    dataDir,
    count: 3,
    basePort: BASE_PORT,
    entry: STUB,
    ...options,
  })
  cleanUps.push(() => cluster.stopAll())
  return cluster
}

describe('processes', () => {
  test('three nodes start, agree on a leader, and stop with nothing left running', async () => {
    const cluster = stubCluster()

    cluster.startAll()
    const leader = await cluster.waitForLeader()
    const running = cluster.running
    await cluster.stopAll()

    expect(leader).toBe('n1')
    expect(running).toEqual(['n1', 'n2', 'n3'])
    expect(cluster.running).toEqual([])
  })

  test('a killed node is started again under supervision, and its end is told', async () => {
    const cluster = stubCluster({ supervise: true })
    cluster.startAll()
    await cluster.waitForLeader()
    const pidBefore = cluster.pid('n2')

    const restarting = once(cluster, 'restarting')
    cluster.signal('n2', 'SIGKILL')
    const [exit] = await restarting
    await once(cluster, 'started')

    expect(exit).toMatchObject({ id: 'n2', signal: 'SIGKILL', wanted: false })
    expect(cluster.pid('n2')).not.toBe(pidBefore)
  })

  test('a node that we killed stays dead until it is started', async () => {
    const cluster = stubCluster({ supervise: true })
    cluster.startAll()
    await cluster.waitForLeader()

    await cluster.kill('n3')
    const runningAfterKill = cluster.running
    cluster.start('n3')

    expect(runningAfterKill).toEqual(['n1', 'n2'])
    expect(cluster.running).toEqual(['n1', 'n2', 'n3'])
  })

  test('a node that refuses to run is not started again, and what it said is handed on', async () => {
    const cluster = stubCluster({ supervise: true, env: { STUB_EXIT: '4' } })

    const refused = once(cluster, 'refused')
    cluster.start('n1')
    const [exit] = await refused

    expect(exit).toMatchObject({ code: 4, wanted: false })
    expect(exitText(exit)).toBe('n1 ended (exit code 4): the log is damaged')
    expect(cluster.running).toEqual([])
  })

  test('waiting for a leader ends at once when two of three nodes have refused', async () => {
    const cluster = stubCluster({ supervise: true, env: { STUB_EXIT: '2' } })
    cluster.startAll()

    await expect(cluster.waitForLeader(60_000)).rejects.toThrow(
      /too many nodes have ended for a leader: n\d ended \(exit code 2\)/,
    )
  })

  test('a node deaf to SIGTERM is killed when its time is up', async () => {
    const cluster = stubCluster({ envOf: (id) => (id === 'n1' ? { STUB_DEAF: '1' } : {}) })
    cluster.startAll()
    await cluster.waitForLeader()

    const exited = once(cluster, 'exited')
    await cluster.stop('n1', 50)
    const [exit] = await exited

    expect(exit).toMatchObject({ id: 'n1', signal: 'SIGKILL', wanted: true })
  })

  test('a paused node can be stopped', async () => {
    const cluster = stubCluster()
    cluster.startAll()
    await cluster.waitForLeader()

    cluster.signal('n2', 'SIGSTOP')
    await cluster.stop('n2')

    expect(cluster.running).toEqual(['n1', 'n3'])
  })
})

describe('the leader agreed on', () => {
  const view = (role: 'leader' | 'follower', term: number, leader_id: string | null) => ({
    role,
    term,
    leader_id,
  })

  test('is one that a majority names in its term', () => {
    const stats = new Map([
      ['n1', view('follower', 2, 'n2')],
      ['n2', view('leader', 2, 'n2')],
      ['n3', null],
    ])

    expect(agreedLeader(stats, 3)).toBe('n2')
  })

  test('is nobody while a deposed leader still believes in itself alone', () => {
    const stats = new Map([
      ['n1', view('leader', 1, 'n1')],
      ['n2', view('follower', 2, null)],
      ['n3', view('follower', 2, null)],
    ])

    expect(agreedLeader(stats, 3)).toBeNull()
  })
})

describe('the data directory', () => {
  test('is refused where it holds other things, and nothing is touched', () => {
    const directory = temporaryDirectory()
    appendFileSync(path.join(directory, 'thesis.tex'), 'hello')

    expect(() => DataDir.open(directory)).toThrow(/holds other things \(thesis\.tex\)/)

    expect(readFileSync(path.join(directory, 'thesis.tex'), 'utf8')).toBe('hello')
  })

  test('is refused while another start uses it, and given free by release', () => {
    const directory = path.join(temporaryDirectory(), 'data')
    const dataDir = DataDir.open(directory)

    expect(() => DataDir.open(directory)).toThrow(`in use by another start (pid ${process.pid})`)
    dataDir.release()
    expect(() => DataDir.open(directory)).not.toThrow()
  })

  test('is emptied of node directories and logs, and keeps its secret', () => {
    const dataDir = DataDir.open(path.join(temporaryDirectory(), 'data'))
    const secret = dataDir.secret()
    new ProcessLog(dataDir.logPath('n1')).openForProcess()

    dataDir.empty()

    expect(() => statSync(dataDir.logPath('n1'))).toThrow('ENOENT')
    expect(dataDir.secret()).toBe(secret)
  })

  test('keeps a secret that only its owner can read', () => {
    const dataDir = DataDir.open(path.join(temporaryDirectory(), 'data'))

    const secret = dataDir.secret()

    expect(secret).toMatch(/^[0-9a-f]{64}$/)
    expect(statSync(path.join(dataDir.path, 'secret')).mode & 0o777).toBe(0o600)
  })
})

describe('the log file of a process', () => {
  test('is turned over when it has grown too large, keeping one older file', () => {
    const file = path.join(temporaryDirectory(), 'n1.log')
    const log = new ProcessLog(file, 100)
    log.openForProcess()
    appendFileSync(file, `${'a'.repeat(150)}\n`)

    log.rotateIfLarge()
    appendFileSync(file, 'b\n')

    expect(readFileSync(file, 'utf8')).toBe('b\n')
    expect(statSync(`${file}.1`).size).toBe(151)
  })

  test('tells only what the present process said', () => {
    const file = path.join(temporaryDirectory(), 'n1.log')
    appendFileSync(file, 'from an earlier life\n')
    const log = new ProcessLog(file)
    log.openForProcess()

    appendFileSync(file, '{"msg":"listening"}\nsekali n1: PORT=x: is wrong\nsekali: bye\n')

    expect(log.lastWords()).toEqual(['PORT=x: is wrong', 'bye'])
  })

  test('tells the message of an error that nobody caught, not what stands around it', () => {
    const file = path.join(temporaryDirectory(), 'n1.log')
    const log = new ProcessLog(file)
    log.openForProcess()

    appendFileSync(file, '  throw x\n  ^\n\nError: broken\n    at a.ts:1\n\nNode.js v24.1.0\n')

    expect(log.lastWords()).toEqual(['Error: broken'])
  })
})

describe('ports', () => {
  test('clients and peers are numbered alike', () => {
    expect(portsOf(2, 8001)).toEqual([
      { id: 'n1', port: 8001, peerPort: 9001 },
      { id: 'n2', port: 8002, peerPort: 9002 },
    ])
  })

  test('one that somebody listens on is found, a free one is not', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    cleanUps.push(() => server.close())
    await once(server, 'listening')
    const { port } = server.address() as { port: number }

    expect(await unusablePorts([port, BASE_PORT + 50])).toEqual([{ port, code: 'EADDRINUSE' }])
  })
})
