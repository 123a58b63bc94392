// `npm run compare`: do the nodes hold the same? Asks each of them, waits until they can be compared, and says so.
//
// Exit 0: nothing differs; 1: a digest or counter differs at equal applied index, a node does not answer or does not
// get there; 2: bad usage. Reads only; any number of these may run beside a load.

import { performance } from 'node:perf_hooks'
import { decimalNumber, nodeUrls, runCommand, UsageError, type Values } from './args.ts'
import { NodeClient } from './http.ts'
import { meet, type WatchedNode } from './meeting.ts'
import { type DigestLook, judge, NodeHistory, sideBySide } from './verdict.ts'

const NODES_DEFAULT = 'http://127.0.0.1:8001,http://127.0.0.1:8002,http://127.0.0.1:8003'
const ANSWER_MS_MAX = 3_000

const COMMAND = {
  name: 'compare',
  summary: 'do all nodes hold the same? Exits 1 if anything differs',
  options: {
    nodes: { type: 'string', value: 'URL,…', help: 'two or more nodes (the three on 8001–8003)' },
    wait: {
      type: 'string',
      value: 'SECONDS',
      help: 'how long they may take to reach a common applied index (10)',
    },
    'allow-missing': { type: 'boolean', help: 'compare those that answer; two must' },
  },
} as const

await runCommand(COMMAND, main)

async function main(values: Values<typeof COMMAND.options>): Promise<number> {
  const urls = nodeUrls('--nodes', values.nodes ?? NODES_DEFAULT)
  if (urls.length < 2) throw new UsageError('--nodes must name two nodes or more')
  const waitS = decimalNumber('--wait', values.wait ?? '10', { min: 0, max: 3_600 })

  const nodes = urls.map((url) => ({
    history: new NodeHistory(url),
    client: new NodeClient(url, { connections: 2, timeoutMs: ANSWER_MS_MAX }),
  }))
  try {
    const allowMissing = values['allow-missing']
    const meeting = await meet(nodes, performance.now() + 1000 * waitS, allowMissing)
    const digests = meeting.index === null ? await latestDigests(nodes) : null
    const histories = nodes.map((node) => node.history)
    const verdict = judge(histories, meeting, digests, allowMissing)
    process.stdout.write(sideBySide(histories, meeting.index))
    for (const finding of verdict.findings) process.stdout.write(`${finding}\n`)
    return verdict.equal ? 0 : 1
  } finally {
    await Promise.all(nodes.map((node) => node.client.close()))
  }
}

/**
 * For nodes that move on between any two looks: each keeps the digest of every recent index, and the least applied
 * index is one that all have reached.
 */
async function latestDigests(nodes: readonly WatchedNode[]): Promise<DigestLook | null> {
  const answering = nodes.filter(({ history }) => history.latest !== null)
  if (answering.length < 2) return null
  const index = Math.min(...answering.map(({ history }) => history.latest!.applied_index))
  const digests = await Promise.all(
    answering.map(async ({ client }) => {
      try {
        return (await client.digest(index)).digest
      } catch {
        return null
      }
    }),
  )
  return { index, digests }
}
