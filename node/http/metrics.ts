// GET /metrics: for Prometheus and all that reads its formats. OpenMetrics for who asks for it, the older text for everybody
// else, whatever they ask for: a scraper is better served with a format it did not name than with none.

import { parseAccept } from 'hono/utils/accept'
import { Exposition, OPEN_METRICS_MEDIA_TYPE, TEXT_MEDIA_TYPE } from '../metrics/exposition.ts'
import { answer } from './answer.ts'
import type { Api, Handler } from './api.ts'
import { readQuery } from './query.ts'

export function metricsRoute(api: Api): Handler {
  const exposition = new Exposition(api)
  return async (call) => {
    readQuery(call.req.url, [])
    return prefersOpenMetrics(call.req.header('accept'))
      ? answer(api.backend, 200, OPEN_METRICS_MEDIA_TYPE, await exposition.openMetrics())
      : answer(api.backend, 200, TEXT_MEDIA_TYPE, await exposition.text())
  }
}

/** OpenMetrics in the version we speak, not less welcome than plain text. */
function prefersOpenMetrics(accept: string | undefined): boolean {
  let openMetrics = 0
  let text = 0
  for (const { type, params, q } of parseAccept(accept ?? '')) {
    const { version = '1.0.0' } = params
    if (type === 'application/openmetrics-text' && version === '1.0.0')
      openMetrics = Math.max(openMetrics, q)
    else if (type === 'text/plain') text = Math.max(text, q)
  }
  return openMetrics > 0 && openMetrics >= text
}
