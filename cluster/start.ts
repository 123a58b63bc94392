// `npm start`: a cluster of real node processes on this machine, started again when they die, stopped with Ctrl-C.
//
// Shows what the nodes say of themselves and decides nothing about data. A node that refuses to run is left alone
// and its reason is shown; without a majority there is no point in going on.

import { performance } from 'node:perf_hooks'
import { CommandError, runCommand, type Values, wholeNumber } from './args.ts'
import { DataDir } from './data-dir.ts'
import { seconds } from './format.ts'
import { nodeEnv } from './node-env.ts'
import { LOOPBACK, PEER_PORT_DISTANCE, portsOf, unusablePorts } from './ports.ts'
import { ClusterProcesses, exitText } from './processes.ts'
import { Screen } from './screen.ts'
import { listenForStop, type StopWish } from './signals.ts'
import { digestView, type Look, type NodeState, summaryBlock, summaryLine } from './summary.ts'

const TERMINAL_REFRESH_MS = 1_000
const LINE_EVERY_MS = 5_000
const NODES_MAX = 9

const COMMAND = {
  name: 'start',
  summary: 'nodes on this machine, restarted when they die; Ctrl-C stops them',
  options: {
    'base-port': {
      type: 'string',
      value: 'PORT',
      help: `clients of n1 (8001); n2 has the next one, peers listen ${PEER_PORT_DISTANCE} above`,
    },
    data: { type: 'string', value: 'DIR', help: 'where data and logs are kept (./data)' },
    fresh: { type: 'boolean', help: 'delete what an earlier start stored there' },
    nodes: { type: 'string', value: 'N', help: `how many nodes (3), 1 to ${NODES_MAX}` },
    'node-env': {
      type: 'string',
      value: 'NAME=VALUE,…',
      help: 'more environment for every node, such as FSYNC=off',
    },
  },
} as const

await runCommand(COMMAND, main)

async function main(values: Values<typeof COMMAND.options>): Promise<number> {
  const portMax = 65_535 - PEER_PORT_DISTANCE - NODES_MAX
  const basePort = wholeNumber('--base-port', values['base-port'] ?? '8001', {
    min: 1,
    max: portMax,
  })
  const count = wholeNumber('--nodes', values.nodes ?? '3', { min: 1, max: NODES_MAX })
  const env = nodeEnv(values['node-env'])
  const dataDir = DataDir.open(values.data ?? './data')
  try {
    await refuseBusyPorts(count, basePort)
  } catch (error) {
    dataDir.release()
    throw error
  }
  if (values.fresh) dataDir.empty()

  const cluster = new ClusterProcesses({ dataDir, count, basePort, env, supervise: true })
  const stop = listenForStop(() => cluster.killAllNow())
  const states = new Map<string, NodeState>()
  const screen = new Screen(process.stdout)
  tell(cluster, states, screen)

  try {
    cluster.startAll()
    introduce(cluster, screen)
    const startedAtMs = performance.now()
    const leader = await Promise.race([cluster.waitForLeader(), stop.asked])
    if (leader !== undefined) {
      screen.print(`${leader} leads after ${seconds((performance.now() - startedAtMs) / 1000)}.`)
      await showUntil(stop, cluster, states, screen)
    }
    return 0
  } finally {
    screen.clear()
    screen.print('Stopping …')
    await cluster.stopAll()
    stop.release()
    screen.print('Stopped; the data is kept.')
  }
}

async function refuseBusyPorts(count: number, basePort: number): Promise<void> {
  const ports = portsOf(count, basePort).flatMap(({ port, peerPort }) => [port, peerPort])
  const [first] = await unusablePorts(ports)
  if (first === undefined) return
  const why =
    first.code === 'EADDRINUSE'
      ? 'is in use, perhaps by an earlier start: end that one, or choose others with --base-port'
      : `cannot be used (${first.code}): choose others with --base-port`
  throw new CommandError(`port ${first.port} on ${LOOPBACK} ${why}`)
}

function introduce(cluster: ClusterProcesses, screen: Screen): void {
  const event = '{"topic":"orders","event_id":"o-1","payload":{"total":42}}'
  screen.print(
    [
      `${cluster.ids.length} nodes: ${cluster.urls.join('  ')}`,
      `data and logs in ${cluster.dataDir.path}`,
      'Try it, twice, on any of them:',
      `  curl -s ${cluster.url('n1')}/publish -H 'content-type: application/json' -d '${event}'`,
      '',
    ].join('\n'),
  )
}

/** Starts, ends and refusals, as they happen. */
function tell(cluster: ClusterProcesses, states: Map<string, NodeState>, screen: Screen): void {
  cluster.on('started', (id) => states.set(id, 'running'))
  cluster.on('exited', (exit) => states.set(exit.id, 'stopped'))
  cluster.on('restarting', (exit, delayMs) => {
    states.set(exit.id, 'restarting')
    screen.print(`${exitText(exit)}; starting it again in ${seconds(delayMs / 1000)}`)
  })
  cluster.on('refused', (exit) => {
    states.set(exit.id, 'refused')
    screen.print(
      `${exitText(exit)}\nIt is not started again; its log is ${cluster.logPath(exit.id)}`,
    )
  })
}

async function showUntil(
  stop: StopWish,
  cluster: ClusterProcesses,
  states: ReadonlyMap<string, NodeState>,
  screen: Screen,
): Promise<void> {
  const everyMs = screen.redraws ? TERMINAL_REFRESH_MS : LINE_EVERY_MS
  let before: Look | null = null
  while (!stop.isAsked()) {
    if (2 * countOf(states, 'refused') >= cluster.ids.length) {
      throw new CommandError('too many nodes refuse to run for a majority')
    }
    const look: Look = await lookAt(cluster, states)
    if (screen.redraws) screen.draw(summaryBlock(look, before))
    else screen.print(summaryLine(look, before))
    before = look
    await stop.sleep(everyMs)
  }
}

async function lookAt(
  cluster: ClusterProcesses,
  states: ReadonlyMap<string, NodeState>,
): Promise<Look> {
  const stats = await cluster.stats()
  const atMs = performance.now()
  const up = [...stats].flatMap(([id, view]) => (view === null ? [] : [{ id, view }]))
  // The least applied of all: what everybody has reached, and what the others have not forgotten yet.
  const index = Math.min(...up.map(({ view }) => view.applied_index))
  const ids = up.map(({ id }) => id)
  const digests = up.length < 2 ? [] : await cluster.digests(ids, index)
  return { atMs, stats, states, digests: digestView(index, digests) }
}

function countOf(states: ReadonlyMap<string, NodeState>, wanted: NodeState): number {
  return [...states.values()].filter((state) => state === wanted).length
}
