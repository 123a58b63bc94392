// The only place that makes a response, so that every answer, errors included, tells who gave it and how far that node
// had applied. The facts are of the moment of the answer, not of the request: after a publish they include it.

import { HEADERS } from '../../client/contract/headers.ts'
import type { Backend, Standing } from './backend.ts'

export const JSON_MEDIA_TYPE = 'application/json'

type Headers = Readonly<Record<string, string>>

export function answer(
  backend: Backend,
  status: number,
  mediaType: string,
  body: string | Uint8Array<ArrayBuffer>,
  more?: Headers,
): Response {
  const headers = standingHeaders(backend.standing())
  headers['content-type'] = mediaType
  if (more !== undefined) Object.assign(headers, more)
  return new Response(body, { status, headers })
}

/** 200 with a body that is JSON text already. */
export function answerJson(
  backend: Backend,
  body: string | Uint8Array<ArrayBuffer>,
  more?: Headers,
): Response {
  return answer(backend, 200, JSON_MEDIA_TYPE, body, more)
}

/** 204, or 304 for what the client holds already. */
export function answerEmpty(backend: Backend, more: Headers, status: 204 | 304 = 204): Response {
  return new Response(null, {
    status,
    headers: { ...standingHeaders(backend.standing()), ...more },
  })
}

export function standingHeaders(standing: Standing): Record<string, string> {
  return {
    [HEADERS.node]: standing.nodeId,
    [HEADERS.role]: standing.role,
    [HEADERS.term]: String(standing.term),
    [HEADERS.leader]: standing.leader?.node_id ?? '',
    [HEADERS.applied]: String(standing.appliedIndex),
    [HEADERS.position]: String(standing.lastPosition),
  }
}
