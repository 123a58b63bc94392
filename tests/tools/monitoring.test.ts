// A real Prometheus over three real nodes: it reads them, every query of the dashboard finds something, and alerts fire on
// what really happens to nodes. Waits are for conditions; the rules' own waits (`for:`) are lived through for two of them,
// and left out in a copy of the rules, whose alerts end in `Soon`, for those that wait for minutes.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SlowDisk, slowDiskLacks } from '../../cluster/chaos/slow-disk.ts'
import { DataDir } from '../../cluster/data-dir.ts'
import { ClusterProcesses } from '../../cluster/processes.ts'
import { dashboardQueries, MONITORING, metricsIn } from '../node/metrics/dashboard.ts'
import { type Alert, Prometheus } from './prometheus.ts'

const BASE_PORT = 18_570
const PROMETHEUS_PORT = 18_579
const SCRAPE_SECONDS = 1
/** More publishes at once than this node takes. */
const CROWDED_NODE = 'n1'
const CROWDED_REQUESTS_MAX = 2
/** Its event loop will stand still. */
const PAUSED_NODE = 'n2'
const UNSYNCED_NODE = 'n3'

/** What is empty until something happens that need not. */
const MAY_BE_EMPTY = new Set([
  'Checkpoints',
  'New leader',
  'Peer links',
  'Problems a second, by code',
])

let directory: string
let cluster: ClusterProcesses
let prometheus: Prometheus
let load: Load

beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'sekali-monitoring-'))
  cluster = new ClusterProcesses({
    dataDir: DataDir.open(path.join(directory, 'data')),
    count: 3,
    basePort: BASE_PORT,
    env: { PUBLISH_DEADLINE_MS: '4000', READY_GRACE_MS: '2000' },
    envOf: (id) => ({
      PENDING_REQUESTS_MAX: id === CROWDED_NODE ? String(CROWDED_REQUESTS_MAX) : '4096',
      FSYNC: id === UNSYNCED_NODE ? 'off' : 'on',
    }),
  })
  cluster.startAll()
  prometheus = new Prometheus(configuration(), path.join(directory, 'prometheus'), PROMETHEUS_PORT)
  await prometheus.ready()
  await cluster.waitForAll()
  load = new Load(cluster.urls)
}, 120_000)

afterAll(async () => {
  await load?.stop()
  await prometheus?.stop()
  await cluster?.stopAll()
  rmSync(directory, { recursive: true, force: true })
}, 60_000)

/** The example of docs/monitoring for our ports and a short life, beside the rules and their hasty copy. */
function configuration(): string {
  const rules = readFileSync(path.join(MONITORING, 'sekali.rules.yml'), 'utf8')
  writeFileSync(path.join(directory, 'sekali.rules.yml'), rules)
  const hasty = rules
    .replaceAll(/^ {8}for: .*\n/gm, '')
    .replaceAll(/- alert: (\w+)/g, '- alert: $1Soon')
    .replaceAll(/- name: (\S+)/g, '- name: $1-soon')
  writeFileSync(path.join(directory, 'soon.rules.yml'), hasty)
  const example = readFileSync(path.join(MONITORING, 'prometheus.yml'), 'utf8')
  const ours = example
    .replaceAll(/127\.0\.0\.1:800(\d)/g, (_, place) => `127.0.0.1:${BASE_PORT + Number(place) - 1}`)
    .replaceAll('interval: 15s', `interval: ${SCRAPE_SECONDS}s`)
    .replace('  - sekali.rules.yml\n', '  - sekali.rules.yml\n  - soon.rules.yml\n')
  const file = path.join(directory, 'prometheus.yml')
  writeFileSync(file, ours)
  return file
}

const instance = (id: string): string => cluster.url(id).replace('http://', '')

test('every node is read, as OpenMetrics', async () => {
  await prometheus.until('three targets are up', async () => {
    const targets = await prometheus.targets()
    return targets.length === 3 && targets.every(({ health }) => health === 'up')
  })

  for (const { lastError } of await prometheus.targets()) expect(lastError).toBe('')
  const metadata = await prometheus.metadata()
  // In the older format it would be sekali_events_total.
  expect(metadata.sekali_events).toEqual([{ type: 'counter' }])
  expect(metadata.sekali_log_fsync_duration_seconds).toEqual([{ type: 'histogram' }])
  const versions = await prometheus.query('count by (node_id) (sekali_info{version!=""})')
  expect(versions.map(({ metric }) => metric.node_id).sort()).toEqual(['n1', 'n2', 'n3'])
})

