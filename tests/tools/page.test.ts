// The page at / in a real browser, in front of three real processes that are killed one after the other: it must show what
// is, say what it does not know, and come back by itself. `SCREENSHOTS=FOLDER` keeps what it looked like.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Sekali } from '../../client/index.ts'
import { DataDir } from '../../cluster/data-dir.ts'
import { ClusterProcesses } from '../../cluster/processes.ts'
import { launchBrowser, openTab, type Tab } from './browser.ts'

const BASE_PORT = 18_640
const WIDE = { width: 1_280, height: 900 }
const NARROW = { width: 360, height: 780 }
const WAIT_MS = 60_000
const TOPICS = ['orders', 'orders.paid', 'billing.invoice', 'system.logs.nginx', 'sensors.hall']
const { SCREENSHOTS } = process.env

let directory: string
let cluster: ClusterProcesses
let browser: Browser
let load: Load
/** Who led at first; the node that is looked at; the third. */
let leader: string
let watched: string
let third: string
let tab: Tab
let others: Tab[]

beforeAll(async () => {
  browser = await launchBrowser()
  directory = mkdtempSync(path.join(tmpdir(), 'sekali-page-'))
  const dataDir = DataDir.open(path.join(directory, 'data'))
  cluster = new ClusterProcesses({ dataDir, count: 3, basePort: BASE_PORT })
  cluster.startAll()
  leader = await cluster.waitForAll(WAIT_MS)
  ;[watched, third] = cluster.ids.filter((id) => id !== leader) as [string, string]
  load = new Load(cluster.urls)
  await load.until(200)
  tab = await openTab(browser, { viewport: WIDE, colorScheme: 'light' })
  others = await Promise.all([
    openTab(browser, { viewport: WIDE, colorScheme: 'dark' }),
    openTab(browser, { viewport: NARROW, colorScheme: 'light' }),
    openTab(browser, { viewport: NARROW, colorScheme: 'dark' }),
  ])
  for (const { page } of [tab, ...others]) await page.goto(cluster.url(watched))
}, 240_000)

afterAll(async () => {
  await load?.stop()
  await browser?.close()
  await cluster?.stopAll()
  rmSync(directory, { recursive: true, force: true })
}, 60_000)

/** Publishes without a pause, 30 % of it again, to whoever answers; a stop in between is its usual fare. */
class Load {
  readonly #sekali: Sekali
  readonly #done: Promise<void>
  #stopped = false
  #held = false
  #batch: Promise<void> = Promise.resolve()
  published = 0

  constructor(nodes: readonly string[]) {
    this.#sekali = new Sekali({ nodes: nodes.join(',') })
    this.#done = this.#run()
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      if (!this.#held) this.#batch = this.#publish()
      await this.#batch
      await sleep(100)
    }
  }

  async #publish(): Promise<void> {
    const events = Array.from({ length: 20 }, (_, place) => {
      const number = Math.max(0, this.published + place - (place % 10 < 3 ? 25 : 0))
      return {
        topic: TOPICS[number % TOPICS.length]!,
        event_id: `e-${number}`,
        payload: { number, total: number * 1.5 },
      }
    })
    await this.#sekali.publish(events).catch(() => undefined)
    this.published += events.length
  }

  /** Resolves when nothing is on its way any more. */
  async hold(): Promise<void> {
    this.#held = true
    await this.#batch
  }

  goOn(): void {
    this.#held = false
  }

  async one(topic: string, event_id: string): Promise<void> {
    await this.#sekali.publish({ topic, event_id, payload: {} })
  }

  async until(published: number): Promise<void> {
    while (this.published < published) await sleep(50)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#sekali.close()
    await this.#done
  }
}

async function headline(page: Page, text: RegExp | string): Promise<void> {
  const title = page.getByRole('heading', { level: 1 })
  try {
    await title.filter({ hasText: text }).waitFor({ timeout: WAIT_MS })
  } catch (cause) {
    const said = [await title.textContent(), await page.locator('#detail').textContent()]
    throw new Error(`${text} was waited for, and the page says: ${said.join(' ')}`, { cause })
  }
}

const card = (page: Page, id: string) =>
  page.locator('.node').filter({ has: page.getByRole('heading', { name: id, exact: true }) })

const factOf = (page: Page, id: string, name: string) =>
  card(page, id).locator(`[data-fact=${name}]`).textContent()

async function picture(name: string): Promise<void> {
  if (SCREENSHOTS === undefined) return
  const names = ['wide-light', 'wide-dark', 'narrow-light', 'narrow-dark']
  for (const [place, { page }] of [tab, ...others].entries()) {
    await page.screenshot({ path: path.join(SCREENSHOTS, `${name}-${names[place]}.png`) })
  }
}

