// One short chaos run for real: three processes, the leader killed under load, everything read back. Then the same
// cluster is held against the run's ledger by the command that users have, once honestly and once through a liar.

import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EventsPage } from '../../../client/contract/read.ts'
import { ProcessEngine } from '../../../cluster/chaos/process-engine.ts'
import { faultsFound, type Report } from '../../../cluster/chaos/report.ts'
import { runChaos } from '../../../cluster/chaos/run.ts'
import { ChaosSdkPublisher } from '../../../cluster/chaos/sdk-publisher.ts'
import { liveLine } from '../../../cluster/chaos/view.ts'
import { LedgerFile } from '../../../cluster/ledger-file.ts'
import type { StopWish } from '../../../cluster/signals.ts'
import { Liar } from './liar.ts'

const BASE_PORT = 18_240
const COMMANDS = path.join(import.meta.dirname, '..', '..', '..', 'cluster')
const CYCLES = 3
const run = promisify(execFile)

let directory: string
let ledger: string
let engine: ProcessEngine
let report: Report
const lines: string[] = []

const NEVER: StopWish = {
  asked: new Promise(() => {}),
  isAsked: () => false,
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  release: () => {},
}

beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'sekali-chaos-test-'))
  ledger = path.join(directory, 'ledger.ndjson')
  engine = await ProcessEngine.open({
    directory: path.join(directory, 'data'),
    count: 3,
    basePort: BASE_PORT,
    links: false,
  })
  await engine.startAll()
  const sdk = new ChaosSdkPublisher([engine.url('n1')])
  const ledgerFile = new LedgerFile(ledger)
  const show = (moment: Parameters<typeof liveLine>[0]): number => {
    lines.push(liveLine(moment))
    return 1_000
  }
  report = await runChaos(
    { engine, stop: NEVER, show },
    {
      ...{ scenario: 'kill-leader', seed: 4, durationMs: null, cycles: CYCLES },
      ...{ rate: 200, duplicateShare: 0.3, sdks: [sdk], ledgerFile, exclusive: true },
    },
  )
  ledgerFile.close()
  await sdk.close()
}, 100_000)

afterAll(async () => {
  await engine.close(false)
  rmSync(directory, { recursive: true, force: true })
}, 60_000)

interface Ended {
  readonly code: number
  readonly text: string
}

async function check(...words: string[]): Promise<Ended> {
  const parameters = [path.join(COMMANDS, 'check.ts'), ...words]
  try {
    return { code: 0, text: (await run(process.execPath, parameters)).stdout }
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
    return { code, text: stdout + stderr }
  }
}

const urls = (): string[] => engine.ids.map((id) => engine.url(id))

describe('kill-leader', () => {
  test('ends with a clean verdict', () => {
    expect(faultsFound(report)).toEqual([])
    expect(report.verdict).toMatchObject({
      clean: true,
      lost: 0,
      storedTwice: 0,
      phantoms: 0,
      positionsDense: true,
      countersEqual: true,
    })
    expect(report.verdict?.digestsEqualAt).toBeGreaterThan(0)
  })

  test('did kill leaders, and something was acknowledged after each', () => {
    expect(report.faults).toHaveLength(CYCLES)
    for (const fault of report.faults) {
      expect(fault).toMatchObject({ type: 'kill', hitLeader: true })
      expect(fault.firstAckMs).toBeGreaterThan(0)
    }
    const killed = report.timelines.flatMap(({ spans }) => spans.map(({ phase }) => phase))
    expect(killed).toContain('killed')
  })

  test('was under load from the SDK and from plain clients, with duplicates and conflicts', () => {
    expect(report.counts.accepted).toBeGreaterThan(0)
    expect(report.counts.duplicates).toBeGreaterThan(0)
    expect(report.counts.sdkCalls).toBeGreaterThan(0)
    expect(report.counts.reads).toBeGreaterThan(0)
    expect(lines.at(-1)).toContain('of 3 cycles')
  })
})

describe('check', () => {
  test('proves an honest cluster', async () => {
    const { code, text } = await check('--ledger', ledger, '--exclusive', '--nodes', urls().join())

    expect(text).toMatch(/^lost +0$/m)
    expect(text).toMatch(/PROVED\n$/)
    expect(code).toBe(0)
  })

  test('finds the one acknowledged event that a node leaves out of its answers', async () => {
    const position = Math.ceil(report.counts.accepted / 2)
    const liar = await Liar.before(engine.url('n2'), withoutPosition(position))
    const [n1, , n3] = urls()

    const nodes = [n1, liar.url, n3].join()
    const { code, text } = await check('--ledger', ledger, '--nodes', nodes)
    await liar.close()

    expect(code).toBe(1)
    expect(text).toMatch(/^lost +1$/m)
    expect(text).toMatch(new RegExp(`at position ${position}, is missing on n2`))
    expect(text).toMatch(/DISPROVED\n$/)
  })

  test('finds an event whose content was changed', async () => {
    const liar = await Liar.before(engine.url('n3'), (page) => ({
      ...page,
      events: page.events.map((event) =>
        event.position === 3 ? { ...event, payload: { forged: true } } : event,
      ),
    }))

    const { code, text } = await check('--ledger', ledger, '--nodes', liar.url)
    await liar.close()

    expect(code).toBe(1)
    expect(text).toContain('content-changed')
  })

  test('leaves out the line over which the writer died, and refuses one that is damaged before', async () => {
    const torn = path.join(directory, 'torn.ndjson')
    const whole = readFileSync(ledger, 'utf8')
    writeFileSync(torn, `${whole}{"call":`)
    expect(await check('--ledger', torn, '--nodes', engine.url('n1'))).toMatchObject({ code: 0 })

    writeFileSync(torn, whole.replace('\n', '\n{"call":\n'))
    const { code, text } = await check('--ledger', torn, '--nodes', engine.url('n1'))
    expect(code).toBe(2)
    expect(text).toContain('line 2')
  })

  test('says what it needs', async () => {
    expect(await check()).toMatchObject({ code: 2 })
    expect(await check('--ledger', path.join(directory, 'none'))).toMatchObject({ code: 2 })
  })
})

function withoutPosition(position: number): (page: EventsPage) => EventsPage {
  return (page) => ({
    ...page,
    events: page.events.filter((event) => event.position !== position),
  })
}
