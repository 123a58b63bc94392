// `npm run chaos`: breaks a cluster in front of your eyes while clients publish and read, and proves at the end that
// nothing was lost, nothing stored twice, and all nodes hold the same. Exits 1 if anything is wrong.
//
// Reads the command line, makes the engine, and shows; the run itself is chaos/run.ts.

import { randomInt } from 'node:crypto'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import {
  CommandError,
  decimalNumber,
  nodeUrls,
  runCommand,
  UsageError,
  type Values,
  wholeNumber,
} from './args.ts'
import { AttachedEngine } from './chaos/attached-engine.ts'
import { ComposeEngine } from './chaos/compose-engine.ts'
import type { Engine } from './chaos/engine.ts'
import { htmlReport } from './chaos/html.ts'
import { ProcessEngine } from './chaos/process-engine.ts'
import { faultsFound, type Report, reportLines } from './chaos/report.ts'
import { type RunOptions, runChaos } from './chaos/run.ts'
import { faultsOf, SCENARIOS, type Scenario } from './chaos/scenarios.ts'
import { ChaosSdkPublisher } from './chaos/sdk-publisher.ts'
import { colours, liveBlock, liveLine } from './chaos/view.ts'
import { LedgerFile } from './ledger-file.ts'
import { PEER_PORT_DISTANCE, portsOf, unusablePorts } from './ports.ts'
import { Screen } from './screen.ts'
import { listenForStop } from './signals.ts'

const NODES_MAX = 9
const SDK_PUBLISHERS = 3
const TERMINAL_REFRESH_MS = 250
const LINE_EVERY_MS = 3_000
const INTERRUPTED = 130
const LINK_FAULTS = ['partition', 'one-way', 'flap', 'slow-link'] as const

const COMMAND = {
  name: 'chaos',
  summary: 'breaks a cluster under load and proves that it held. Exits 1 if it did not',
  options: {
    scenario: { type: 'string', value: 'NAME', help: 'what to break (mixed); the names are below' },
    seconds: { type: 'string', value: 'N', help: 'how long (60)' },
    cycles: { type: 'string', value: 'N', help: 'how many faults, instead of, or within, a time' },
    seed: { type: 'string', value: 'N', help: 'the same seed plans the same faults (random)' },
    engine: { type: 'string', value: 'process|compose', help: 'what the nodes are (process)' },
    attach: {
      type: 'string',
      value: 'URL,…',
      help: 'running nodes; faults only with --engine compose, from a container of their project',
    },
    nodes: { type: 'string', value: 'N', help: `how many nodes (3), 3 to ${NODES_MAX}` },
    rate: { type: 'string', value: 'N', help: 'events a second (600)' },
    duplicate: { type: 'string', value: 'SHARE', help: 'share of them sent before, 0 to 1 (0.3)' },
    'base-port': {
      type: 'string',
      value: 'PORT',
      help: `clients of n1 (8101); peers listen ${PEER_PORT_DISTANCE} above`,
    },
    data: { type: 'string', value: 'DIR', help: 'keep the data there (a temporary directory)' },
    ledger: { type: 'string', value: 'FILE', help: 'append the ledger, for `sekali check`' },
    report: { type: 'string', value: 'FILE', help: 'write everything as JSON' },
    html: { type: 'string', value: 'FILE', help: 'write a page with the timeline and the plots' },
  },
  notes: `Scenarios: ${SCENARIOS.join(', ')}.`,
} as const

type Options = Values<typeof COMMAND.options>

await runCommand(COMMAND, main)
// Everything is written and closed; what a killed or paused process may have left open keeps nobody waiting.
process.exit()

