// One HTTP exchange with one node, as the ledger takes it in. What a failure means is decided in client/ledger/wire.ts;
// here it is only read off the answer.

import { problemSchema } from '../client/contract/problem.ts'
import { publishAnswerSchema } from '../client/contract/publish.ts'
import { SekaliError } from '../client/errors.ts'
import type { Answer as LedgerAnswer } from '../client/ledger/history.ts'
import { failedAnswer, publishedAnswer } from '../client/ledger/wire.ts'
import { wasNeverSent } from '../client/sdk/transport.ts'
import type { Answer } from './http.ts'

export interface Id {
  readonly topic: string
  readonly event_id: string
}

/** Of a publish of `ids`. Anything but a node's own words leaves it open whether the events were stored. */
export function publishOutcome(answer: Answer, ids: readonly Id[]): LedgerAnswer {
  if (answer.status === 200) {
    const published = publishAnswerSchema.safeParse(answer.body)
    const { results = [] } = published.data ?? {}
    const named = results.every(
      ({ topic, event_id }, place) =>
        topic === ids[place]?.topic && event_id === ids[place]?.event_id,
    )
    // An answer about other events is one about none of ours: the ledger calls that malformed.
    return publishedAnswer({ results: named ? results : [] })
  }
  const code = problemCode(answer)
  return failedAnswer(code === null ? null : new SekaliError(code, ''))
}

/** "503 no_leader": the same words for the same kind of failure. */
export function errorKind(answer: Answer): string {
  const code = problemCode(answer)
  return code === null ? `status ${answer.status}` : `${answer.status} ${code}`
}

/** No answer came at all: it is open whether the node took the request, unless no connection was made. */
export function lostOutcome(error: unknown): LedgerAnswer {
  return failedAnswer(wasNeverSent(error) ? new SekaliError('unreachable', '') : error)
}

function problemCode({ status, body }: Answer) {
  const problem = problemSchema.safeParse(body)
  return problem.success && problem.data.status === status ? problem.data.code : null
}
