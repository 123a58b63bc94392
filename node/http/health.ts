// Probes. /livez: the process answers. /readyz: requests sent here are served (an election alone does not change that).
// /health: the same as /readyz with the facts for people, in the shape that the seed reports know.

import {
  type Health,
  readinessQuerySchema,
  type UnreadyReason,
} from '../../client/contract/state.ts'
import { SekaliError } from '../../client/errors.ts'
import { answer, answerJson, JSON_MEDIA_TYPE } from './answer.ts'
import type { Api, Handler } from './api.ts'
import type { Backend } from './backend.ts'
import { namesIn, readQuery } from './query.ts'
import { roundSeconds } from './stats.ts'

const READINESS_PARAMETERS = namesIn(readinessQuerySchema)

const WHY: Readonly<Record<UnreadyReason, string>> = {
  no_leader: 'there has been no leader for longer than the grace time',
  rebuilding: 'the state is being rebuilt',
  behind: 'what is applied lags too far behind what is committed',
  stopping: 'this node is stopping',
}

export function livezRoute({ backend }: Api): Handler {
  return (call) => {
    readQuery(call.req.url, [])
    return answerJson(backend, '{"status":"alive"}')
  }
}

export function readyzRoute({ backend }: Api): Handler {
  return (call) => {
    const query = readQuery(call.req.url, READINESS_PARAMETERS)
    const [reason] = backend.unready()
    if (reason !== undefined) throw new SekaliError(reason, WHY[reason])
    if (query.oneOf('leader', ['1', 'true', '0', 'false'])?.match(/1|true/)) {
      if (backend.standing().role !== 'leader') {
        throw new SekaliError('not_leader', 'only the leader was asked for')
      }
    }
    return answerJson(backend, JSON.stringify(healthOf(backend)))
  }
}

export function healthRoute({ backend }: Api): Handler {
  return (call) => {
    readQuery(call.req.url, [])
    const health = healthOf(backend)
    const status = health.status === 'healthy' ? 200 : 503
    const more: Record<string, string> = status === 503 ? { 'retry-after': '1' } : {}
    return answer(backend, status, JSON_MEDIA_TYPE, JSON.stringify(health), more)
  }
}

function healthOf(backend: Backend): Health {
  const standing = backend.standing()
  const reasons = [...backend.unready()]
  return {
    status: reasons.length === 0 ? 'healthy' : 'unhealthy',
    reasons,
    node_id: standing.nodeId,
    role: standing.role,
    term: standing.term,
    leader_id: standing.leader?.node_id ?? null,
    commit_index: standing.commitIndex,
    applied_index: standing.appliedIndex,
    last_position: standing.lastPosition,
    uptime_seconds: roundSeconds(backend.process().uptimeSeconds),
  }
}
