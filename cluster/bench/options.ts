// The command line of `npm run bench`, and what it means.

import { decimalNumber, UsageError, type Values, wholeNumber } from '../args.ts'
import { nodeEnv } from '../node-env.ts'
import { PEER_PORT_DISTANCE } from '../ports.ts'
import type { Settings } from './arena.ts'
import { opponentAt } from './driver.ts'
import { MODE_NAMES, MODES, type ModeName } from './modes.ts'
import type { BenchOptions } from './run.ts'

const NODES = 3
const SECONDS_MAX = 86_400
/** The account of a run takes four bytes for each. */
const EVENTS_MAX = 1_000_000_000

export const BENCH_COMMAND = {
  name: 'bench',
  summary: 'measures fresh three-node clusters, and checks every acknowledgement',
  options: {
    mode: {
      type: 'string',
      value: 'NAME,…',
      help: 'what to measure (single,concurrent,batch,sdk,read); below',
    },
    seconds: { type: 'string', value: 'N', help: 'of each measurement (5; saturated 600)' },
    'warm-up': { type: 'string', value: 'N', help: 'seconds of load before each (2)' },
    repeats: { type: 'string', value: 'N', help: 'fresh clusters for each mode (3)' },
    signal: { type: 'string', value: 'NAME', help: 'failover: SIGKILL or SIGSTOP (SIGKILL)' },
    kills: { type: 'string', value: 'N', help: 'failover: how often in each cluster (10)' },
    events: {
      type: 'string',
      value: 'N',
      help: 'restart, catch-up, size: how many (1,000,000; 500,000; 1, 2 and 5 million)',
    },
    against: {
      type: 'string',
      value: 'FILE|DIR',
      help: 'another system by its driver (cluster/bench/driver.ts), or another checkout: in turn, and compared',
    },
    json: { type: 'string', value: 'FILE', help: 'write everything as JSON' },
    'node-env': {
      type: 'string',
      value: 'NAME=VALUE,…',
      help: 'more environment for every node; FSYNC=off is then said in each line',
    },
    'base-port': {
      type: 'string',
      value: 'PORT',
      help: `clients of n1 (8201); n2 has the next one, peers listen ${PEER_PORT_DISTANCE} above`,
    },
    data: {
      type: 'string',
      value: 'DIR',
      help: 'where the clusters live, which chooses the disk (a temporary directory)',
    },
    entry: { type: 'string', value: 'FILE', help: 'what is run as a node (node/main.ts)' },
  },
  notes: `Modes:\n${MODE_NAMES.map((name) => `  ${name.padEnd(13)}${MODES[name].summary}`).join('\n')}`,
} as const

export type BenchValues = Values<typeof BENCH_COMMAND.options>

const MODES_DEFAULT = 'single,concurrent,batch,sdk,read'

export function benchOptions(values: BenchValues): Omit<BenchOptions, 'directory'> {
  return {
    modes: modesOf(values.mode ?? MODES_DEFAULT),
    seconds:
      values.seconds === undefined
        ? null
        : decimalNumber('--seconds', values.seconds, { min: 0.1, max: SECONDS_MAX }),
    warmUpSeconds: decimalNumber('--warm-up', values['warm-up'] ?? '2', {
      min: 0,
      max: SECONDS_MAX,
    }),
    repeats: wholeNumber('--repeats', values.repeats ?? '3', { min: 1, max: 1_000 }),
    settings: {
      signal: signalOf(values.signal ?? 'SIGKILL'),
      kills: wholeNumber('--kills', values.kills ?? '10', { min: 1, max: 1_000 }),
      events:
        values.events === undefined
          ? null
          : wholeNumber('--events', values.events, { min: 1_000, max: EVENTS_MAX }),
    },
    basePort: wholeNumber('--base-port', values['base-port'] ?? '8201', {
      min: 1,
      max: 65_535 - PEER_PORT_DISTANCE - NODES,
    }),
    env: nodeEnv(values['node-env']),
    ...(values.against === undefined ? {} : { opponent: opponentAt(values.against) }),
    ...(values.entry === undefined ? {} : { entry: values.entry }),
  }
}

function signalOf(text: string): Settings['signal'] {
  if (text === 'SIGKILL' || text === 'SIGSTOP') return text
  throw new UsageError(`--signal must be SIGKILL or SIGSTOP, not ${JSON.stringify(text)}`)
}

function modesOf(text: string): ModeName[] {
  const names = text.split(',').map((name) => name.trim())
  return names.map((given, place) => {
    const name = MODE_NAMES.find((known) => known === given)
    if (name === undefined)
      throw new UsageError(`--mode: ${JSON.stringify(given)} is none of ${MODE_NAMES.join(', ')}`)
    if (names.indexOf(given) !== place) throw new UsageError(`--mode names ${given} twice`)
    return name
  })
}