test('what it shows is what the nodes say: events that grow, equal on all nodes', async () => {
  await prometheus.until(
    'events are counted',
    async () =>
      (await prometheus.query('rate(sekali_events_total{outcome="accepted"}[10s]) > 1')).length ===
      3,
  )
  const duplicates = await prometheus.query('sekali_events_total{outcome="duplicate"} > 0')
  expect(duplicates).toHaveLength(3)
  const differs = await prometheus.query('sekali_peer_digest_differs')
  expect(differs).toHaveLength(6)
  expect(differs.every(({ value }) => value === 0)).toBe(true)
})

test('every query of the dashboard is understood, and finds something', async () => {
  await prometheus.until(
    'rates are known',
    async () =>
      (await prometheus.query('rate(sekali_publish_requests_total[10s]) > 0')).length === 3,
  )
  const names = await prometheus.names()
  const empty: string[] = []
  for (const { title, expr } of dashboardQueries()) {
    const query = expr
      .replaceAll('$job', 'sekali')
      .replaceAll('$instance', '.*')
      .replaceAll('$__rate_interval', '10s')
    expect(query).not.toContain('$')
    for (const name of metricsIn(query)) expect(names.has(name), `${title}: ${name}`).toBe(true)
    const found = await prometheus.query(query)
    if (found.length === 0) empty.push(title)
  }

  expect(empty.filter((title) => !MAY_BE_EMPTY.has(title))).toEqual([])
})

test('every rule is evaluated without an error', async () => {
  await prometheus.until('all rules were evaluated', async () =>
    (await prometheus.rules()).every(({ health }) => health !== 'unknown'),
  )
  const rules = await prometheus.rules()

  expect(rules.length).toBeGreaterThan(30)
  expect(rules.filter(({ health }) => health !== 'ok')).toEqual([])
})

