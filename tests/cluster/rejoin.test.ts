// A node of three real processes that has lost something, under load: its directory, what it wrote since a backup, the end
// of its log. Each time it comes back by itself, or refuses with a sentence that says what to do; what was acknowledged is
// on every node in the end. (Why that is so for any history, the simulation shows; here it is true of real files.)

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { DataDir } from '../../cluster/data-dir.ts'
import { NodeClient } from '../../cluster/http.ts'
import { ClusterProcesses, isRefusal, type NodeExit } from '../../cluster/processes.ts'
import { compare, expectAllStored, Load } from './load.ts'

const BASE_PORT = 15_600
const BATCHES = 15
const POLL_MS = 20
const LOG_WRITTEN_MS_MAX = 20_000

let directory: string
let cluster: ClusterProcesses
let clients: NodeClient[]
let load: Load | null = null

beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'sekali-rejoin-'))
  const dataDir = DataDir.open(path.join(directory, 'data'))
  cluster = new ClusterProcesses({ dataDir, count: 3, basePort: BASE_PORT })
  clients = cluster.urls.map((url) => new NodeClient(url, { connections: 32 }))
  cluster.startAll()
  await cluster.waitForAll()
}, 60_000)

afterEach(async () => {
  await load?.stop()
  load = null
})

afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()))
  await cluster.stopAll()
  rmSync(directory, { recursive: true, force: true })
}, 60_000)

const nodeDir = (id: string): string => cluster.dataDir.nodeDir(id)

/** Its process refused to run: what it said to people. */
function refusal(): { of: Promise<NodeExit>; forget: () => void } {
  const { promise, resolve } = Promise.withResolvers<NodeExit>()
  const onExit = (exit: NodeExit) => {
    if (isRefusal(exit.code)) resolve(exit)
  }
  cluster.on('exited', onExit)
  return { of: promise, forget: () => cluster.off('exited', onExit) }
}

/** Resolves once the node says of itself, and all others say of it, that it counts. */
async function counts(id: string): Promise<void> {
  for (;;) {
    const views = await Promise.all(clients.map((client) => client.cluster().catch(() => null)))
    const members = views.map((view) => view?.members.find(({ node_id }) => node_id === id))
    if (members.every((member) => member?.counts === true)) return
    await sleep(POLL_MS)
  }
}

/** The node with this id is down, and `lose` does something to its directory; then it has to find its way back. */
async function comesBackAfter(id: string, lose: () => void): Promise<'rejoined' | NodeExit> {
  load = new Load(clients)
  await load.more(BATCHES)
  await cluster.kill(id, 'SIGKILL')
  lose()
  await load.more(BATCHES) // the two others go on
  const refused = refusal()
  cluster.start(id)
  const outcome = await Promise.race([counts(id).then(() => 'rejoined' as const), refused.of])
  refused.forget()
  if (outcome !== 'rejoined') {
    // What every refusal on damage tells the operator to do, and the node can be rebuilt from its peers.
    rmSync(nodeDir(id), { recursive: true })
    cluster.start(id)
    await counts(id)
  }
  await load.more(BATCHES)
  await load.stop()
  return outcome
}

/** How often some leader has said that it vouches for a new store of this node: it had been found out. */
function vouched(id: string): number {
  const told = cluster.ids.map((other) => readFileSync(cluster.logPath(other), 'utf8'))
  const lines = told.flatMap((text) => text.split('\n'))
  return lines.filter((line) => line.includes('raft: vouch') && line.includes(`"peer":"${id}"`))
    .length
}

/** A node writes its log when it has time. */
const expectVouched = (id: string, moreThan: number) =>
  expect.poll(() => vouched(id), { timeout: LOG_WRITTEN_MS_MAX }).toBeGreaterThan(moreThan)

async function expectNothingLost(): Promise<void> {
  await expectAllStored(load!, clients)
  expect(await compare(cluster.urls)).toMatchObject({
    code: 0,
    text: expect.stringContaining('equal at'),
  })
}

/** Where the last record of the newest segment ends: what follows are the zeros that it was made of. */
function newestSegment(id: string): { file: string; end: number } {
  const log = path.join(nodeDir(id), 'log')
  const named = readdirSync(log).sort()
  const written = named
    .map((name) => path.join(log, name))
    .map((file) => ({ file, end: readFileSync(file).findLastIndex((byte) => byte !== 0) + 1 }))
    .filter(({ end }) => end > 0)
  return written.at(-1)!
}

describe('a node that has lost', () => {
  test.each(['follower', 'leader'])(
    'its directory, as a %s, is given all of it again',
    async (role) => {
      const leader = await cluster.waitForAll()
      const id = role === 'leader' ? leader : cluster.ids.find((other) => other !== leader)!
      const before = vouched(id)

      const outcome = await comesBackAfter(id, () => rmSync(nodeDir(id), { recursive: true }))

      expect(outcome).toBe('rejoined')
      await expectVouched(id, before)
      await expectNothingLost()
    },
  )

  test('what it wrote since a copy of its directory was made finds that out, and rejoins', async () => {
    const leader = await cluster.waitForAll()
    const id = cluster.ids.find((other) => other !== leader)!
    const copy = path.join(directory, 'copy')
    const before = vouched(id)
    await cluster.kill(id, 'SIGKILL')
    cpSync(nodeDir(id), copy, { recursive: true })
    cluster.start(id)
    await cluster.waitForAll()

    const outcome = await comesBackAfter(id, () => {
      rmSync(nodeDir(id), { recursive: true })
      cpSync(copy, nodeDir(id), { recursive: true })
    })

    expect(outcome).toBe('rejoined')
    await expectVouched(id, before)
    await expectNothingLost()
  })

  test.each([7, 3_000])(
    '%i bytes at the end of its log rejoins, or says what to do',
    async (bytes) => {
      const leader = await cluster.waitForAll()
      const id = cluster.ids.find((other) => other !== leader)!

      const outcome = await comesBackAfter(id, () => {
        const { file, end } = newestSegment(id)
        truncateSync(file, end - bytes)
      })

      if (outcome !== 'rejoined')
        expect(outcome.lastWords.join(' ')).toMatch(/delete|remove|empty/i)
      await expectNothingLost()
    },
  )
})
