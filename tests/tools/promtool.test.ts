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

  test('an alert that never fires fails its test', async () => {
    const rules = await readFile(path.join(MONITORING, 'sekali.rules.yml'), 'utf8')
    const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name!)
    expect(alerts.length).toBeGreaterThan(10)

    for (const alert of alerts) {
      const { code, output } = await testRules((text) => silenced(text, alert))
      expect(code, alert).not.toBe(0)
      expect(output).toContain(`alertname=\\"${alert}\\"`)
    }
  })

  test('an alert that does not wait fails its test', async () => {
    const rules = await readFile(path.join(MONITORING, 'sekali.rules.yml'), 'utf8')
    const waiting = [...rules.matchAll(/- alert: (\w+)\n(?: {8}.*\n)* {8}for: /g)].map(
      ([, name]) => name!,
    )
    expect(waiting.length).toBeGreaterThan(10)

    for (const alert of waiting) {
      const { code } = await testRules((text) => hasty(text, alert))
      expect(code, alert).not.toBe(0)
    }
  })
})

/** The rules with one alert's condition false. */
function silenced(rules: string, alert: string): string {
  const changed = rules.replace(
    new RegExp(`(- alert: ${alert}\n {8}expr: )(?:>-\n(?: {10}.*\n)+|.*\n)`),
    '$1vector(0) > 1\n',
  )
  expect(changed).not.toBe(rules)
  return changed
}

/** The rules with one alert firing at once. */
function hasty(rules: string, alert: string): string {
  const [before, after] = rules.split(`- alert: ${alert}\n`)
  return `${before}- alert: ${alert}\n${after!.replace(/ {8}for: .*\n/, '')}`
}
