// The page in a real browser, in states that a cluster is seldom in, or not for long: a store that differs, names that hold
// markup, a hidden tab. One node in this process answers the browser, without a socket; GET /overview is what a test says.

import axe from 'axe-core'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Overview } from '../../client/contract/overview.ts'
import { startNode, type TestNode } from '../node/harness.ts'
import { overview, report, node as row } from '../node/page/samples.ts'
import { launchBrowser, openTab, type Tab } from './browser.ts'

const ORIGIN = 'http://n2.test'
const WIDE = { width: 1_280, height: 900 }
const NARROW = { width: 360, height: 780 }
const MARKUP = '<img src=x onerror=alert(1)>'
const LONG = 'x'.repeat(255)

const NO_LEADER = overview({
  leader_id: null,
  nodes: [
    row('n1', { fresh: false, age_ms: 12_000 }),
    row('n2', { report: report({ role: 'preCandidate' }) }),
    row('n3', { fresh: false, linked: false, report: null, age_ms: null, digest_check: null }),
  ],
  leadership: [
    { term: 3, leader_id: 'n1', role: 'follower', age_ms: 60_000 },
    { term: 3, leader_id: null, role: 'preCandidate', age_ms: 11_500 },
  ],
})

const STRANGE = overview({
  nodes: [
    row('n1', { digest_check: { verdict: 'differs', index: 40, age_ms: 200 } }),
    row('n2', { report: report({ fsync: false }) }),
    row('n3', { report: report({ standing: 'suspect' }), lag: 12_345, url: 'javascript:alert(1)' }),
  ],
})

let browser: Browser
const opened: Tab[] = []

beforeAll(async () => {
  browser = await launchBrowser()
})

afterAll(() => browser?.close())

afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ page }) => page.context().close()))
})

interface Shown extends Tab {
  readonly node: TestNode
  /** What GET /overview answers; null: no answer. */
  answer: Overview | null
}

/** The page at n2, which holds a few events. `prepare` comes before it is loaded. */
async function show(
  answer: Overview = overview(),
  options: BrowserContextOptions = { viewport: WIDE },
  prepare: (page: Page) => Promise<unknown> = async () => {},
): Promise<Shown> {
  const node = await startNode()
  await node.publish([
    { topic: 'orders', event_id: 'o-1', payload: { digits: '#' } },
    { topic: 'orders.paid', event_id: 'p-1', source: 'till' },
    { topic: MARKUP, event_id: MARKUP, payload: { [MARKUP]: MARKUP } },
    { topic: LONG, event_id: LONG, source: LONG },
  ])
  const tab = await openTab(browser, options)
  opened.push(tab)
  const shown: Shown = { ...tab, node, answer }
  await tab.page.route('**/*', async (route) => {
    const request = route.request()
    const url = new URL(request.url())
    if (url.pathname === '/overview') {
      return shown.answer === null ? route.abort() : route.fulfill({ json: shown.answer })
    }
    const body = request.postData()
    const reply = await node.request(url.pathname + url.search, {
      method: request.method(),
      headers: request.headers(),
      ...(body !== null && { body }),
    })
    await route.fulfill({
      status: reply.status,
      headers: Object.fromEntries(reply.headers),
      body: reply.text,
    })
  })
  await prepare(tab.page)
  await tab.page.goto(ORIGIN)
  await tab.page.locator('.node').first().waitFor()
  await tab.page.locator('.events li').first().waitFor()
  await tab.page.locator('.topics li').first().waitFor()
  return shown
}

const text = (page: Page, selector: string) => page.locator(selector).textContent()

describe('every state, light and dark, narrow and wide', () => {
  const states: [string, Overview][] = [
    ['all is well', overview()],
    ['no leader', NO_LEADER],
    ['what should not be', STRANGE],
  ]
  const looks = (['light', 'dark'] as const).flatMap((colorScheme) =>
    [WIDE, NARROW].map((viewport) => ({ colorScheme, viewport })),
  )
  const cases = states.flatMap(([name, state]) =>
    looks.map((look) => [name, look.colorScheme, look.viewport.width, state, look] as const),
  )

  test.each(cases)(
    '%s, %s, %d px: no fault that axe knows of, nothing too wide',
    async (...one) => {
      const [, , width, state, look] = one
      const { page, complaints } = await show(state, { ...look, bypassCSP: true })
      await page.locator('.events summary').first().click()
      await page.locator('#figures summary').click()

      await page.evaluate(axe.source)
      const result = (await page.evaluate('axe.run()')) as axe.AxeResults

      const faults = result.violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])
      expect(faults).toEqual([])
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width)
      expect(complaints).toEqual([])
    },
  )
})

