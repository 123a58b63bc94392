// Whether a page of another origin may read here (CORS): off unless CORS_ORIGINS names origins, and then for GET and HEAD only,
// streams included. Publishing from a page of elsewhere is never allowed: whoever looks at a page need not mean to.

import type { IncomingMessage } from 'node:http'
import { HEADERS } from '../../client/contract/headers.ts'

/** Any origin. */
export const EVERY_ORIGIN = '*'

const READING = new Set(['GET', 'HEAD'])
const PREFLIGHT_SECONDS = '600'
const { outcome: _, ...STANDING } = HEADERS
const EXPOSED = [...Object.values(STANDING), 'retry-after'].join(', ')

/** To be added to whatever answer the request gets. */
export function corsHeaders(
  origins: readonly string[],
  { method = '', headers }: Pick<IncomingMessage, 'method' | 'headers'>,
): Readonly<Record<string, string>> {
  if (origins.length === 0) return {}
  const every = origins.includes(EVERY_ORIGIN)
  const vary: Record<string, string> = every ? {} : { vary: 'Origin' }
  const { origin } = headers
  if (origin === undefined || !(every || origins.includes(origin))) return vary
  const allowed = { ...vary, 'access-control-allow-origin': every ? EVERY_ORIGIN : origin }
  if (READING.has(method)) return { ...allowed, 'access-control-expose-headers': EXPOSED }
  if (method !== 'OPTIONS' || headers['access-control-request-method'] === undefined) return vary
  return {
    ...allowed,
    'access-control-allow-methods': [...READING].join(', '),
    // What an EventSource that reconnects sends, and what asks for another form of the events.
    'access-control-allow-headers': 'last-event-id, accept, cache-control',
    'access-control-max-age': PREFLIGHT_SECONDS,
  }
}
