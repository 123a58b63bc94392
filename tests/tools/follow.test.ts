// 20,000 events followed by two clients that are not ours, over three kills of the node each is on: the npm EventSource, and the
// EventSource of Debian's Chromium, in the page of docs/examples that goes on at another node. Beside them an EventSource
// of Chromium's that does nothing but come back to its own node by itself.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DataDir } from '../../cluster/data-dir.ts'
import { ClusterProcesses } from '../../cluster/processes.ts'
import {
  type Consumer,
  eventSourceConsumer,
  expectAllOnce,
  publishThroughKills,
} from '../cluster/follow-world.ts'
import { launchBrowser, openTab } from './browser.ts'

const BASE_PORT = 18_680
const EVENTS = 20_000
const ROOT = path.join(import.meta.dirname, '..', '..')
const EXAMPLE = readFileSync(path.join(ROOT, 'docs', 'examples', 'follow-in-browser.html'))
const TEST_MS = 600_000

let directory: string
let site: Server
let origin: string
let cluster: ClusterProcesses
let browser: Browser
const consumers: Consumer[] = []

beforeAll(async () => {
  browser = await launchBrowser()
  // A page of another origin than any node, as pages of users are.
  site = createServer(({ url }, answer) => {
    answer.setHeader('content-type', 'text/html; charset=utf-8')
    answer.end(url === '/plain' ? '<!doctype html><title>plain</title>' : EXAMPLE)
  })
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`
  directory = mkdtempSync(path.join(tmpdir(), 'sekali-follow-'))
  const dataDir = DataDir.open(path.join(directory, 'data'))
  const env = { CORS_ORIGINS: origin }
  cluster = new ClusterProcesses({ dataDir, count: 3, basePort: BASE_PORT, env })
  cluster.startAll()
  await cluster.waitForAll()
}, 120_000)

afterAll(async () => {
  await Promise.all(consumers.map((consumer) => consumer.close()))
  await browser?.close()
  await cluster?.stopAll()
  site?.close()
  rmSync(directory, { recursive: true, force: true })
}, 60_000)

/** What a page has gathered in its `positions`. */
function inPage(name: string, page: Page, node: () => Promise<string>): Consumer {
  return {
    name,
    positions: () => page.evaluate('window.positions') as Promise<number[]>,
    count: () => page.evaluate('window.positions.length') as Promise<number>,
    node,
    close: () => page.close(),
  }
}

/** The example, as it is documented. */
async function exampleConsumer(): Promise<Consumer> {
  const { page } = await openTab(browser)
  await page.addInitScript(
    "window.positions = []; addEventListener('sekali', ({ detail }) => positions.push(detail.position))",
  )
  await page.goto(`${origin}/?nodes=${cluster.urls.join(',')}&topic=orders.*`)
  return inPage("Chromium's EventSource", page, async () => (await page.textContent('#node')) ?? '')
}

/** One EventSource of one node, which it never leaves. */
async function faithfulConsumer(url: string): Promise<Consumer> {
  const { page } = await openTab(browser)
  await page.goto(`${origin}/plain`)
  await page.evaluate(`
    window.positions = []
    window.source = new EventSource('${url}/subscribe?topic=orders.*&after=0')
    source.onmessage = ({ data }) => positions.push(JSON.parse(data).position)
  `)
  return inPage("Chromium's EventSource at one node", page, async () => url)
}

test(
  'both have all of it, once and in order',
  async () => {
    const hunted = [eventSourceConsumer(cluster.urls), await exampleConsumer()]
    consumers.push(...hunted, await faithfulConsumer(cluster.urls[0]!))

    await publishThroughKills(cluster, consumers, { hunted, count: EVENTS, rounds: 3 })

    for (const consumer of consumers) await expectAllOnce(consumer, EVENTS)
  },
  TEST_MS,
)

test('a page whose origin is not named is told nothing', async () => {
  const { page } = await openTab(browser)
  await page.goto(`${origin.replace('127.0.0.1', 'localhost')}/?nodes=${cluster.urls[0]}`)
  const answer = page.evaluate(
    `fetch('${cluster.urls[0]}/stats').then(() => 'told', () => 'not told')`,
  )

  expect(await answer).toBe('not told')
})
