// A log shipper that knows nothing of us: Debian's syslog-ng, with the documented configuration, ships the lines of a file as
// they are written, through the death of the leader. Every line is stored once.

import { type ChildProcess, spawn } from 'node:child_process'
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Sekali } from '../../client/sekali.ts'
import { DataDir } from '../../cluster/data-dir.ts'
import { ClusterProcesses } from '../../cluster/processes.ts'
import { until } from '../cluster/follow-world.ts'
import { program, run } from './programs.ts'

const BASE_PORT = 18_720
const LINES = 6_000
const LINES_AT_ONCE = 200
const EXAMPLE = path.join(import.meta.dirname, '..', '..', 'docs', 'examples', 'syslog-ng.conf')

let directory: string
let cluster: ClusterProcesses
let sekali: Sekali
let shipper: ChildProcess
let said = ''
let logFile: string

beforeAll(async () => {
  const syslogNg = program('syslog-ng', 'syslog-ng-core syslog-ng-mod-http')
  directory = mkdtempSync(path.join(tmpdir(), 'sekali-syslog-'))
  const dataDir = DataDir.open(path.join(directory, 'data'))
  cluster = new ClusterProcesses({ dataDir, count: 3, basePort: BASE_PORT })
  cluster.startAll()
  await cluster.waitForAll()
  sekali = new Sekali({ nodes: cluster.urls })

  logFile = path.join(directory, 'app.log')
  writeFileSync(logFile, '')
  mkdirSync(path.join(directory, 'queue'))
  const configuration = path.join(directory, 'syslog-ng.conf')
  writeFileSync(configuration, adapted(readFileSync(EXAMPLE, 'utf8')))
  const files = [
    `--cfgfile=${configuration}`,
    `--persist-file=${path.join(directory, 'persist')}`,
    `--pidfile=${path.join(directory, 'pid')}`,
    `--control=${path.join(directory, 'control')}`,
    '--no-caps',
  ]
  const checked = await run(syslogNg, ['--syntax-only', ...files])
  expect(checked).toEqual({ code: 0, output: '' })
  shipper = spawn(syslogNg, ['--foreground', '--stderr', ...files])
  shipper.stderr?.on('data', (text: Buffer) => {
    said += text
  })
}, 120_000)

afterAll(async () => {
  shipper?.kill('SIGTERM')
  await sekali?.close()
  await cluster?.stopAll()
  rmSync(directory, { recursive: true, force: true })
}, 60_000)

/** The example, with this test's places in it. */
function adapted(text: string): string {
  const places: [string, string][] = [
    ['/var/log/app.log', logFile],
    ['/var/lib/syslog-ng', path.join(directory, 'queue')],
    ...cluster.urls.map((url, place): [string, string] => [
      `http://127.0.0.1:${8001 + place}`,
      url,
    ]),
  ]
  for (const [documented, ours] of places) {
    expect(text).toContain(documented)
    text = text.replaceAll(documented, ours)
  }
  return text
}

/** Some that need escaping among them. */
const line = (number: number): string =>
  number % 100 === 0 ? `line ${number}\t"quoted" \\ back, größer €` : `line ${number}`

test('every line is stored once, though the leader dies on the way', async () => {
  let written = 0
  const write = (): void => {
    const next = Array.from({ length: LINES_AT_ONCE }, (_, place) => line(written + place))
    appendFileSync(logFile, `${next.join('\n')}\n`)
    written += LINES_AT_ONCE
  }
  const stored = async () => (await sekali.stats()).unique_processed

  while (written < LINES / 3) write()
  await until('lines arrive', async () => (await stored()) > LINES / 6)
  const leader = await cluster.waitForLeader()
  await cluster.kill(leader)
  while (written < LINES) {
    const before = await stored()
    write()
    await until('lines arrive still', async () => (await stored()) > before)
  }
  await until(
    `all are stored; it said: ${said.slice(-2_000)}`,
    async () => (await stored()) >= LINES,
  )
  cluster.start(leader)
  await cluster.waitForAll()

  const lines: string[] = []
  for await (const { payload } of sekali.events({ topic: 'logs.app' })) {
    lines.push((payload as { line: string }).line)
  }
  const numbered = (text: string): number => Number(/^line (\d+)/.exec(text)?.[1])
  expect(lines.toSorted((left, right) => numbered(left) - numbered(right))).toEqual(
    Array.from({ length: LINES }, (_, number) => line(number)),
  )
  expect((await sekali.stats()).conflicts).toBe(0)
})
