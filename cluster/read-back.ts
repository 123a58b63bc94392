// Everything that every node holds, into the ledger: the last look, on which the verdict stands.
//
// All nodes are met at one applied index; their counters are those of that index, and their events are read up to the
// last position of that index. Since positions never change, publishers may go on meanwhile.

import { performance } from 'node:perf_hooks'
import { PAGE_LIMIT_MAX } from '../client/contract/limits.ts'
import { eventsPageSchema } from '../client/contract/read.ts'
import type { Stats } from '../client/contract/state.ts'
import type { NodeReading } from '../client/ledger/final.ts'
import type { Ledger } from '../client/ledger/ledger.ts'
import { countersOf, shownEvent } from '../client/ledger/wire.ts'
import { CommandError } from './args.ts'
import { grouped } from './format.ts'
import { detailOf, failureText, type NodeClient } from './http.ts'
import { meet } from './meeting.ts'
import { furthest, NodeHistory } from './verdict.ts'

const PAGE_TRIES_MAX = 5

/** Rejects with a CommandError when the nodes do not meet at one index in time, or cannot be read. */
export async function readBack(
  ledger: Ledger,
  nodes: readonly NodeClient[],
  meetingMsMax: number,
): Promise<void> {
  const watched = nodes.map((client) => ({ client, history: new NodeHistory(client.url) }))
  const { index } = await meet(watched, performance.now() + meetingMsMax, false)
  if (index === null) throw new CommandError(apart(watched.map(({ history }) => history)))
  for (const { client, history } of watched) {
    const stats = history.looks.get(index)!
    const reading = ledger.readBack(stats.node_id)
    reading.counters = countersOf(stats)
    await readAll(reading, client, stats)
  }
}

async function readAll(reading: NodeReading, client: NodeClient, stats: Stats): Promise<void> {
  let after: string | null = '0'
  while (after !== null && Number(after) < stats.last_position) {
    const page = await pageOf(client, after)
    reading.add(
      page.events.map(shownEvent).filter((event) => event.position <= stats.last_position),
    )
    after = page.next
  }
}

async function pageOf(client: NodeClient, after: string) {
  const path = `/events?after=${after}&limit=${PAGE_LIMIT_MAX}`
  for (let tries = 1; ; tries += 1) {
    try {
      const answer = await client.request('GET', path)
      if (answer.status === 200) return eventsPageSchema.parse(answer.body)
      throw new Error(`it answered ${answer.status}${detailOf(answer.body)}`)
    } catch (error) {
      if (tries < PAGE_TRIES_MAX) continue
      throw new CommandError(`${client.url}${path} could not be read: ${failureText(error)}`)
    }
  }
}

function apart(histories: readonly NodeHistory[]): string {
  const target = furthest(histories) ?? 0
  const where = histories.map(({ url, latest, failure }) =>
    latest === null
      ? `${url} does not answer (${failure})`
      : `${latest.node_id} is at ${grouped(latest.applied_index)}`,
  )
  return `the nodes were never seen at one applied index: ${where.join(', ')}; the furthest was ${grouped(target)}`
}