describe('what users and peers say is text', () => {
  test('markup in topics, ids and payloads is shown, and does nothing', async () => {
    const { page, complaints } = await show()

    const event = page.locator('.events li').filter({ hasText: MARKUP })
    await event.locator('summary').click()
    await page.locator('.topics li').filter({ hasText: MARKUP }).getByRole('button').click()
    await page.getByText(`The newest in ${MARKUP}.`).waitFor()

    expect(await event.locator('.event-id').textContent()).toBe(MARKUP)
    expect(await event.locator('pre').textContent()).toContain(JSON.stringify(MARKUP))
    expect(await page.locator('main img').count()).toBe(0)
    expect(complaints).toEqual([])
  })

  test('an URL that a peer tells is a link only if it leads to a page', async () => {
    const { page } = await show(STRANGE)

    const targets = await page
      .locator('.node a')
      .evaluateAll((links) => links.map((link) => link.getAttribute('href')))

    expect(targets).toEqual(['http://n1.test/'])
  })

  test('an event leads to itself as JSON, whatever it is called, a CloudEvent too', async () => {
    const { page, node } = await show()
    await node.publish(
      { specversion: '1.0', id: '..', source: '/till', type: 'paid', data: { total: 1 } },
      'application/cloudevents+json',
    )
    await page.getByLabel('Topic or pattern').fill('paid')
    await page.getByRole('button', { name: 'Filter' }).click()

    const event = page.locator('.events li').filter({ hasText: 'paid' })
    await event.filter({ hasText: '..' }).locator('summary').click()
    await event.getByText('CloudEvent, timestamp').waitFor()
    const href = await event.getByRole('link', { name: 'As JSON' }).getAttribute('href')

    const { body } = await node.request(href!)
    expect(body.events).toMatchObject([{ topic: 'paid', event_id: '..', cloudevent: true }])
  })

  test('numbers keep the digits they were sent with', async () => {
    const { page, node } = await show()
    await node.publish('{"topic":"digits","event_id":"d","payload":{"n":12345678901234567890.10}}')

    await page.getByLabel('Topic or pattern').fill('digits')
    await page.getByRole('button', { name: 'Filter' }).click()
    await page.locator('.events summary').filter({ hasText: 'digits' }).click()

    expect(await text(page, '.events pre')).toContain('"n": 12345678901234567890.10')
  })
})

describe('by keyboard alone', () => {
  test('Tab reaches everything that can be used, in the order it is read', async () => {
    const { page } = await show()
    const name = `((at) => at.tagName + ' ' + (at.id || at.getAttribute('aria-label') || at.textContent.trim()).slice(0, 30))`
    const all = (await page.evaluate(
      `[...document.querySelectorAll('a[href], button:not([hidden]), input, summary')].map(${name})`,
    )) as string[]

    const reached: string[] = []
    for (const _ of all) {
      await page.keyboard.press('Tab')
      reached.push((await page.evaluate(`${name}(document.activeElement)`)) as string)
      expect(
        await page.evaluate(`getComputedStyle(document.activeElement).outlineStyle`),
        `the focus shows on ${reached.at(-1)}`,
      ).not.toBe('none')
    }

    expect(all.length).toBeGreaterThan(15)
    expect(reached).toEqual(all)
  })

  test('a pattern filters, a topic of the list fills it in, and an empty one shows all', async () => {
    const { page } = await show()
    const topics = page.locator('.events .event-topic')

    await page.getByLabel('Topic or pattern').focus()
    await page.keyboard.type('orders.*')
    await page.keyboard.press('Enter')
    await page.getByText('The newest in orders.*.').waitFor()
    expect(await topics.allTextContents()).toEqual(['orders.paid'])

    await page.getByRole('button', { name: 'orders', exact: true }).press('Enter')
    await page.getByText('The newest in orders.', { exact: true }).waitFor()
    expect(await topics.allTextContents()).toEqual(['orders'])
    expect(await page.getByLabel('Topic or pattern').inputValue()).toBe('orders')

    await page.getByLabel('Topic or pattern').fill('')
    await page.keyboard.press('Enter')
    await page.locator('.events li').nth(3).waitFor()
  })

  test('a filter that is no pattern is refused in words, and one that matches nothing says so', async () => {
    const { page } = await show()

    await page.getByLabel('Topic or pattern').fill('nothing.here')
    await page.keyboard.press('Enter')
    await page.getByText('No event in nothing.here.').waitFor()

    expect(await page.locator('.events li').count()).toBe(0)
  })

  test('an id that was seen, and one that was not', async () => {
    const { page } = await show()

    await page.getByLabel('Topic', { exact: true }).focus()
    await page.keyboard.type('orders')
    await page.keyboard.press('Tab')
    await page.keyboard.type('o-1')
    await page.keyboard.press('Enter')
    await page.getByText('Yes, at position 1.').waitFor()

    await page.keyboard.type('0')
    await page.keyboard.press('Enter')
    await page.getByText('No: n2 has stored no event o-10 in orders.').waitFor()
    expect(await page.locator('#seen-answer').getAttribute('role')).toBe('status')
  })
})

