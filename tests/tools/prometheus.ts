// A Prometheus server of our own, on loopback and a temporary directory, and what tests ask of its API.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { program } from './programs.ts'

const POLL_MS = 250
const START_MS_MAX = 30_000

const sampleSchema = z.object({
  metric: z.record(z.string(), z.string()),
  value: z.tuple([z.number(), z.string()]).transform(([, value]) => Number(value)),
})
const resultSchema = z.object({ result: z.array(sampleSchema) })
const targetsSchema = z.object({
  activeTargets: z.array(
    z.object({
      labels: z.record(z.string(), z.string()),
      health: z.string(),
      lastError: z.string(),
    }),
  ),
})
const metadataSchema = z.record(z.string(), z.array(z.object({ type: z.string() })))
const rulesSchema = z.object({
  groups: z.array(
    z.object({
      rules: z.array(
        z.object({ name: z.string(), health: z.string(), lastError: z.string().optional() }),
      ),
    }),
  ),
})
const alertsSchema = z.object({
  alerts: z.array(
    z.object({
      labels: z.record(z.string(), z.string()),
      annotations: z.record(z.string(), z.string()),
      state: z.enum(['pending', 'firing']),
    }),
  ),
})

export type Alert = z.infer<typeof alertsSchema>['alerts'][number]
export type VectorSample = z.infer<typeof sampleSchema>

export class Prometheus {
  readonly #process: ChildProcess
  readonly #url: string
  #output = ''

  constructor(configFile: string, dataDirectory: string, port: number) {
    this.#url = `http://127.0.0.1:${port}`
    const file = program('prometheus', 'prometheus')
    this.#process = spawn(
      file,
      [
        `--config.file=${configFile}`,
        `--storage.tsdb.path=${dataDirectory}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=warn',
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
    const collect = (text: Buffer) => {
      this.#output += text
    }
    this.#process.stdout?.on('data', collect)
    this.#process.stderr?.on('data', collect)
  }

  async ready(): Promise<void> {
    await this.until(
      'Prometheus is ready',
      async () => {
        const { exitCode } = this.#process
        if (exitCode !== null) throw new Error(`Prometheus ended (${exitCode}): ${this.#output}`)
        const response = await fetch(`${this.#url}/-/ready`).catch(() => null)
        return response?.ok === true
      },
      START_MS_MAX,
    )
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const ended = once(this.#process, 'exit')
    this.#process.kill('SIGTERM')
    await ended
  }

  /** An instant query; throws with what Prometheus says of one that it does not take. */
  async query(expression: string): Promise<VectorSample[]> {
    const query = new URLSearchParams({ query: expression })
    return resultSchema.parse(await this.#get(`/api/v1/query?${query}`)).result
  }

  async names(): Promise<Set<string>> {
    const names = z.array(z.string()).parse(await this.#get('/api/v1/label/__name__/values'))
    return new Set(names)
  }

  async targets() {
    return targetsSchema.parse(await this.#get('/api/v1/targets?state=active')).activeTargets
  }

  /** Types by the name of the family, as the targets told it. */
  async metadata() {
    return metadataSchema.parse(await this.#get('/api/v1/metadata'))
  }

  async rules() {
    const { groups } = rulesSchema.parse(await this.#get('/api/v1/rules'))
    return groups.flatMap(({ rules }) => rules)
  }

  async alerts(): Promise<Alert[]> {
    return alertsSchema.parse(await this.#get('/api/v1/alerts')).alerts
  }

  /** Resolves with the alert when one of this name, and these labels, fires. */
  async fires(name: string, labels: Readonly<Record<string, string>> = {}): Promise<Alert> {
    let found: Alert | undefined
    await this.until(`${name} fires`, async () => {
      found = (await this.alerts()).find(
        (alert) =>
          alert.state === 'firing' &&
          alert.labels.alertname === name &&
          Object.entries(labels).every(([label, value]) => alert.labels[label] === value),
      )
      return found !== undefined
    })
    return found!
  }

  async silent(name: string): Promise<void> {
    await this.until(`${name} is over`, async () =>
      (await this.alerts()).every(({ labels }) => labels.alertname !== name),
    )
  }

  /** Looks again and again; the test's own time-out is the bound that counts. */
  async until(what: string, holds: () => Promise<boolean>, msMax = 120_000): Promise<void> {
    const deadlineMs = performance.now() + msMax
    while (!(await holds())) {
      if (performance.now() > deadlineMs) throw new Error(`never came to hold: ${what}`)
      await sleep(POLL_MS)
    }
  }

  async #get(path: string): Promise<unknown> {
    const answer = (await (await fetch(this.#url + path)).json()) as {
      status: string
      data: unknown
      error?: string
    }
    if (answer.status !== 'success') throw new Error(`${path}: ${answer.error}`)
    return answer.data
  }
}
