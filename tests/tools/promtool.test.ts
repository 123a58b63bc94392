// promtool on what a node shows, and on the rules: clean, each alert fires in its test, and no test is content with less.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { startNodes } from '../node/harness.ts'
import { MONITORING } from '../node/metrics/dashboard.ts'
import { program, run } from './programs.ts'

let promtool: string

beforeAll(() => {
  promtool = program('promtool', 'prometheus')
})

test('promtool has nothing to say about GET /metrics', async () => {
  const [leader, follower] = await startNodes(3)
  for (const node of [leader!, follower!]) {
    await node.publish([{ topic: 'a', event_id: node.backend.id }])
    await node.publish('{')
    const { text } = await node.request('/metrics')

    expect(await run(promtool, ['check', 'metrics'], { input: text })).toEqual({
      code: 0,
      output: '',
    })
  }
  // It would have something to say.
  const wrong = '# TYPE sekali_wrong counter\nsekali_wrong 1\n'
  expect((await run(promtool, ['check', 'metrics'], { input: wrong })).output).toContain('_total')
})

test('the example of a configuration is valid, with the rules that it names', async () => {
  const { code, output } = await run(promtool, ['check', 'config', 'prometheus.yml'], {
    cwd: MONITORING,
  })

  expect(output).toMatch(/SUCCESS: \d+ rules found/)
  expect(code).toBe(0)
})

describe('the rules', () => {
  /** The same tests on rules that were tampered with. */
  async function testRules(tamper: (rules: string) => string) {
    const directory = await mkdtemp(path.join(tmpdir(), 'sekali-rules-'))
    onTestFinished(() => rm(directory, { recursive: true }))
    for (const name of ['sekali.rules.yml', 'sekali.rules.test.yml']) {
      const text = await readFile(path.join(MONITORING, name), 'utf8')
      const changed = name === 'sekali.rules.yml' ? tamper(text) : text
      await writeFile(path.join(directory, name), changed)
    }
    return run(promtool, ['test', 'rules', 'sekali.rules.test.yml'], { cwd: directory })
  }

  test('each alert fires, and stays silent, as its test says', async () => {
    const { code, output } = await testRules((rules) => rules)

    expect(output).toContain('SUCCESS')
    expect(code).toBe(0)
  })

  test('alerts that never fire fail their tests, each of them', async () => {
    const { alerts } = await names()
    expect(alerts.length).toBeGreaterThan(10)

    const { code, output } = await testRules(silenced)

    expect(code).not.toBe(0)
    expect(alerts.filter((alert) => !complainsOf(output, alert))).toEqual([])
  })

  test('alerts that do not wait fail their tests, and only they', async () => {
    const { alerts, waiting } = await names()
    expect(waiting.length).toBeGreaterThan(10)

    const { code, output } = await testRules(hasty)

    expect(code).not.toBe(0)
    expect(alerts.filter((alert) => complainsOf(output, alert))).toEqual(waiting)
  })
})

async function names() {
  const rules = await readFile(path.join(MONITORING, 'sekali.rules.yml'), 'utf8')
  const parts = rules.split('- alert: ').slice(1)
  const nameOf = (part: string) => part.slice(0, part.indexOf('\n'))
  const waits = (part: string) => / {8}for: /.test(part)
  return { alerts: parts.map(nameOf), waiting: parts.filter(waits).map(nameOf) }
}

/** What promtool says of a test that failed begins with its expression. */
function complainsOf(output: string, alert: string): boolean {
  return output.includes(`expr: "ALERTS{alertname=\\"${alert}\\"`)
}

/** The rules with every condition false. */
function silenced(rules: string): string {
  return rules.replaceAll(/( {8}expr: )(?:>-\n(?: {10}.*\n)+|.*\n)/g, '$1vector(0) > 1\n')
}

/** The rules with every alert firing at once. */
function hasty(rules: string): string {
  return rules.replaceAll(/ {8}for: .*\n/g, '')
}