describe('time', () => {
  const asked = ({ requested }: Tab) => requested.filter((url) => url.endsWith('/overview')).length

  test('a hidden page asks nothing, and at once when it is seen again', async () => {
    const shown = await show(overview(), {}, (page) => page.clock.install())
    const { page } = shown
    const hide = (hidden: boolean) =>
      page.evaluate(
        `Object.defineProperty(document, 'hidden', { value: ${hidden}, configurable: true })
         document.dispatchEvent(new Event('visibilitychange'))`,
      )

    await hide(true)
    const before = asked(shown)
    await page.clock.runFor(60_000)
    const whileHidden = asked(shown)
    const title = await page.title()
    shown.answer = null
    await hide(false)
    const awake = [await text(page, 'h1'), await text(page, '#liveness')]
    shown.answer = NO_LEADER
    await page.clock.runFor(500)
    await page.getByText('No leader: publishes wait.').waitFor()

    expect(whileHidden).toBe(before)
    expect(title).toBe('n2 sekali')
    expect(awake).toEqual(['n1 leads term 3.', 'asking again']) // no blame for what nobody asked
    expect(asked(shown)).toBe(before + 2)
  })

  test('what is old is called old, while it waits for an answer', async () => {
    const shown = await show(overview(), {}, (page) => page.clock.install())
    const { page } = shown

    shown.answer = null
    await page.clock.runFor(34_500)

    expect(await text(page, 'h1')).toBe('n2 does not answer.')
    expect(await text(page, '#detail')).toContain('Last heard 34 s ago')
    expect(await text(page, '#liveness')).toBe('no answer for 34 s')
    expect(await page.locator('.node[data-fresh=yes]').count()).toBe(0)
    expect(await page.locator('.legend b').allTextContents()).toEqual(['–/s', '–/s'])
  })

  test('paused, it stands still and says so', async () => {
    const shown = await show(overview(), {}, (page) => page.clock.install())
    const { page } = shown

    await page.getByRole('button', { name: 'Pause' }).click()
    shown.answer = NO_LEADER
    await page.clock.runFor(5_500)
    const paused = [
      await text(page, 'h1'),
      await text(page, '#detail'),
      await text(page, '#liveness'),
    ]
    const trouble = await text(page, '.node:first-child .trouble')
    const pressed = await page.getByRole('button', { name: 'Pause' }).getAttribute('aria-pressed')
    await page.getByRole('button', { name: 'Pause' }).click()
    await page.getByText('No leader: publishes wait.').waitFor()

    expect(paused).toEqual([
      'n1 leads term 3.',
      expect.stringMatching(/^Paused: .* 5 s ago/),
      'paused',
    ])
    expect(trouble).toBe('This is from 5 s ago.')
    expect(pressed).toBe('true')
  })

  test('nothing moves for those who want no motion', async () => {
    const animation = `getComputedStyle(document.querySelector('.beat')).animationName`
    const calm = await show(overview(), { reducedMotion: 'reduce' })
    const usual = await show(overview(), { reducedMotion: 'no-preference' })

    expect(await calm.page.evaluate(animation)).toBe('none')
    expect(await usual.page.evaluate(animation)).toBe('beat')
  })
})

test('the chart says in words and in a table what it draws', async () => {
  const rates = {
    interval_ms: 1_000,
    age_ms: 0,
    accepted: [...Array(20).fill(50), null, ...Array(9).fill(200)],
    duplicates: [...Array(20).fill(5), null, ...Array(9).fill(20)],
  }
  const { page } = await show(overview({ rates }))

  const label = await page.getByRole('img').getAttribute('aria-label')
  await page.getByText('The same as a table').click()
  const cells = page.locator('#figures-rows tr')
  await cells.first().filter({ hasText: '200' }).waitFor()

  expect(label).toContain(
    'Accepted 200 a second, at most 200 in the last two minutes; duplicates 20',
  )
  expect(await cells.nth(0).locator('td, th').allTextContents()).toEqual([
    '0 to 10',
    '200',
    '20',
    'n1',
  ])
  expect(await cells.nth(1).locator('td, th').allTextContents()).toEqual([
    '10 to 20',
    '50',
    '5',
    'n1',
  ])
  expect(await page.locator('.chart polygon.accepted').count()).toBe(2) // not measured in between
})
