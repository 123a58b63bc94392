// All metrics as one text, in either of the two formats that scrapers ask for.
//
// OpenMetrics is made from the text format here: prom-client's own way to it renames the counters of a registry for good, and
// Prometheus then finds other names under the older format. Of what we have, three things differ: a counter's family is
// named without `_total`, there are no blank lines, and the end is marked.

import { Registry } from 'prom-client'
import type { Api } from '../http/api.ts'
import { familiesOf } from './families.ts'
import { register } from './family.ts'

export const TEXT_MEDIA_TYPE = Registry.PROMETHEUS_CONTENT_TYPE
export const OPEN_METRICS_MEDIA_TYPE = Registry.OPENMETRICS_CONTENT_TYPE

export class Exposition {
  readonly #registry = new Registry()

  constructor(api: Api) {
    for (const family of familiesOf(api)) register(this.#registry, family)
  }

  /** Prometheus's text format, 0.0.4. */
  text(): Promise<string> {
    return this.#registry.metrics()
  }

  async openMetrics(): Promise<string> {
    return openMetricsOf(await this.text())
  }
}

export function openMetricsOf(text: string): string {
  const lines = text.split('\n').filter((line) => line !== '')
  const counters = new Set<string>()
  for (const line of lines) {
    const [, counter] = /^# TYPE (\S+)_total counter$/.exec(line) ?? []
    if (counter !== undefined) counters.add(counter)
  }
  const renamed = lines.map((line) => {
    const [, about, name, rest] = /^(# (?:HELP|TYPE)) (\S+)_total (.*)$/.exec(line) ?? []
    return name !== undefined && counters.has(name) ? `${about} ${name} ${rest}` : line
  })
  return `${renamed.join('\n')}\n# EOF\n`
}
