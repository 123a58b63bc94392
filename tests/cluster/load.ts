// A load on real processes, and the proof that none of what it was told is missing afterwards.

import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import { type PublishAnswer, publishAnswerSchema } from '../../client/contract/publish.ts'
import { seenAnswerSchema } from '../../client/contract/read.ts'
import type { Answer, NodeClient } from '../../cluster/http.ts'

const COMMANDS = path.join(import.meta.dirname, '..', '..', 'cluster')
export const run = promisify(execFile)

export interface Id {
  readonly topic: string
  readonly event_id: string
}

export const newId = (topic = 'orders'): Id => ({ topic, event_id: randomUUID() })

export function committed(answer: Answer): PublishAnswer {
  expect(answer).toMatchObject({ status: 200 })
  return publishAnswerSchema.parse(answer.body)
}

/** Publishes through every node until told to stop, re-sending now and then; remembers what was acknowledged. */
export class Load {
  readonly acknowledged = new Map<string, { id: Id; position: number }>()
  /** Answers other than 200, by node, and lost connections. */
  readonly refusals: { node: string; status: number | null }[] = []
  readonly #workers: Promise<void>[]
  #stopped = false
  #count = 0
  readonly #waiting: { count: number; resolve: () => void }[] = []

  /** `clients` in the order of their nodes, n1 first. */
  constructor(clients: readonly NodeClient[], workersPerNode = 2) {
    this.#workers = clients.flatMap((client, place) =>
      Array.from({ length: workersPerNode }, () => this.#work(`n${place + 1}`, client)),
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
export async function expectAllStored(load: Load, clients: readonly NodeClient[]): Promise<void> {
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

/** `npm run compare` on these nodes: its exit code and what it printed. */
export async function compare(urls: readonly string[]): Promise<{ code: number; text: string }> {
  const parameters = [path.join(COMMANDS, 'compare.ts'), '--nodes', urls.join(',')]
  try {
    return { code: 0, text: (await run(process.execPath, parameters)).stdout }
  } catch (error) {
    const { code, stdout } = error as { code: number; stdout: string }
    return { code, text: stdout }
  }
}
