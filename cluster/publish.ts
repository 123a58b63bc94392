// `npm run publish`: events into the cluster, made up or real, each under an id that makes sending it again harmless.
//
// Reads the command line and the environment, joins source and publisher, and shows how it goes. Exit 0: everything
// sent is stored; 1: something is not, or is not known to be.

import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { REQUEST_LIMITS } from '../client/contract/limits.ts'
import { textFault, topicFault } from '../client/contract/topic.ts'
import {
  decimalNumber,
  nodeUrls,
  runCommand,
  UsageError,
  type Values,
  wholeNumber,
} from './args.ts'
import { NodeClient } from './http.ts'
import { Display } from './publish/display.ts'
import { type Input, lineInput, ndjsonInput, untilStopped } from './publish/input.ts'
import { PublishLedger } from './publish/ledger.ts'
import { finalTable } from './publish/progress.ts'
import { Publisher, type PublisherPorts } from './publish/publisher.ts'
import { syntheticEvents } from './publish/synthetic.ts'
import { listenForStop, type StopWish } from './signals.ts'

const URLS_DEFAULT = 'http://127.0.0.1:8001,http://127.0.0.1:8002,http://127.0.0.1:8003'
const INTERRUPTED = 130
/** With a rate, a batch is no more than this much of a second's events: a steady flow instead of gusts. */
const GUST_SHARE = 0.1

const COMMAND = {
  name: 'publish',
  summary: 'events into the cluster: made up, or the lines of a file, or NDJSON',
  options: {
    events: { type: 'string', value: 'N', help: 'how many made-up events (1000)' },
    duplicate: {
      type: 'string',
      value: 'SHARE',
      help: 'share of them that are re-sent ones, 0 to 1 (0.2; or DUP_RATE)',
    },
    topics: {
      type: 'string',
      value: 'N|A,B,…',
      help: 'how many topics, or their names (8; or TOPIC)',
    },
    sources: { type: 'string', value: 'N', help: 'how many sources (50)' },
    seed: { type: 'string', value: 'N', help: 'the same seed gives the same events (random)' },
    lines: { type: 'string', value: 'FILE|-', help: 'ship a log, one event a line' },
    follow: { type: 'boolean', help: 'with --lines FILE: go on as the file grows' },
    topic: {
      type: 'string',
      value: 'NAME',
      help: 'with --lines: topic of the lines (logs; or TOPIC)',
    },
    source: { type: 'string', value: 'NAME', help: 'with --lines: source of the lines (none)' },
    'file-id': {
      type: 'string',
      value: 'NAME',
      help: 'with --lines: what the file is called in ids (its inode number)',
    },
    ndjson: { type: 'string', value: 'FILE|-', help: 'ship events, one JSON object a line' },
    url: { type: 'string', value: 'URL,…', help: 'nodes to publish to (8001–8003; or TARGET_URL)' },
    rate: { type: 'string', value: 'N', help: 'events a second (unbounded; or RATE_PER_SEC)' },
    batch: { type: 'string', value: 'N', help: 'events in one request (100; with a file 500)' },
    concurrency: {
      type: 'string',
      value: 'N',
      help: 'requests at once (8; with a file 1, which keeps the order)',
    },
    deadline: { type: 'string', value: 'SECONDS', help: 'how long a request is retried (30)' },
    ledger: {
      type: 'string',
      value: 'FILE',
      help: 'append what was sent and answered, for `sekali check`',
    },
  },
} as const

type Options = Values<typeof COMMAND.options>

await runCommand(COMMAND, main)

async function main(values: Options): Promise<number> {
  const { env } = process
  const urls = nodeUrls(
    values.url === undefined ? 'TARGET_URL' : '--url',
    // The seed reports' TARGET_URL ends with the path.
    (values.url ?? env.TARGET_URL ?? URLS_DEFAULT).replaceAll(/\/publish(?=,|$)/g, ''),
  )
  const fromFile = values.lines !== undefined || values.ndjson !== undefined
  const rate = rateOf(values, env)
  const concurrency = wholeNumber('--concurrency', values.concurrency ?? (fromFile ? '1' : '8'), {
    min: 1,
    max: 1_024,
  })
  const deadlineS = decimalNumber('--deadline', values.deadline ?? '30', { min: 0.1, max: 86_400 })
  const stop = listenForStop(() => process.exit(INTERRUPTED))
  const { input, total } = openInput(values, env, stop)
  const ledger = values.ledger === undefined ? null : new PublishLedger(values.ledger, Date.now)
  const clients = urls.map((url) => new NodeClient(url, { connections: concurrency }))

  const publisher = new Publisher(portsFor(clients, ledger), {
    nodeCount: clients.length,
    batchEventsMax: batchOf(values, fromFile, rate),
    concurrency,
    rate,
    deadlineMs: 1000 * deadlineS,
  })
  const display = new Display(publisher, input.share, total)
  try {
    await publisher.run(input.source)
  } finally {
    display.end()
    ledger?.close()
    await Promise.all(clients.map((client) => client.close()))
    stop.release()
  }
  const { errors, failures } = publisher.tally
  for (const { place, reason } of failures) process.stderr.write(`${place}: ${reason}\n`)
  if (errors > failures.length) {
    process.stderr.write(`and ${errors - failures.length} more\n`)
  }
  process.stdout.write(finalTable({ tally: publisher.tally, elapsedMs: display.elapsedMs() }))
  if (errors > 0) return 1
  return stop.isAsked() && !values.follow ? INTERRUPTED : 0
}

