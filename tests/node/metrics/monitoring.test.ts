// docs/monitoring against a node: dashboard and rules name only what GET /metrics shows. Whether a real Prometheus takes
// them, and whether each alert fires, is for tests/tools.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { startNodes } from '../harness.ts'
import { dashboardQueries, MONITORING, metricsIn, type Panel, readDashboard } from './dashboard.ts'

/** Every name that can stand in a query. */
async function shownText(): Promise<string> {
  const [leader, follower] = await startNodes(2)
  await leader!.publish({ topic: 'a', event_id: '1' })
  follower!.clock.advance(1_000)
  leader!.view.hear('n2', follower!.told.at(-1)!)
  const { text } = await leader!.request('/metrics')
  return text
}

async function shownNames(): Promise<Set<string>> {
  const lines = (await shownText()).matchAll(/^([a-z0-9_]+)(?:\{.*\})? \S+$/gm)
  return new Set([...lines].map(([, name]) => name!))
}

test('the dashboard asks only for metrics that are there', async () => {
  const shown = await shownNames()
  const asked = dashboardQueries().flatMap(({ expr }) => metricsIn(expr))

  expect(asked.length).toBeGreaterThan(40)
  expect(asked.filter((name) => !shown.has(name))).toEqual([])
})

test('so do the rules', async () => {
  const shown = await shownNames()
  const rules = readFileSync(path.join(MONITORING, 'sekali.rules.yml'), 'utf8')
  const asked = metricsIn(rules)

  expect(asked.length).toBeGreaterThan(15)
  expect(asked.filter((name) => !shown.has(name))).toEqual([])
})

test('its page names every metric of ours, in full or by its end, and every alert', async () => {
  const page = readFileSync(path.join(MONITORING, 'README.md'), 'utf8')
  const rules = readFileSync(path.join(MONITORING, 'sekali.rules.yml'), 'utf8')
  const families = [...(await shownText()).matchAll(/^# TYPE (sekali_\S+)/gm)]
  const unnamed = families.filter(([, name]) => {
    const ends = name!.split('_').map((_, from, words) => words.slice(from).join('_'))
    return ![name, ...ends.map((end) => `_${end}`)].some((told) => page.includes(`\`${told}`))
  })
  const alerts = [...rules.matchAll(/- alert: (\w+)/g)]

  expect(unnamed.map(([, name]) => name)).toEqual([])
  expect(alerts.filter(([, name]) => !page.includes(name!))).toEqual([])
  expect(page).toContain(`${alerts.length} alerts`)
})

describe('the dashboard', () => {
  const { panels, templating, schemaVersion } = readDashboard()

  test('takes its data source, cluster and nodes from variables', () => {
    expect(schemaVersion).toBeGreaterThanOrEqual(36)
    expect(templating.list.map(({ name, type }) => [name, type])).toEqual([
      ['datasource', 'datasource'],
      ['job', 'query'],
      ['instance', 'query'],
    ])
    for (const { datasource, targets = [], type, title } of panels) {
      if (type === 'row') continue
      expect(datasource, title).toEqual({ type: 'prometheus', uid: '$datasource' })
      expect(targets.length, title).toBeGreaterThan(0)
      for (const target of targets) {
        expect(target.datasource).toEqual(datasource)
        expect(target.expr).toContain('job="$job"')
      }
    }
  })

  test('gives each panel an id, a word about it, and a place of its own', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    for (const [place, panel] of panels.entries()) {
      const { x, w } = panel.gridPos
      expect(x + w).toBeLessThanOrEqual(24)
      if (panel.type !== 'row') expect(panel.description).toMatch(/\.$/)
      const under = panels.slice(place + 1).find((other) => overlap(panel, other))
      expect(under?.title).toBe(undefined)
    }
  })
})

test('every alert says what to do, and how bad it is', () => {
  const rules = readFileSync(path.join(MONITORING, 'sekali.rules.yml'), 'utf8')
  const alerts = rules.split(/^ {6}- alert: /m).slice(1)

  expect(alerts.length).toBeGreaterThan(10)
  for (const alert of alerts) {
    expect(alert).toMatch(/severity: (?:critical|warning)$/m)
    for (const line of ['summary', 'description', 'runbook']) {
      expect(alert).toMatch(new RegExp(`^ {10}${line}: `, 'm'))
    }
  }
})

test('every alert has a case in which it fires, and one in which it does not', () => {
  const rules = readFileSync(path.join(MONITORING, 'sekali.rules.yml'), 'utf8')
  const cases = readFileSync(path.join(MONITORING, 'sekali.rules.test.yml'), 'utf8')
  const names = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name!)

  for (const name of names) {
    const of = cases.split('- expr: ').filter((part) => part.includes(`alertname="${name}"`))
    expect(
      of.some((part) => part.includes('exp_samples: []')),
      name,
    ).toBe(true)
    expect(
      of.some((part) => part.includes('value: 1')),
      name,
    ).toBe(true)
  }
})

function overlap({ gridPos: a }: Panel, { gridPos: b }: Panel): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h
}
