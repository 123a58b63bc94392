// /docs and the pages of problems in a real browser: they work without any network but the node, their own policies refuse
// nothing that they need, a request can be tried, and nobody who cannot see well is kept out of the text.

import { createRequire } from 'node:module'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { createApiServer } from '../../node/http/server.ts'
import { startNode } from '../node/harness.ts'
import { launchBrowser, openTab } from './browser.ts'

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
const LOOKS = [
  { name: 'wide and light', viewport: { width: 1280, height: 900 }, colorScheme: 'light' },
  { name: 'narrow and dark', viewport: { width: 360, height: 800 }, colorScheme: 'dark' },
] as const

let browser: Browser

beforeAll(async () => {
  browser = await launchBrowser()
})

afterAll(() => browser.close())

async function listeningNode(): Promise<string> {
  const node = await startNode()
  const server = createApiServer(node.api, node.app, 100)
  const port = await server.listen('127.0.0.1', 0)
  onTestFinished(() => server.close(0))
  return `http://127.0.0.1:${port}`
}

describe.each(LOOKS)('$name', ({ viewport, colorScheme }) => {
  test('/docs shows every route, and asks nobody else', async () => {
    const url = await listeningNode()
    const { page, complaints, requested } = await openTab(browser, { viewport, colorScheme })

    await page.goto(`${url}/docs`)
    await page.locator('#operations-publish-publish').waitFor()

    expect(await page.locator('.opblock').count()).toBeGreaterThan(15)
    expect(complaints).toEqual([])
    expect(
      requested.filter((target) => !target.startsWith(url) && !target.startsWith('data:')),
    ).toEqual([])
    const dark = await page.evaluate("document.documentElement.classList.contains('dark-mode')")
    expect(dark).toBe(colorScheme === 'dark')
    const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth')
    expect(overflow).toBeLessThanOrEqual(0)
  })

  test.each(['/problems', '/problems/outcome-unknown'])('%s', async (path) => {
    const url = await listeningNode()
    const { page, complaints } = await openTab(browser, { viewport, colorScheme, bypassCSP: true })

    await page.goto(`${url}${path}`)
    await page.addScriptTag({ path: AXE })
    const found = await page.evaluate<string[]>(
      'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ": " + nodes.map((n) => n.target).join()))',
    )

    expect(found).toEqual([])
    expect(complaints).toEqual([])
    const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth')
    expect(overflow).toBeLessThanOrEqual(0)
  })
})

test('a problem page keeps its style under its own policy', async () => {
  const url = await listeningNode()
  const { page, complaints } = await openTab(browser, { colorScheme: 'dark' })

  await page.goto(`${url}/problems`)

  expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe(
    'rgb(20, 23, 27)',
  )
  expect(complaints).toEqual([])
})

test('a request can be tried: an event is published from the page', async () => {
  const url = await listeningNode()
  const { page, complaints } = await openTab(browser)

  await page.goto(`${url}/docs`)
  const operation = page.locator('#operations-publish-publish')
  await operation.locator('.opblock-summary-control').click()
  await operation.getByRole('button', { name: 'Try it out' }).click()
  await operation.getByRole('button', { name: 'Execute' }).click()
  await operation.locator('.live-responses-table').waitFor()

  expect(await operation.locator('.live-responses-table').innerText()).toContain('"accepted"')
  const events = await (await fetch(`${url}/events`)).json()
  expect(events).toMatchObject({ events: [{ position: 1, topic: 'orders', event_id: 'o-1' }] })
  expect(complaints).toEqual([])
})
