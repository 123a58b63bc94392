// Following three real processes, each of which is killed under those who follow it; and `npm run tail` in front of them.

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DataDir } from '../../cluster/data-dir.ts'
import { ClusterProcesses } from '../../cluster/processes.ts'
import {
  type Consumer,
  eventSourceConsumer,
  expectAllOnce,
  publishThroughKills,
  sdkConsumer,
  until,
} from './follow-world.ts'

const BASE_PORT = 18_360
const EVENTS = 3_000
const TAIL = path.join(import.meta.dirname, '..', '..', 'cluster', 'tail.ts')

let directory: string
let cluster: ClusterProcesses
const consumers: Consumer[] = []

beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'sekali-follow-'))
  const dataDir = DataDir.open(path.join(directory, 'data'))
  cluster = new ClusterProcesses({ dataDir, count: 3, basePort: BASE_PORT })
  cluster.startAll()
  await cluster.waitForAll()
}, 60_000)

afterAll(async () => {
  await Promise.all(consumers.map((consumer) => consumer.close()))
  await cluster.stopAll()
  rmSync(directory, { recursive: true, force: true })
}, 60_000)

/** `npm run tail` in the background. */
function tail(...parameters: string[]) {
  const child = spawn(process.execPath, [TAIL, '--nodes', cluster.urls.join(','), ...parameters])
  const seen = { output: '', errors: '', code: null as number | null }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    seen.output += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    seen.errors += text
  })
  const ended = new Promise<void>((resolve) => {
    child.on('close', (code) => {
      seen.code = code
      resolve()
    })
  })
  return { child, seen, ended }
}

test('the SDK, the npm EventSource and tail have all of it, once and in order, over three kills of the node they are on', async () => {
  const shown = tail('orders.**', '--from-start', '--json', '--count', String(EVENTS))
  consumers.push(sdkConsumer(cluster.urls), eventSourceConsumer(cluster.urls))

  await publishThroughKills(cluster, consumers, { hunted: consumers, count: EVENTS, rounds: 3 })
  await shown.ended

  for (const consumer of consumers) await expectAllOnce(consumer, EVENTS)
  const lines = shown.seen.output.trimEnd().split('\n')
  expect(lines.map((line) => JSON.parse(line).position)).toEqual(
    Array.from({ length: EVENTS }, (_, place) => place + 1),
  )
  expect(shown.seen.code).toBe(0)
})

test('tail shows a line for each event behind a position, and nothing that a terminal would obey', async () => {
  const { seen, ended } = tail('--after', String(EVENTS), '--count', '1')
  const event = { topic: 'strange', event_id: '\u001b[31mred\u202e', payload: { n: 1.5 } }
  await fetch(`${cluster.urls[0]}/publish`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(event),
  })
  await ended

  expect(seen.output).toBe(`${EVENTS + 1}  strange  \\u{1b}[31mred\\u{202e}  {"n":1.5}\n`)
})

test('tail ends at once when it is told to, or when nobody reads it any longer', async () => {
  const told = tail('--from-start')
  const unread = tail('--from-start')
  await until('both show something', () => told.seen.output !== '' && unread.seen.output !== '')

  told.child.kill('SIGINT')
  unread.child.stdout.destroy()
  await told.ended
  await fetch(`${cluster.urls[0]}/publish`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ topic: 'last', event_id: '1' }),
  })
  await unread.ended

  expect([told.seen.code, told.seen.errors]).toEqual([0, ''])
  expect([unread.seen.code, unread.seen.errors]).toEqual([0, ''])
})

test.each([
  [['a..b'], '--topic has an empty level'],
  [['a', 'b'], 'there can be one TOPIC'],
  [['--after', '1', '--from-start'], 'two starts'],
  [['--count', '0'], '--count must be'],
])('tail %j is refused in one line', async (parameters, reason) => {
  const { seen, ended } = tail(...parameters)
  await ended

  expect(seen.code).toBe(2)
  expect(seen.errors).toContain(reason)
})
