// Three real processes, walked as a user would: publish through each, kill the leader under load, kill them all,
// compare. What they keep is judged by what was acknowledged, never by how long anything took.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { PublishAnswer } from '../../client/contract/publish.ts'
import { DataDir } from '../../cluster/data-dir.ts'
import { NodeClient } from '../../cluster/http.ts'
import { ClusterProcesses } from '../../cluster/processes.ts'
import { committed, compare, expectAllStored, Load, newId, run } from './load.ts'

const BASE_PORT = 18_110
const COMMANDS = path.join(import.meta.dirname, '..', '..', 'cluster')

let directory: string
let cluster: ClusterProcesses
let clients: NodeClient[]
let load: Load | null = null

beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'sekali-walk-'))
  const dataDir = DataDir.open(path.join(directory, 'data'))
  cluster = new ClusterProcesses({ dataDir, count: 3, basePort: BASE_PORT })
  clients = cluster.urls.map((url) => new NodeClient(url, { connections: 32 }))
  cluster.startAll()
  await cluster.waitForAll()
}, 60_000)

afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()))
  await cluster.stopAll()
  rmSync(directory, { recursive: true, force: true })
}, 60_000)

// A load whose test has failed must not run on into the next.
afterEach(async () => {
  await load?.stop()
  load = null
})

async function publish(client: NodeClient, event: object): Promise<PublishAnswer> {
  return committed(await client.publish(JSON.stringify(event)))
}

describe('a cluster of three processes', () => {
  test('takes an event at each node: accepted once, a duplicate ever after, at the same position', async () => {
    const event = { ...newId(), payload: { total: 42 } }

    const answers: PublishAnswer[] = []
    for (const client of [...clients, ...clients]) answers.push(await publish(client, event))

    expect(answers.map(({ results }) => results[0]!.outcome)).toEqual([
      'accepted',
      ...Array(5).fill('duplicate'),
    ])
    expect(new Set(answers.map(({ results }) => results[0]!.position)).size).toBe(1)
  })

  test('tells in each answer a position that includes what it answers, also beside those who follow', async () => {
    const following = new AbortController()
    for (const url of cluster.urls) {
      const stream = await fetch(`${url}/subscribe`, { signal: following.signal })
      expect(stream.status).toBe(200)
    }
    for (let round = 0; round < 30; round++) {
      const answer = await clients[round % 3]!.publish(JSON.stringify({ ...newId(), payload: {} }))
      const [result] = committed(answer).results
      expect(answer.position).toBeGreaterThanOrEqual(result!.position!)
    }
    following.abort()
  })

  test('of 50 equal publishes in parallel, exactly one is accepted', async () => {
    const event = { ...newId('race'), payload: {} }

    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, place) => publish(clients[place % 3]!, event)),
    )

    const results = answers.map((answer) => answer.results[0]!)
    expect(results.filter(({ outcome }) => outcome === 'accepted')).toHaveLength(1)
    expect(new Set(results.map(({ position }) => position)).size).toBe(1)
  })

  test('loses nothing, and no surviving node answers with an error, when the leader is killed', async () => {
    load = new Load(clients)
    await load.more(20)

    const leader = await cluster.waitForAll()
    await cluster.kill(leader, 'SIGKILL')
    await load.more(20)
    cluster.start(leader)
    await cluster.waitForAll()
    await load.more(20)
    await load.stop()

    expect(load.refusals.filter(({ node }) => node !== leader)).toEqual([])
    await expectAllStored(load, clients)
    expect(await compare(cluster.urls)).toMatchObject({
      code: 0,
      text: expect.stringContaining('equal at'),
    })
  })

  test('loses nothing when all nodes are killed at once under load', async () => {
    load = new Load(clients)
    await load.more(20)

    await Promise.all(cluster.ids.map((id) => cluster.kill(id, 'SIGKILL')))
    cluster.startAll()
    await cluster.waitForAll()
    await load.more(20)
    await load.stop()

    await expectAllStored(load, clients)
    expect(await compare(cluster.urls)).toMatchObject({
      code: 0,
      text: expect.stringContaining('equal at'),
    })
  })

  test('is compared as not equal while a node is missing', async () => {
    await cluster.stop('n3')

    const parameters = ['--nodes', cluster.urls.join(','), '--wait', '1']
    const strict = run(process.execPath, [path.join(COMMANDS, 'compare.ts'), ...parameters])
    await expect(strict).rejects.toMatchObject({
      code: 1,
      stdout: expect.stringContaining('does not answer (connection refused)'),
    })
    const lenient = await run(process.execPath, [
      path.join(COMMANDS, 'compare.ts'),
      ...parameters,
      '--allow-missing',
    ])
    expect(lenient.stdout).toContain('of 2 nodes')

    cluster.start('n3')
    await cluster.waitForAll()
  })

  test('is published to by command: the second time, everything is a duplicate', async () => {
    const parameters = [
      path.join(COMMANDS, 'publish.ts'),
      ...['--url', cluster.urls.join(','), '--events', '500', '--duplicate', '0', '--seed', '7'],
    ]

    const first = await run(process.execPath, parameters)
    const second = await run(process.execPath, parameters)

    expect(first.stdout).toMatch(/^accepted +500$/m)
    expect(second.stdout).toMatch(/^accepted +0$/m)
    expect(second.stdout).toMatch(/^duplicates +500 \(100\.0 %\)$/m)
    expect(second.stdout).toMatch(/^conflicts +0$/m)
  })

  test('stops cleanly: every node ends by itself with exit code 0', async () => {
    const codes: (number | null)[] = []
    cluster.on('exited', ({ code }) => codes.push(code))

    await Promise.all(cluster.ids.map((id) => cluster.stop(id)))

    expect(codes).toEqual([0, 0, 0])
  })
})