describe('an alert fires', () => {
  test('when a node refuses publishes: SekaliOverloaded', async () => {
    const crowd = new Load([cluster.url(CROWDED_NODE)], { concurrency: 24, pauseMs: 0 })

    const alert = await prometheus.fires('SekaliOverloadedSoon', {
      instance: instance(CROWDED_NODE),
    })
    await crowd.stop()

    expect(wordsOf(alert)).toContain('with 429')
  })

  test('when a node runs without fsync: SekaliFsyncOff', async () => {
    const alert = await prometheus.fires('SekaliFsyncOffSoon')

    expect(alert.labels.instance).toBe(instance(UNSYNCED_NODE))
  })

  test('when an event loop stands still: SekaliEventLoopBlocked', async () => {
    cluster.signal(PAUSED_NODE, 'SIGSTOP')
    await sleep(600) // the fault itself: so long it stands still, at least
    cluster.signal(PAUSED_NODE, 'SIGCONT')

    const alert = await prometheus.fires('SekaliEventLoopBlockedSoon', {
      instance: instance(PAUSED_NODE),
    })

    expect(wordsOf(alert)).toMatch(/stood still for \d/)
  })

  test('when a disk is slow: SekaliDiskSlow', async ({ skip }) => {
    const lacks = await slowDiskLacks()
    skip(lacks !== null, lacks ?? '')
    const syncs = (part: string) =>
      `increase(sekali_log_fsync_duration_seconds_${part}{instance="${instance(PAUSED_NODE)}"}[5s])`
    const slow = new SlowDisk(cluster.pid(PAUSED_NODE)!, 200)

    await prometheus.until('a sync takes longer', async () => {
      const [mean] = await prometheus.query(`${syncs('sum')} / ${syncs('count')}`)
      return mean !== undefined && mean.value > 0.15
    })
    const alert = await prometheus.fires('SekaliDiskSlowSoon', { instance: instance(PAUSED_NODE) })
    await slow.end()

    expect(wordsOf(alert)).toMatch(/takes \d+(\.\d+)?m?s for a sync/)
  })

  test('when a node is started again and again: SekaliNodeRestarts', async () => {
    const starts = `changes(process_start_time_seconds{instance="${instance('n3')}"}[15m])`
    const seen = async () => (await prometheus.query(starts))[0]?.value ?? 0
    for (let times = await seen(); times < 3; times = await seen()) {
      await cluster.restart('n3', 'SIGKILL')
      await prometheus.until('it was read again', async () => (await seen()) > times)
    }

    await prometheus.fires('SekaliNodeRestarts', { instance: instance('n3') })
  })

  test('when leaders come and go: SekaliLeaderChanges', async () => {
    await cluster.waitForAll()
    const newestTerm = async () =>
      Math.max(...[...(await cluster.stats()).values()].map((stats) => stats?.term ?? 0))
    const seenByPrometheus = (term: number) =>
      prometheus.until(`term ${term} was read`, async () => {
        const [newest] = await prometheus.query('max(sekali_raft_term)')
        return newest !== undefined && newest.value >= term
      })
    const fired = prometheus.fires('SekaliLeaderChanges')
    let done = false
    const stop = () => {
      done = true
    }
    fired.then(stop, stop)
    while (!done) {
      const leader = await cluster.waitForAll()
      await cluster.kill(leader)
      await cluster.waitForLeader()
      cluster.start(leader)
      await seenByPrometheus(await newestTerm())
    }

    expect(wordsOf(await fired)).toMatch(/had \d+(\.\d+)? new leaders/)
  })

  test('when one node of three is lost and another comes back without its disk', async () => {
    await cluster.waitForAll()
    await cluster.kill('n2')
    await cluster.kill('n3')
    rmSync(cluster.dataDir.nodeDir('n3'), { recursive: true })
    cluster.start('n3')

    const [down, leaderless, suspect, failing] = await Promise.all([
      prometheus.fires('SekaliNodeDown', { instance: instance('n2') }),
      prometheus.fires('SekaliNoLeader'),
      prometheus.fires('SekaliNodeSuspectSoon', { instance: instance('n3') }),
      prometheus.fires('SekaliPublishesFailSoon', { code: 'no_leader' }),
    ])

    expect(wordsOf(down)).toContain(instance('n2'))
    expect(leaderless.labels).toEqual({
      alertname: 'SekaliNoLeader',
      job: 'sekali',
      severity: 'critical',
    })
    for (const alert of [leaderless, suspect, failing]) wordsOf(alert)
  })

  test('and is over when the node is back', async () => {
    cluster.start('n2')
    await cluster.waitForAll()

    await Promise.all(
      ['SekaliNodeDown', 'SekaliNoLeader', 'SekaliNodeSuspectSoon'].map((name) =>
        prometheus.silent(name),
      ),
    )
    expect((await prometheus.alerts()).map(({ labels }) => labels.alertname)).not.toContain(
      'SekaliDigestsDiffer',
    )
  })
})

/** What an alert says to people: all of it is there, and nothing of a template is left. */
function wordsOf({ annotations }: Alert): string {
  expect(Object.keys(annotations).sort()).toEqual(['description', 'runbook', 'summary'])
  const words = Object.values(annotations).join('\n')
  expect(words).not.toMatch(/<error|<no value>|\{\{/)
  return words
}

/** Clients that publish one event at a time, every third one again, and read a little. They take any answer. */
class Load {
  readonly #clients: Promise<void>[]
  #stopped = false

  constructor(urls: readonly string[], { concurrency = 6, pauseMs = 40 } = {}) {
    this.#clients = Array.from({ length: concurrency }, (_, place) =>
      this.#run(urls[place % urls.length]!, `${performance.now()}-${place}`, pauseMs),
    )
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#clients)
  }

  async #run(url: string, name: string, pauseMs: number): Promise<void> {
    for (let count = 0; !this.#stopped; count += 1) {
      const event = {
        topic: 'orders.created',
        event_id: `${name}-${count - (count % 3 === 2 ? 1 : 0)}`,
      }
      await this.#call(`${url}/publish`, JSON.stringify(event))
      if (count % 5 === 0) await this.#call(`${url}/events?limit=10&order=desc`)
      if (pauseMs > 0) await sleep(pauseMs)
    }
  }

  async #call(url: string, body: string | null = null): Promise<void> {
    const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body }
    try {
      const answer = await fetch(url, body === null ? {} : post)
      await answer.arrayBuffer()
    } catch {
      await sleep(100) // the node is down: not so fast
    }
  }
}
