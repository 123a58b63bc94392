// `npm run bench` for real, as short as it goes: what it prints and writes, that it cleans up, and that a node which forgets
// one event is found out. No figure is judged here.

import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, test, vi } from 'vitest'
import { DURABLE, type Report } from '../../../cluster/bench/results.ts'

const BENCH = path.join(import.meta.dirname, '..', '..', '..', 'cluster', 'bench.ts')
const STUB_DRIVER = path.join(import.meta.dirname, 'stub-driver.mjs')
const FORGETFUL_NODE = path.join(import.meta.dirname, 'forgetful-node.ts')
const BASE_PORT = 18_320
const run = promisify(execFile)

// Several clusters each, on a machine that may have other things to do.
vi.setConfig({ testTimeout: 300_000 })

const directory = mkdtempSync(path.join(tmpdir(), 'sekali-bench-test-'))

afterAll(() => rmSync(directory, { recursive: true, force: true }))

async function bench(...parameters: string[]): Promise<{ code: number; text: string }> {
  const given = ['--seconds', '1', '--warm-up', '0.2', '--repeats', '1']
  const all = [BENCH, ...given, '--base-port', String(BASE_PORT), ...parameters]
  const env = { ...process.env, TMPDIR: directory }
  try {
    return { code: 0, text: (await run(process.execPath, all, { env })).stdout }
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
    return { code, text: stdout + stderr }
  }
}

test('measures, checks every acknowledgement, writes JSON, and leaves nothing behind', async () => {
  const file = path.join(directory, 'bench.json')

  const { code, text } = await bench('--mode', 'single,batch,sdk', '--json', file)

  expect(text).toMatch(/acknowledged events: each is stored once on every node, as it was sent/)
  expect(code).toBe(0)
  for (const name of ['single', 'batch', 'sdk'])
    expect(text).toMatch(new RegExp(`^${name} +\\d`, 'm'))
  const report = JSON.parse(readFileSync(file, 'utf8')) as Report
  expect(report.ok).toBe(true)
  expect(
    report.runs.map(({ mode, repeat, by, promise }) => ({ mode, repeat, by, promise })),
  ).toEqual(
    ['single', 'batch', 'sdk'].map((mode) => ({ mode, repeat: 1, by: 'sekali', promise: DURABLE })),
  )
  for (const { lines, faults, acknowledged, distinct } of report.runs) {
    expect(faults).toEqual([])
    expect(acknowledged).toBeGreaterThan(distinct)
    expect(lines).toHaveLength(1)
    const load = lines[0]!.load!
    expect(load.failed).toBe(0)
    expect(load.operations).toBeGreaterThan(0)
    expect(load.p50Ms).toBeLessThanOrEqual(load.p99Ms)
    expect(Object.keys(load.cpu.nodes)).toEqual(['n1', 'n2', 'n3'])
  }
  const [, batched] = report.runs
  expect(batched!.lines[0]!.load!.operations % 100).toBe(0)
  expect(readdirSync(directory)).toEqual(['bench.json'])
})

test('a node that forgets one event is found out, and the data are kept', async () => {
  const data = path.join(directory, 'kept')

  const { code, text } = await bench(
    ...['--mode', 'batch', '--entry', FORGETFUL_NODE, '--node-env', 'FSYNC=off', '--data', data],
  )

  expect(text).toMatch(/FAULT batch 1: n2 lacks \w+\/[-\w]+, acknowledged at position 7$/m)
  expect(text).toMatch(/batch \(fsync off\)/)
  expect(code).toBe(1)
  expect(existsSync(path.join(data, 'batch-1-sekali', 'n2'))).toBe(true)
})

test('an opponent runs after us each time, under the same load, and is compared', async () => {
  const file = path.join(directory, 'against.json')

  const { code, text } = await bench(
    ...['--mode', 'batch,failover', '--kills', '1', '--against', STUB_DRIVER, '--json', file],
  )

  expect(text).toMatch(/^batch: [\d.]+ × stub \(/m)
  expect(text).toMatch(/^batch 1 \(stub\): /m)
  expect(text).toMatch(/^failover SIGKILL: failed publishes +0 +0 +0$/m)
  expect(code).toBe(0)
  const { runs } = JSON.parse(readFileSync(file, 'utf8')) as Report
  expect(runs.map(({ mode, by, proved }) => ({ mode, by, proved }))).toEqual(
    ['batch', 'failover'].flatMap((mode) => [
      { mode, by: 'sekali', proved: true },
      { mode, by: 'stub', proved: false },
    ]),
  )
  const theirs = runs[1]!
  expect(theirs.stored).toBe(theirs.distinct)
  expect(theirs.lines[0]!.load!.operations).toBeGreaterThan(0)
})

test('a port that is taken is said before anything starts', async () => {
  const taken = createServer().listen(BASE_PORT + 1, '127.0.0.1')
  await once(taken, 'listening')

  const answer = await bench('--mode', 'single')
  taken.close()

  expect(answer).toEqual({
    code: 1,
    text: `sekali bench: port ${BASE_PORT + 1} cannot be used (EADDRINUSE): choose --base-port\n`,
  })
})
