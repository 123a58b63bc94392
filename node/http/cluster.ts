// GET /cluster: members, who leads, and how far each has come, as this node knows it.

import type { Cluster } from '../../client/contract/state.ts'
import { answerJson } from './answer.ts'
import type { Api, Handler } from './api.ts'
import { readQuery } from './query.ts'

export function clusterRoute({ backend }: Api): Handler {
  return (call) => {
    readQuery(call.req.url, [])
    const { nodeId, role, term, leader, commitIndex, appliedIndex } = backend.standing()
    const cluster: Cluster = {
      node_id: nodeId,
      role,
      term,
      leader,
      standing: backend.process().standing,
      commit_index: commitIndex,
      applied_index: appliedIndex,
      members: [...backend.members()],
    }
    return answerJson(backend, JSON.stringify(cluster))
  }
}
