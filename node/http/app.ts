// The HTTP API as one Hono app: which path is answered by which route, and what happens at all others.
//
// No middleware: each route calls what it needs, each answer is made in answer.ts, each error in problems.ts.

import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import { SekaliError } from '../../client/errors.ts'
import { answerEmpty } from './answer.ts'
import { type Api, type Call, type Handler, rawPath } from './api.ts'
import { webhookPermission } from './cloud-events.ts'
import { clusterRoute } from './cluster.ts'
import { eventRoute, eventsRoute } from './events.ts'
import { healthRoute, livezRoute, readyzRoute } from './health.ts'
import { metricsRoute } from './metrics.ts'
import { overviewRoute } from './overview.ts'
import { docsFileRoute, docsRoute, openApiRoute } from './pages/docs.ts'
import { assetRoute, pageRoute } from './pages/page.ts'
import { problemRoute, problemsRoute } from './pages/problems.ts'
import { problemAnswer } from './problems.ts'
import { publishRoute } from './publish.ts'
import { seenRoute } from './seen.ts'
import { digestRoute, statsRoute } from './stats.ts'
import { subscribeRoute } from './subscribe.ts'
import { topicsRoute } from './topics.ts'

export type App = Hono<{ Bindings: Partial<HttpBindings> }>

interface Route {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly handler: (api: Api) => Handler
}

/** Each is described in openapi/operations/, too; a test sees to it. */
export const ROUTES: readonly Route[] = [
  { method: 'POST', path: '/publish', handler: publishRoute },
  { method: 'GET', path: '/events', handler: eventsRoute },
  { method: 'GET', path: '/events/:topic/:event_id', handler: eventRoute },
  { method: 'GET', path: '/subscribe', handler: subscribeRoute },
  { method: 'POST', path: '/seen', handler: seenRoute },
  { method: 'GET', path: '/topics', handler: topicsRoute },
  { method: 'GET', path: '/stats', handler: statsRoute },
  { method: 'GET', path: '/digest', handler: digestRoute },
  { method: 'GET', path: '/cluster', handler: clusterRoute },
  { method: 'GET', path: '/overview', handler: overviewRoute },
  { method: 'GET', path: '/metrics', handler: metricsRoute },
  { method: 'GET', path: '/health', handler: healthRoute },
  { method: 'GET', path: '/livez', handler: livezRoute },
  { method: 'GET', path: '/readyz', handler: readyzRoute },
  { method: 'GET', path: '/openapi.json', handler: openApiRoute },
  { method: 'GET', path: '/docs', handler: docsRoute },
  { method: 'GET', path: '/docs/:file', handler: docsFileRoute },
  { method: 'GET', path: '/problems', handler: problemsRoute },
  { method: 'GET', path: '/problems/:problem', handler: problemRoute },
  { method: 'GET', path: '/', handler: pageRoute },
  { method: 'GET', path: '/assets/:file', handler: assetRoute },
]

export function createApp(api: Api): App {
  const app: App = new Hono({ getPath: rawPath })
  for (const route of ROUTES) app.on(route.method, route.path, timed(api, route))
  app.onError((error, call) => problemAnswer(api, error, call.req.path))
  app.notFound((call) => {
    const startMs = api.monotonicMs()
    const response = elsewhere(api, call)
    api.meters.requests.elsewhere.observe(response.status, api.monotonicMs() - startMs)
    return response
  })
  return app
}

/** From the head of the request to its answer: what the socket then makes of it is not in it. */
function timed(api: Api, { method, path, handler }: Route): Handler {
  const { meters, monotonicMs } = api
  const answerTo = handler(api)
  const meter = meters.requests.route(path, method)
  return async (call) => {
    const startMs = monotonicMs()
    let response: Response
    try {
      response = await answerTo(call)
    } catch (error) {
      response = problemAnswer(api, error, call.req.path)
    }
    meter.observe(response.status, monotonicMs() - startMs)
    return response
  }
}

/** What no route takes. */
function elsewhere(api: Api, call: Call): Response {
  const { method, path } = call.req
  const allow = allowed(path)
  if (allow === null) {
    return problemAnswer(api, new SekaliError('not_found', 'there is nothing here'), path)
  }
  if (method === 'OPTIONS') {
    const permission = path === '/publish' ? webhookPermission(call) : {}
    return answerEmpty(api.backend, { allow, ...permission })
  }
  const error = new SekaliError('method_not_allowed', `this path takes ${allow}`)
  return problemAnswer(api, error, path, { allow })
}

/** For the Allow header; null: no route has this path. */
function allowed(path: string): string | null {
  const route = ROUTES.find((candidate) => matches(candidate.path, path))
  if (route === undefined) return null
  return route.method === 'GET' ? 'GET, HEAD, OPTIONS' : 'POST, OPTIONS'
}

function matches(template: string, path: string): boolean {
  const parts = path.split('/')
  const wanted = template.split('/')
  return (
    parts.length === wanted.length &&
    wanted.every((part, place) =>
      part.startsWith(':') ? parts[place] !== '' : part === parts[place],
    )
  )
}
