// POST /seen: was each of these ids ever accepted, and at which position? Writes nothing. An id that could never be stored
// was never seen: that is an answer, not an error.

import { SEEN_IDS_MAX } from '../../client/contract/limits.ts'
import { type SeenRequest, seenRequestSchema } from '../../client/contract/read.ts'
import { SekaliError } from '../../client/errors.ts'
import { answerJson } from './answer.ts'
import type { Api, Handler } from './api.ts'
import { mediaType, readBody } from './body.ts'
import { readQuery } from './query.ts'
import { FRESHNESS, waitUntilFresh } from './wait.ts'

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function seenRoute(api: Api): Handler {
  return async (call) => {
    const query = readQuery(call.req.url, FRESHNESS)
    const type = mediaType(call.req.header('content-type'))
    if (type !== '' && type !== 'application/json') {
      throw new SekaliError('unsupported_media_type', '/seen takes application/json', {
        field: 'content-type',
      })
    }
    const ids = parseIds(await readBody(call, { bytesMax: api.limits.bodyBytesMax }))
    await waitUntilFresh(api, query)
    const positions = await api.backend.events.positionsOf(ids)
    const results = ids.map((id, place) => ({ ...id, position: positions[place] ?? null }))
    return answerJson(api.backend, JSON.stringify({ results }))
  }
}

function parseIds(body: Uint8Array): SeenRequest['ids'] {
  let value: unknown
  try {
    value = JSON.parse(UTF8.decode(body))
  } catch {
    throw new SekaliError('malformed_json', 'the body is not well-formed JSON in UTF-8')
  }
  const parsed = seenRequestSchema.safeParse(value)
  if (parsed.success) return parsed.data.ids
  const issue = parsed.error.issues[0]!
  const field = issue.path.map(String).join('.')
  if (issue.code === 'too_big') {
    throw new SekaliError('batch_too_large', `at most ${SEEN_IDS_MAX} ids can be asked for`, {
      limit: { name: 'seenIdsMax', value: SEEN_IDS_MAX },
    })
  }
  if (issue.code === 'too_small') throw new SekaliError('empty_batch', 'ids is empty')
  throw new SekaliError('invalid_request', `${field || 'the body'}: ${issue.message}`, {
    ...(field !== '' && { field }),
  })
}
