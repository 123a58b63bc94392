// The queries of docs/monitoring, for the tests that hold them against what a node shows.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { z } from 'zod'

export const MONITORING = path.join(import.meta.dirname, '..', '..', '..', 'docs', 'monitoring')

const datasourceSchema = z.object({ type: z.literal('prometheus'), uid: z.string() })
const panelSchema = z.object({
  id: z.int(),
  type: z.string(),
  title: z.string(),
  gridPos: z.object({ x: z.int(), y: z.int(), w: z.int(), h: z.int() }),
  description: z.string().optional(),
  datasource: datasourceSchema.optional(),
  targets: z
    .array(
      z.object({
        refId: z.string(),
        expr: z.string(),
        legendFormat: z.string(),
        datasource: datasourceSchema,
      }),
    )
    .optional(),
})
const dashboardSchema = z.object({
  uid: z.string(),
  title: z.string(),
  schemaVersion: z.int(),
  panels: z.array(panelSchema),
  annotations: z.object({ list: z.array(z.object({ name: z.string(), expr: z.string() })) }),
  templating: z.object({
    list: z.array(
      z.object({ name: z.string(), type: z.string(), definition: z.string().optional() }),
    ),
  }),
})

export type Panel = z.infer<typeof panelSchema>

export function readDashboard(): z.infer<typeof dashboardSchema> {
  const text = readFileSync(path.join(MONITORING, 'dashboard.json'), 'utf8')
  return dashboardSchema.parse(JSON.parse(text))
}

export interface Query {
  readonly title: string
  readonly expr: string
}

/** Everything that the dashboard asks, with its variables still in it. */
export function dashboardQueries(): Query[] {
  const { panels, annotations } = readDashboard()
  return [
    ...panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr }))),
    ...annotations.list.map(({ name, expr }) => ({ title: name, expr })),
  ]
}

/** Names of metrics in an expression, ours and those of the process; what Prometheus makes itself is left out. */
export function metricsIn(expression: string): string[] {
  return expression.match(/\b(?:sekali|process|nodejs)_[a-z0-9_]+\b/g) ?? []
}
