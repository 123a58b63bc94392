// A real browser for tests: Debian's Chromium without a window, and a page in it whose complaints and requests are kept.

import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { program } from './programs.ts'

export function launchBrowser(): Promise<Browser> {
  // Its sandbox needs rights that containers and root do not have; it only ever loads our own pages here.
  return chromium.launch({
    executablePath: program('chromium', 'chromium'),
    chromiumSandbox: false,
  })
}

export interface Tab {
  readonly page: Page
  /** What the page did wrong: uncaught errors, console errors, refusals of its own policy. */
  readonly complaints: readonly string[]
  /** URLs in the order they were asked for. */
  readonly requested: readonly string[]
}

export async function openTab(browser: Browser, options: BrowserContextOptions = {}): Promise<Tab> {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  const complaints: string[] = []
  const requested: string[] = []
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`))
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`console: ${message.text()}`)
  })
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on('request', (request) => requested.push(request.url()))
  return { page, complaints, requested }
}
