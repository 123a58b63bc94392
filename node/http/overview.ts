// GET /overview: the whole cluster as this node knows it, for the page at / and for whoever wants the same as JSON. Never
// waits: a node without a leader, or one that builds its store again, has the more reason to be looked at.

import { answerJson } from './answer.ts'
import type { Api, Handler } from './api.ts'
import { readQuery } from './query.ts'

export function overviewRoute({ backend, view }: Api): Handler {
  return (call) => {
    readQuery(call.req.url, [])
    return answerJson(backend, JSON.stringify(view.overview()))
  }
}