// In this order: each goes on from where the one before has left the cluster.
describe('the page, in front of a cluster', () => {
  test('shows three nodes, who leads, and that all store the same', async () => {
    const { page } = tab
    await headline(page, new RegExp(`^${leader} leads term \\d+\\.$`))
    await page.getByText('the same on all 3 nodes: the digests are equal').waitFor()

    expect(await page.locator('.node').count()).toBe(3)
    expect(await factOf(page, leader, 'role')).toBe('leader')
    expect(await factOf(page, watched, 'role')).toBe('follower')
    expect(await factOf(page, watched, 'which')).toBe('this node')
    expect(await factOf(page, third, 'digest')).toMatch(/^[0-9a-f]{8}, equal at [\d,]+$/)
    await page.locator('.reigns').getByText(`${leader} · term`).waitFor()
    await page.locator('.chart svg polygon.accepted').waitFor()
    await page.getByText('5 in all').waitFor()
    await page.getByRole('button', { name: 'sensors.hall' }).waitFor()
    expect(await page.locator('.events li').count()).toBe(12)
    await picture('1-before')
  })

  test('any node shows the same', async () => {
    const { page, complaints } = await openTab(browser)

    await page.goto(cluster.url(leader))
    await headline(page, new RegExp(`^${leader} leads term`))
    await page.getByText('the same on all 3 nodes').waitFor()
    await card(page, watched).getByRole('link').click()
    await page.waitForURL(cluster.url(watched))
    await headline(page, new RegExp(`^${leader} leads term`))

    expect(complaints).toEqual([])
    await page.close()
  })

  test('asks its own node and nobody else, and has nothing to complain of', async () => {
    const origins = new Set(tab.requested.map((url) => new URL(url).origin))

    expect(origins).toEqual(new Set([cluster.url(watched)]))
    expect(tab.requested.length).toBeGreaterThan(15)
    for (const { complaints } of [tab, ...others]) expect(complaints).toEqual([])
  })

  test('new events appear, and what was opened to be read stays open', async () => {
    const { page } = tab
    const newest = page.locator('.events li').first()
    await load.hold()
    await load.one('orders', 'e-held')
    await newest.filter({ hasText: 'e-held' }).click()
    const opened = page.locator('.events li:has(details[open])')

    await load.one('orders', 'e-later')
    await newest.filter({ hasText: 'e-later' }).waitFor()
    load.goOn()

    expect(await opened.locator('.event-id').textContent()).toBe('e-held')
    expect(await opened.locator('pre').textContent()).toBe('{}')
  })

  test('the leader is killed: who has gone, the gap, and who leads now', async () => {
    const { page } = tab
    const termBefore = Number(await factOf(page, watched, 'term'))

    cluster.signal(leader, 'SIGKILL')
    await headline(page, /is not heard|No leader/)
    await picture('2-during')
    await headline(
      page,
      new RegExp(`^(${watched}|${third}) leads term \\d+; ${leader} is not heard`),
    )

    const [now] = await page.locator('.reigns li').allTextContents()
    expect(now).toMatch(/began .* ago, after .* without a leader$/)
    expect(now).not.toContain(leader)
    expect(Number(await factOf(page, watched, 'term'))).toBeGreaterThan(termBefore)
    expect(await page.locator('.chart .gap').count()).toBeGreaterThanOrEqual(1)
    expect(await factOf(page, leader, 'role')).toBe('was leader')
    expect(await factOf(page, leader, 'trouble')).toContain('these are its last words')
    expect(await factOf(page, leader, 'lag')).toBe('not known')
    expect(await page.locator('#spoken').textContent()).toMatch(/leads term \d+; n\d is not heard$/)
    await page.locator('.chart .reign').nth(1).waitFor()
    await picture('3-after')
  })

  test('two are gone: no leader, publishes wait, and nothing old passes for new', async () => {
    const { page } = tab

    cluster.signal(third, 'SIGKILL')
    await headline(page, 'No leader: publishes wait.')
    await page.getByText('It hears 0 of 2 others; a leader needs 2 of 3 nodes.').waitFor()

    for (const id of [leader, third]) {
      expect(await card(page, id).getAttribute('data-fresh')).toBe('no')
      expect(await factOf(page, id, 'role')).toMatch(/^was |^asked /)
      expect(await factOf(page, id, 'lag')).toBe('not known')
    }
    expect(await card(page, watched).getAttribute('data-fresh')).toBe('yes')
    expect(await page.locator('.reigns li').first().textContent()).toContain('no leader')
    // Reads still answer.
    await page.getByLabel('Topic', { exact: true }).fill('orders')
    await page.getByLabel('Event id').fill('e-0')
    await page.getByLabel('Event id').press('Enter')
    await page.getByText('Yes, at position').waitFor()
    await picture('4-no-leader')
  })

  test('its own node is gone: it says so, and since when', async () => {
    const { page } = tab

    cluster.signal(watched, 'SIGKILL')
    await headline(page, `${watched} does not answer.`)

    await page.getByText(/Last heard \d+ s ago\. What stands below was true then/).waitFor()
    expect(await page.locator('#liveness').textContent()).toMatch(/^no answer for/)
    expect(await page.locator('.node[data-fresh=yes]').count()).toBe(0)
    await page.locator('.chart .unknown').waitFor()
    await page.getByRole('button', { name: 'Ask' }).click()
    await page.locator('#seen-answer').getByText('This node does not answer.').waitFor()
    await picture('5-lost')
  })

  test('all come back, and the page with them, by itself', async () => {
    const { page } = tab

    for (const id of cluster.ids) cluster.start(id)
    await headline(page, /^n\d leads term \d+\.$/)

    await page.getByText('the same on all 3 nodes').waitFor()
    await page.locator('#events-note').getByText('does not answer').waitFor({ state: 'detached' })
    expect(await page.locator('.node[data-fresh=yes]').count()).toBe(3)
    expect(tab.complaints.filter((text) => !text.includes('ERR_CONNECTION_REFUSED'))).toEqual([])
  })
})
