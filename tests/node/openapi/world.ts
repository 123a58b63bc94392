// The API description held against the app: sends an example as it stands in the document, and reads what comes back.

import type { Example, RouteKey } from '../../../node/http/openapi/operation.ts'
import { OPERATIONS } from '../../../node/http/openapi/operations.ts'
import {
  PUBLISH_DEADLINE_MS,
  type Reply,
  startNode,
  type TestNode,
  turnsUntil,
} from '../harness.ts'

export interface Case {
  readonly route: RouteKey
  readonly example: Example
}

export const CASES: readonly Case[] = (Object.keys(OPERATIONS) as RouteKey[]).flatMap((route) =>
  OPERATIONS[route]!.examples.map((example) => ({ route, example })),
)

/** What the examples of reads were written for: a node that has been through the examples of publishes. */
export async function nodeWithExamples(): Promise<TestNode> {
  const node = await startNode()
  for (const { route, example } of CASES) {
    if (isStory(route) && example.given === undefined) await send(node, { route, example })
  }
  return node
}

/** Examples of one story, each of which goes on where the one before has ended. */
export function isStory(route: RouteKey): boolean {
  return route === 'POST /publish'
}

export async function send(node: TestNode, { route, example }: Case): Promise<Reply> {
  const [method = '', template = ''] = route.split(' ')
  const path = template.replaceAll(/:(\w+)/g, (_, name) => encodeURIComponent(example.path![name]!))
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(example.query ?? {})) query.set(name, String(value))
  const headers = new Headers(example.headers)
  const init: RequestInit = { method, headers }
  if (example.body !== undefined) {
    const { type, value } = example.body
    headers.set('content-type', type)
    init.body = typeof value === 'string' ? value : JSON.stringify(value)
  }
  const url = query.size === 0 ? path : `${path}?${query}`
  if (example.given === undefined) return node.request(url, init)
  return sendWithout(node, example.given, () => node.request(url, init))
}

/** The request waits, time goes by, and the deadline comes. */
async function sendWithout(
  node: TestNode,
  given: NonNullable<Example['given']>,
  request: () => Promise<Reply>,
): Promise<Reply> {
  if (given === 'no leader') node.sequencer.loseLeader()
  else node.sequencer.stall()
  const reply = request()
  await turnsUntil(() => node.sequencer.pending === 1)
  node.clock.advance(PUBLISH_DEADLINE_MS)
  return reply
}
