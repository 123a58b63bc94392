// The process: the only reader of environment, command line, clock and signals. It puts a node together (node.ts) from
// them, and ends with a code that tells a supervisor whether starting again can help (exit-codes.ts).

import { randomBytes, randomInt } from 'node:crypto'
import { readFileSync, statSync, writeSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { ConfigError, printConfig, readConfig } from './config/config.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import { createLog, type Log } from './log.ts'
import { type RunningNode, startNode } from './node.ts'

// The log's syncs, LevelDB and its compaction share libuv's threads; the default of 4 lets one starve the other.
// Read at the pool's first use, which is later.
process.env.UV_THREADPOOL_SIZE ??= '8'

const USAGE = `Usage: node node/main.ts [--print-config]

One node of a cluster. It is configured by its environment: NODE_ID, PEERS, PORT, DATA_DIR, … (README.md).
  --print-config   show what is in force, without secrets, and exit
  --help           this text
`

const say = (text: string): void => {
  writeSync(2, `${text}\n`)
}

async function main(): Promise<void> {
  const [flag, ...more] = process.argv.slice(2)
  if (flag === '--help') return void writeSync(1, USAGE)
  if ((flag !== undefined && flag !== '--print-config') || more.length > 0) {
    say(`sekali: unknown argument ${JSON.stringify(more[0] ?? flag)}; see --help`)
    process.exit(EXIT.configuration)
  }
  const { config, warnings } = configuration()
  if (flag === '--print-config') return void writeSync(1, `${printConfig(config)}\n`)

  const monotonicMs = () => performance.now()
  const log = createLog({ level: config.logLevel, nodeId: config.nodeId, monotonicMs })
  for (const warning of warnings) log.warn('configuration', { warning })
  process.on('unhandledRejection', (error) => dieOf(error, log))
  process.on('uncaughtException', (error) => dieOf(error, log))
  let node: RunningNode
  try {
    node = await startNode(config, {
      log,
      wallMs: Date.now,
      monotonicMs,
      random: Math.random,
      drawStoreId: () => randomBytes(16).toString('hex'),
      drawLife: () => randomInt(2 ** 47),
      version: ownVersion(),
      watchDelay: (resolution) => {
        const watch = monitorEventLoopDelay({ resolution })
        watch.enable()
        return watch
      },
      onFatal: (error) => dieOf(error, log),
    })
  } catch (error) {
    log.flush()
    say(`sekali ${config.nodeId}: ${sentence(error)}`)
    process.exit(exitCodeOf(error))
  }
  log.info('listening', { host: config.host, port: node.port, fsync: config.fsync })
  stopOnSignals(node, log)
}

function ownVersion(): string {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return JSON.parse(manifest).version
}

function configuration(): ReturnType<typeof readConfig> {
  try {
    return readConfig(process.env, (path) => ({
      text: readFileSync(path, 'utf8'),
      mode: statSync(path).mode,
    }))
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const line of error.lines) say(`sekali: ${line}`)
    process.exit(EXIT.configuration)
  }
}

/** The first signal stops cleanly, the second at once. */
function stopOnSignals(node: RunningNode, log: Log): void {
  let stopping = false
  const onSignal = (signal: NodeJS.Signals) => {
    if (stopping) process.exit(EXIT.bug)
    stopping = true
    log.info('signal', { signal })
    node.stop().then(
      () => process.exit(EXIT.ok),
      (error) => dieOf(error, log),
    )
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  process.on('SIGHUP', () => {}) // a closed terminal is no reason
}

/**
 * The disk refused, an invariant broke, or something nobody thought of: nothing in this process may be relied on. Its
 * exit hooks could write or hang, so there are none: one line, then the end. A refusal keeps its exit code.
 */
function dieOf(error: unknown, log: Log): void {
  const code = exitCodeOf(error)
  log.error('fatal', { error: sentence(error), code })
  log.flush()
  say(`sekali: ${sentence(error)}`)
  if (code === EXIT.newerFormat) process.exit(code)
  if (code === EXIT.bug && error instanceof Error && error.stack !== undefined) say(error.stack)
  process.kill(process.pid, 'SIGKILL')
  process.abort() // the first process of a container does not heed its own SIGKILL
}

/** One line for people, with the causes behind it. */
function sentence(error: unknown): string {
  const words: string[] = []
  for (let cause = error; cause instanceof Error; cause = cause.cause) words.push(cause.message)
  return (words.length > 0 ? words.join(': ') : String(error)).replaceAll('\n', ' ')
}

await main()