async function main(values: Options): Promise<number> {
  refuseMixture(values)
  const seed =
    values.seed === undefined
      ? randomInt(2 ** 31)
      : wholeNumber('--seed', values.seed, { min: 0, max: Number.MAX_SAFE_INTEGER })
  const harmless = values.attach !== undefined && values.engine === undefined
  const scenario = harmless ? null : scenarioOf(values.scenario ?? 'mixed')
  const limits = limitsOf(values)
  const rate = decimalNumber('--rate', values.rate ?? '600', { min: 1, max: 1e6 })
  const duplicateShare = decimalNumber('--duplicate', values.duplicate ?? '0.3', { min: 0, max: 1 })
  const engine = await engineOf(values, scenario)
  const ledgerFile = values.ledger === undefined ? null : new LedgerFile(values.ledger)

  const stop = listenForStop(() => process.exit(INTERRUPTED))
  const screen = new Screen(process.stdout)
  let report: Report | null = null
  let sdks: ChaosSdkPublisher[] = []
  try {
    screen.print(`seed ${seed}; starting ${engine.ids.length} nodes (${engine.name}) …`)
    await engine.startAll()
    const urls = engine.ids.map((id) => engine.url(id))
    sdks = Array.from({ length: SDK_PUBLISHERS }, () => new ChaosSdkPublisher(urls))
    const options: RunOptions = {
      ...{ scenario, seed, ...limits, rate, duplicateShare, sdks, ledgerFile },
      exclusive: values.attach === undefined,
    }
    report = await runChaos(
      {
        engine,
        stop,
        show: (moment) => {
          if (!screen.redraws) {
            screen.print(liveLine(moment))
            return LINE_EVERY_MS
          }
          screen.draw(liveBlock(moment, process.stdout.columns ?? 80, colours))
          return TERMINAL_REFRESH_MS
        },
      },
      options,
    )
    writeReport(report, values)
    screen.clear()
    screen.print(`${reportLines(report).join('\n')}`)
    return faultsFound(report).length === 0 ? 0 : 1
  } finally {
    await Promise.all(sdks.map((sdk) => sdk.close()))
    const keep = values.data !== undefined || report === null || faultsFound(report).length > 0
    const kept = await engine.close(keep)
    if (kept !== null) screen.print(`data and logs are kept in ${kept}`)
    ledgerFile?.close()
    stop.release()
  }
}

/** Options that would have no effect are refused, not ignored. */
function refuseMixture(values: Options): void {
  const { attach, engine } = values
  const without = (names: readonly (keyof Options)[], because: string): void => {
    const name = names.find((given) => values[given] !== undefined)
    if (name !== undefined) throw new UsageError(`--${name} has no effect with ${because}`)
  }
  if (engine !== undefined && engine !== 'process' && engine !== 'compose') {
    throw new UsageError(`--engine must be process or compose, not ${JSON.stringify(engine)}`)
  }
  if (attach !== undefined) {
    without(['nodes', 'base-port', 'data'], '--attach')
    if (engine !== 'compose') without(['scenario', 'cycles', 'engine'], '--attach')
  } else if (engine === 'compose') {
    without(['nodes', 'base-port', 'data'], '--engine compose')
  }
}

function scenarioOf(text: string): Scenario {
  const found = SCENARIOS.find((name) => name === text)
  if (found !== undefined) return found
  throw new UsageError(`--scenario must be one of ${SCENARIOS.join(', ')}`)
}

function limitsOf(values: Options): Pick<RunOptions, 'durationMs' | 'cycles'> {
  const cycles =
    values.cycles === undefined
      ? null
      : wholeNumber('--cycles', values.cycles, { min: 1, max: 1_000_000 })
  const seconds = values.seconds ?? (cycles === null ? '60' : undefined)
  const durationMs =
    seconds === undefined
      ? null
      : 1_000 * decimalNumber('--seconds', seconds, { min: 1, max: 1_000_000 })
  return { durationMs, cycles }
}

async function engineOf(values: Options, scenario: Scenario | null): Promise<Engine> {
  const urls = values.attach === undefined ? null : nodeUrls('--attach', values.attach)
  if (scenario === null) return AttachedEngine.open(urls!)
  if (urls !== null) return ComposeEngine.attach(urls)
  if (values.engine === 'compose') return ComposeEngine.open()
  const basePort = wholeNumber('--base-port', values['base-port'] ?? '8101', {
    min: 1,
    max: 65_535 - PEER_PORT_DISTANCE - NODES_MAX,
  })
  const count = wholeNumber('--nodes', values.nodes ?? '3', { min: 3, max: NODES_MAX })
  const ports = portsOf(count, basePort).flatMap(({ port, peerPort }) => [port, peerPort])
  const [busy] = await unusablePorts(ports)
  if (busy !== undefined) {
    throw new CommandError(`port ${busy.port} cannot be used (${busy.code}): choose --base-port`)
  }
  const faults = faultsOf(scenario)
  return ProcessEngine.open({
    directory: values.data ?? mkdtempSync(path.join(tmpdir(), 'sekali-chaos-')),
    count,
    basePort,
    links: LINK_FAULTS.some((fault) => faults.includes(fault)),
  })
}

function writeReport(report: Report, values: Options): void {
  if (values.report !== undefined) writeFileSync(values.report, `${JSON.stringify(report)}\n`)
  if (values.html !== undefined) writeFileSync(values.html, htmlReport(report))
}
