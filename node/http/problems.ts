// The one translator from errors to HTTP: RFC 9457 problem+json. A SekaliError becomes what its code says; anything else
// is a bug of ours, logged in full and answered as 500 without a word of it.

import { PROBLEM_MEDIA_TYPE, type Problem, problemType } from '../../client/contract/problem.ts'
import { ERROR_KINDS, type ErrorCode, SekaliError } from '../../client/errors.ts'
import { showInput } from '../show-input.ts'
import { answer } from './answer.ts'
import type { Api } from './api.ts'
import type { Standing } from './backend.ts'

/** A body too large is left unread, a malformed request may hide another: nothing more is read there. */
const LAST_ON_CONNECTION: ReadonlySet<ErrorCode> = new Set(['malformed_request', 'stopping'])

export function problemAnswer(
  api: Pick<Api, 'backend' | 'log' | 'meters' | 'random'>,
  error: unknown,
  path: string,
  more?: Readonly<Record<string, string>>,
): Response {
  if (!(error instanceof SekaliError)) {
    const stack = error instanceof Error ? error.stack : String(error)
    api.log.error('a request failed by a fault of this program', { path: showInput(path), stack })
  }
  const problem = problemOf(error, path, api.backend.standing())
  api.meters.problem(problem.code)
  const headers: Record<string, string> = { ...more }
  if (problem.status === 429 || problem.status === 503) {
    headers['retry-after'] = retryAfter(api.random)
  }
  if (problem.status === 413 || LAST_ON_CONNECTION.has(problem.code)) headers.connection = 'close'
  if (problem.code === 'unsupported_media_type') headers['accept-encoding'] = 'gzip'
  return answer(api.backend, problem.status, PROBLEM_MEDIA_TYPE, JSON.stringify(problem), headers)
}

export function problemOf(error: unknown, path: string, standing: Standing | null): Problem {
  const known = error instanceof SekaliError
  const code = known ? error.code : 'internal'
  const { title, status, retryable } = ERROR_KINDS[code]
  const { index, field, offset, limit, leader } = known ? error.facts : {}
  const elsewhere = leader ?? (status === 503 ? otherLeader(standing) : undefined)
  return {
    type: problemType(code),
    title,
    status,
    detail: known ? error.message : 'the node failed to answer; its log says why',
    instance: showInput(path),
    code,
    retryable,
    ...(index !== undefined && { index }),
    ...(field !== undefined && { field }),
    ...(offset !== undefined && { offset }),
    ...(limit !== undefined && { limit }),
    ...(elsewhere !== undefined && { leader: elsewhere }),
  }
}

/** Seconds, spread over two values so that clients refused together do not come back together. */
function retryAfter(random: () => number): string {
  return random() < 0.5 ? '1' : '2'
}

/** Whom to ask instead: only worth saying when it is not the node that just refused. */
function otherLeader(standing: Standing | null): Problem['leader'] {
  const leader = standing?.leader ?? null
  return leader === null || leader.node_id === standing!.nodeId ? undefined : leader
}
