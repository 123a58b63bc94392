// `npm run bench`: how fast, how durable, at what price; measured on fresh clusters, and every acknowledgement checked.
// Exits 1 if a check fails.
//
// Reads the command line and shows; the runs themselves are bench/run.ts.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { CommandError, runCommand } from './args.ts'
import { BENCH_COMMAND, type BenchValues, benchOptions } from './bench/options.ts'
import { reportLines, runLine } from './bench/report.ts'
import { runBench } from './bench/run.ts'
import { portsOf, unusablePorts } from './ports.ts'
import { Screen } from './screen.ts'

const INTERRUPTED = 130

await runCommand(BENCH_COMMAND, main)
process.exit()

async function main(values: BenchValues): Promise<number> {
  const given = benchOptions(values)
  await refuseBusyPorts(given.basePort)
  const directory = values.data ?? mkdtempSync(path.join(tmpdir(), 'sekali-bench-'))
  mkdirSync(directory, { recursive: true })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => process.exit(INTERRUPTED))
  }
  let keep = values.data !== undefined
  process.once('exit', () => {
    // A node that was killed just now may still add a file.
    if (!keep) rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  })

  const screen = new Screen(process.stdout)
  const report = await runBench(
    { ...given, directory },
    {
      tell: (text) => {
        if (screen.redraws) screen.draw(text)
      },
      ended: (run) => {
        screen.clear()
        screen.print(runLine(run))
      },
    },
  )
  screen.print(`\n${reportLines(report).join('\n')}`)
  if (values.json !== undefined) {
    writeFileSync(values.json, `${JSON.stringify(report, null, 1)}\n`)
    screen.print(`written to ${values.json}`)
  }
  if (!report.ok) {
    keep = true
    screen.print(`data and logs are kept in ${directory}`)
  }
  return report.ok ? 0 : 1
}

async function refuseBusyPorts(basePort: number): Promise<void> {
  const ports = portsOf(3, basePort).flatMap(({ port, peerPort }) => [port, peerPort])
  const [busy] = await unusablePorts(ports)
  if (busy === undefined) return
  throw new CommandError(`port ${busy.port} cannot be used (${busy.code}): choose --base-port`)
}
