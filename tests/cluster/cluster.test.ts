// Three real processes, walked as a user would: publish through each, kill the leader under load, kill them all,
// compare. What they keep is judged by what was acknowledged, never by how long anything took.

import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type PublishAnswer, publishAnswerSchema } from '../../client/contract/publish.ts'
import { seenAnswerSchema } from '../../client/contract/read.ts'
import { DataDir } from '../../cluster/data-dir.ts'
import { type Answer, NodeClient } from '../../cluster/http.ts'
import { ClusterProcesses } from '../../cluster/processes.ts'

const BASE_PORT = 18_110
const COMMANDS = path.join(import.meta.dirname, '..', '..', 'cluster')
const run = promisify(execFile)

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

interface Id {
  readonly topic: string
  readonly event_id: string
}

const newId = (topic = 'orders'): Id => ({ topic, event_id: randomUUID() })

function committed(answer: Answer): PublishAnswer {
  expect(answer).toMatchObject({ status: 200 })
  return publishAnswerSchema.parse(answer.body)
}

async function publish(client: NodeClient, event: object): Promise<PublishAnswer> {
  return committed(await client.publish(JSON.stringify(event)))
}

/** Where each of the ids stands on that node, in their order. */
async function positionsOn(client: NodeClient, ids: readonly Id[]): Promise<(number | null)[]> {
  const positions: (number | null)[] = []
  for (let start = 0; start < ids.length; start += 5_000) {
    const body = JSON.stringify({ ids: ids.slice(start, start + 5_000) })
    const answer = await client.request('POST', '/seen?consistency=linearizable', body)
    expect(answer).toMatchObject({ status: 200 })
    positions.push(...seenAnswerSchema.parse(answer.body).results.map(({ position }) => position))
  }
  return positions
}

/** `npm run compare` on this cluster: its exit code and what it printed. */
async function compare(): Promise<{ code: number; text: string }> {
  const parameters = [path.join(COMMANDS, 'compare.ts'), '--nodes', cluster.urls.join(',')]
  try {
    return { code: 0, text: (await run(process.execPath, parameters)).stdout }
  } catch (error) {
    const { code, stdout } = error as { code: number; stdout: string }
    return { code, text: stdout }
  }
}

/** Publishes through every node until told to stop, re-sending now and then; remembers what was acknowledged. */
class Load {
  readonly acknowledged = new Map<string, { id: Id; position: number }>()
  /** Answers other than 200, by node, and lost connections. */
  readonly refusals: { node: string; status: number | null }[] = []
  readonly #workers: Promise<void>[]
  #stopped = false
  #count = 0
  readonly #waiting: { count: number; resolve: () => void }[] = []

  constructor(workersPerNode = 2) {
    this.#workers = cluster.ids.flatMap((id, place) =>
      Array.from({ length: workersPerNode }, () => this.#work(id, clients[place]!)),
    )
  }

  /** Resolves when this many more batches have been acknowledged. */
  more(batches: number): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ count: this.#count + batches, resolve }))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#workers)
  }

  async #work(node: string, client: NodeClient): Promise<void> {
    while (!this.#stopped) {
      const fresh = Array.from({ length: 10 }, () => newId('load'))
      const events = [...fresh, fresh[0]!]
      try {
        const answer = await client.publish(JSON.stringify(events))
        if (answer.status === 200) this.#note(committed(answer))
        else this.refusals.push({ node, status: answer.status })
      } catch {
        this.refusals.push({ node, status: null })
        // The node is gone: until it is back there is no answer to wait for, so the others are given the turn.
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
  }

  #note(answer: PublishAnswer): void {
    for (const { topic, event_id, position } of answer.results) {
      this.acknowledged.set(`${topic}/${event_id}`, { id: { topic, event_id }, position })
    }
    this.#count += 1
    for (const waiter of this.#waiting) if (this.#count >= waiter.count) waiter.resolve()
  }
}

/** On every node, each acknowledged event stands at the position that was told, and no position is told twice. */
async function expectAllStored(load: Load): Promise<void> {
  const acknowledged = [...load.acknowledged.values()]
  const positions = acknowledged.map(({ position }) => position)
  expect(new Set(positions).size).toBe(positions.length)
  for (const client of clients) {
    expect(
      await positionsOn(
        client,
        acknowledged.map(({ id }) => id),
      ),
    ).toEqual(positions)
  }
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
    load = new Load()
    await load.more(20)

    const leader = await cluster.waitForAll()
    await cluster.kill(leader, 'SIGKILL')
    await load.more(20)
    cluster.start(leader)
    await cluster.waitForAll()
    await load.more(20)
    await load.stop()

    expect(load.refusals.filter(({ node }) => node !== leader)).toEqual([])
    await expectAllStored(load)
    expect(await compare()).toMatchObject({ code: 0, text: expect.stringContaining('equal at') })
  })

  test('loses nothing when all nodes are killed at once under load', async () => {
    load = new Load()
    await load.more(20)

    await Promise.all(cluster.ids.map((id) => cluster.kill(id, 'SIGKILL')))
    cluster.startAll()
    await cluster.waitForAll()
    await load.more(20)
    await load.stop()

    await expectAllStored(load)
    expect(await compare()).toMatchObject({ code: 0, text: expect.stringContaining('equal at') })
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
