// GET /topics: every topic with its number of events and its last position, by name.

import { PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX } from '../../client/contract/limits.ts'
import { topicsQuerySchema } from '../../client/contract/read.ts'
import { answerJson } from './answer.ts'
import type { Api, Handler } from './api.ts'
import { namesIn, readQuery } from './query.ts'
import { waitUntilFresh } from './wait.ts'

const PARAMETERS = namesIn(topicsQuerySchema)

export function topicsRoute(api: Api): Handler {
  return async (call) => {
    const query = readQuery(call.req.url, PARAMETERS)
    const limit = query.decimal('limit', 1, PAGE_LIMIT_MAX) ?? PAGE_LIMIT_DEFAULT
    await waitUntilFresh(api, query)
    const page = await api.backend.events.topics(query.text('after') ?? null, limit)
    return answerJson(api.backend, JSON.stringify(page))
  }
}