function openInput(
  values: Options,
  env: NodeJS.ProcessEnv,
  stop: StopWish,
): { input: Input; total: number | null } {
  refuseMixture(values)
  if (values.ndjson !== undefined) return { input: ndjsonInput(values.ndjson, stop), total: null }
  if (values.lines !== undefined) {
    const topic = values.topic ?? env.TOPIC ?? 'logs'
    refuseFault(values.topic === undefined ? 'TOPIC' : '--topic', topicFault(topic))
    const source = values.source ?? ''
    refuseFault('--source', textFault(source))
    const options = { topic, source, fileId: values['file-id'] ?? null }
    return { input: lineInput(values.lines, values.follow, options, stop), total: null }
  }
  return syntheticInput(values, env, stop)
}

function syntheticInput(
  values: Options,
  env: NodeJS.ProcessEnv,
  stop: StopWish,
): { input: Input; total: number } {
  const total = wholeNumber('--events', values.events ?? '1000', { min: 0, max: 1e9 })
  const shareName = values.duplicate === undefined ? 'DUP_RATE' : '--duplicate'
  const share = values.duplicate ?? env.DUP_RATE ?? '0.2'
  const seed =
    values.seed === undefined
      ? randomBytes(6).readUIntBE(0, 6)
      : wholeNumber('--seed', values.seed, { min: 0, max: Number.MAX_SAFE_INTEGER })
  if (values.seed === undefined) process.stderr.write(`seed ${seed}\n`)
  const source = syntheticEvents({
    events: total,
    duplicateShare: decimalNumber(shareName, share, { min: 0, max: 1 }),
    topics: topicsOf(values, env),
    sources: wholeNumber('--sources', values.sources ?? '50', { min: 1, max: 1e6 }),
    seed,
    wallClock: Date.now,
  })
  // The publisher settles what it is given: how far the run is, its own tally tells.
  return { input: { source: untilStopped(source, stop), share: () => null }, total }
}

/** Options that would have no effect are refused, not ignored. */
function refuseMixture(values: Options): void {
  if (values.lines !== undefined && values.ndjson !== undefined) {
    throw new UsageError('--lines and --ndjson exclude each other')
  }
  const forLines = ['topic', 'source', 'file-id'] as const
  const forSynthetic = ['events', 'duplicate', 'topics', 'sources', 'seed'] as const
  const idle = [
    ...(values.lines === undefined ? forLines : forSynthetic),
    ...(values.ndjson === undefined ? [] : forSynthetic),
  ].find((name) => values[name] !== undefined)
  if (idle !== undefined) {
    const mode = values.lines ?? values.ndjson
    throw new UsageError(
      `--${idle} means nothing ${mode === undefined ? 'without --lines' : 'for events from a file'}`,
    )
  }
  if (values.follow && (values.lines === undefined || values.lines === '-')) {
    throw new UsageError('--follow needs --lines FILE')
  }
}

function topicsOf(values: Options, env: NodeJS.ProcessEnv): string[] {
  const text = values.topics ?? env.TOPIC ?? '8'
  const name = values.topics === undefined ? 'TOPIC' : '--topics'
  if (/^\d+$/.test(text)) {
    const count = wholeNumber(name, text, { min: 1, max: 100_000 })
    return Array.from({ length: count }, (_, place) => `topic-${place + 1}`)
  }
  const topics = text.split(',').map((topic) => topic.trim())
  for (const topic of topics) refuseFault(`${name}: ${JSON.stringify(topic)}`, topicFault(topic))
  return topics
}

function rateOf(values: Options, env: NodeJS.ProcessEnv): number | null {
  const text = values.rate ?? env.RATE_PER_SEC
  if (text === undefined) return null
  const name = values.rate === undefined ? 'RATE_PER_SEC' : '--rate'
  return decimalNumber(name, text, { min: 0.01, max: 1e7 })
}

function batchOf(values: Options, fromFile: boolean, rate: number | null): number {
  if (values.batch !== undefined) {
    return wholeNumber('--batch', values.batch, { min: 1, max: REQUEST_LIMITS.batchEventsMax })
  }
  const whole = fromFile ? 500 : 100
  return rate === null ? whole : Math.min(whole, Math.max(1, Math.ceil(rate * GUST_SHARE)))
}

function refuseFault(what: string, fault: string | null): void {
  if (fault !== null) throw new UsageError(`${what} ${fault}`)
}

function portsFor(clients: readonly NodeClient[], ledger: PublishLedger | null): PublisherPorts {
  return {
    send: (node, body, timeoutMs) => clients[node]!.publish(body, timeoutMs),
    now: () => performance.now(),
    wallClock: Date.now,
    random: Math.random,
    sleep: (ms) => sleep(ms),
    calling: (batch) => ledger?.calling(batch) ?? 0,
    returned: (call, batch, answer) => ledger?.returned(call, batch, answer),
  }
}
