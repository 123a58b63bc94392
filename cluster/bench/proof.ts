// After the load: is every acknowledged event on each node, once, where it was said to be, with the content that was sent,
// and nothing else?
//
// All nodes are met at one applied index; there their counters and digests must agree, and everything that each of them
// holds is read, from the first position to the last. Each fault is one sentence.

import { performance } from 'node:perf_hooks'
import { PAGE_LIMIT_MAX } from '../../client/contract/limits.ts'
import type { EventsPage } from '../../client/contract/read.ts'
import type { Stats } from '../../client/contract/state.ts'
import { grouped } from '../format.ts'
import { detailOf, failureText, NodeClient } from '../http.ts'
import { meet } from '../meeting.ts'
import { judge, NodeHistory } from '../verdict.ts'
import type { Acknowledged } from './acknowledged.ts'

const MEETING_MS_MAX = 60_000
const FAULTS_SHOWN = 5

export interface Proof {
  readonly acknowledged: number
  readonly distinct: number
  /** None: proved. */
  readonly faults: readonly string[]
}

/** `settled`: no publish was left without an outcome, so that the counters have one right value. */
export async function prove(
  acknowledged: Acknowledged,
  urls: readonly string[],
  settled: boolean,
): Promise<Proof> {
  const faults = [...acknowledged.faults]
  const clients = urls.map((url) => new NodeClient(url, { connections: 1 }))
  const distinct = acknowledged.countDistinct()
  try {
    const watched = clients.map((client) => ({ client, history: new NodeHistory(client.url) }))
    const meeting = await meet(watched, performance.now() + MEETING_MS_MAX, false)
    const histories = watched.map(({ history }) => history)
    const verdict = judge(histories, meeting, null, false)
    if (!verdict.equal || meeting.index === null) faults.push(...verdict.findings)
    else {
      const { index } = meeting
      const stats = histories.map(({ looks }) => looks.get(index)!)
      if (settled) faults.push(...counterFaults(stats[0]!, acknowledged, distinct))
      const readings = clients.map((client, place) => readAll(client, stats[place]!, acknowledged))
      faults.push(...(await Promise.all(readings)).flat())
    }
  } catch (error) {
    faults.push(`the nodes could not be read: ${failureText(error)}`)
  } finally {
    await Promise.all(clients.map((client) => client.close()))
  }
  return { acknowledged: acknowledged.acknowledged, distinct, faults }
}

function counterFaults(stats: Stats, { acknowledged }: Acknowledged, distinct: number): string[] {
  const faults: string[] = []
  if (stats.received !== acknowledged) {
    faults.push(
      `${grouped(acknowledged)} publishes were answered, ${grouped(stats.received)} received`,
    )
  }
  if (stats.unique_processed !== distinct) {
    faults.push(
      `${grouped(distinct)} different events were acknowledged, ${grouped(stats.unique_processed)} are stored`,
    )
  }
  if (stats.conflicts !== 0) faults.push(`${grouped(stats.conflicts)} conflicts, of none sent`)
  return faults
}

/** Everything one node holds, beside what was acknowledged. */
async function readAll(
  client: NodeClient,
  stats: Stats,
  acknowledged: Acknowledged,
): Promise<string[]> {
  const { workload } = acknowledged
  const faults = new FaultList(stats.node_id)
  /** By position: the distinct event that stands there, and one. */
  const held = new Uint32Array(stats.last_position + 1)
  let expected = 1
  for (let after: string | null = '0'; after !== null && Number(after) < stats.last_position; ) {
    const page: EventsPage = await pageOf(client, after)
    for (const event of page.events) {
      const { position } = event
      if (position > stats.last_position) continue
      if (position !== expected) faults.add(`shows position ${position} where ${expected} belongs`)
      expected = position + 1
      const found = workload.recognise(event)
      if (found === null || !acknowledged.wasSent(found.distinct)) {
        faults.add(`holds ${event.topic}/${event.event_id}, which nobody sent`)
      } else {
        held[position] = found.distinct + 1
        const told = acknowledged.positionOf(found.distinct)
        if (!found.unchanged) faults.add(`shows ${workload.idOf(found.distinct)} changed`)
        if (told !== 0 && told !== position) {
          faults.add(
            `holds ${workload.idOf(found.distinct)} at position ${position}; it was acknowledged at ${told}`,
          )
        }
      }
    }
    after = page.next
  }
  for (const { distinct, position } of acknowledged.positions()) {
    if (held[position] !== distinct + 1) {
      faults.add(`lacks ${workload.idOf(distinct)}, acknowledged at position ${position}`)
    }
  }
  return faults.sentences()
}

async function pageOf(client: NodeClient, after: string): Promise<EventsPage> {
  const answer = await client.request('GET', `/events?after=${after}&limit=${PAGE_LIMIT_MAX}`)
  // Not held against a schema: each part of each event is compared with what was sent.
  if (answer.status === 200) return answer.body as EventsPage
  throw new Error(`${client.url} answered ${answer.status}${detailOf(answer.body)}`)
}

/** The first few, and how many there are. */
class FaultList {
  readonly #node: string
  readonly #first: string[] = []
  #count = 0

  constructor(node: string) {
    this.#node = node
  }

  add(what: string): void {
    this.#count += 1
    if (this.#first.length < FAULTS_SHOWN) this.#first.push(`${this.#node} ${what}`)
  }

  sentences(): string[] {
    const more = this.#count - this.#first.length
    return more === 0 ? this.#first : [...this.#first, `${this.#node}: ${grouped(more)} more`]
  }
}
