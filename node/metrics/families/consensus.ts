// Who leads, how far each log has come, and the elections that this node took part in.

import { ROLES, standingSchema } from '../../../client/contract/state.ts'
import type { TransportNoteType } from '../../../raft/transport/notes.ts'
import type { Api } from '../../http/api.ts'
import { type Family, flag, oneOf } from '../family.ts'

export function ofConsensus({ backend, meters }: Api): Family[] {
  return [
    {
      name: 'sekali_raft_role',
      help: '1 for the role that this node has now.',
      type: 'gauge',
      labels: ['role'],
      read: () => oneOf('role', ROLES, backend.standing().role),
    },
    {
      name: 'sekali_raft_standing',
      help: '1 for what this node is to the others; a suspect neither votes nor counts.',
      type: 'gauge',
      labels: ['standing'],
      read: () => oneOf('standing', standingSchema.options, backend.process().standing),
    },
    {
      name: 'sekali_raft_leader_known',
      help: 'Whether this node knows a leader.',
      type: 'gauge',
      read: () => flag(backend.standing().leader !== null),
    },
    {
      name: 'sekali_raft_term',
      help: 'Current term.',
      type: 'gauge',
      read: () => backend.standing().term,
    },
    {
      name: 'sekali_raft_first_index',
      help: 'First log entry that this node still holds.',
      type: 'gauge',
      read: () => backend.process().firstIndex,
    },
    {
      name: 'sekali_raft_last_index',
      help: 'Last log entry that this node holds.',
      type: 'gauge',
      read: () => backend.process().lastIndex,
    },
    {
      name: 'sekali_raft_commit_index',
      help: 'Last log entry that this node knows to be committed.',
      type: 'gauge',
      read: () => backend.standing().commitIndex,
    },
    {
      name: 'sekali_raft_applied_index',
      help: 'Last log entry that this node has applied.',
      type: 'gauge',
      read: () => backend.standing().appliedIndex,
    },
    {
      name: 'sekali_raft_prevotes_started_total',
      help: 'Times this node asked whether it could win an election.',
      type: 'counter',
      read: () => meters.preVotes,
    },
    {
      name: 'sekali_raft_elections_started_total',
      help: 'Times this node stood for election in a new term.',
      type: 'counter',
      read: () => meters.elections,
    },
    {
      name: 'sekali_raft_elections_won_total',
      help: 'Times this node became leader.',
      type: 'counter',
      read: () => meters.electionsWon,
    },
    {
      name: 'sekali_raft_leader_changes_total',
      help: 'New leaders that this node has seen, the first one included.',
      type: 'counter',
      read: () => meters.leaderChanges,
    },
  ]
}

/** All that may happen on a link, so that each is there before it happened. */
const LINK_EVENTS: Readonly<Record<TransportNoteType, 0>> = {
  linkUp: 0,
  linkDown: 0,
  dialFailed: 0,
  refused: 0,
  refusedByPeer: 0,
  badFrame: 0,
  strayConnection: 0,
  dropped: 0,
  listenerError: 0,
}

/** How far the others have come is told by the leader alone: what a follower once heard is no news. */
export function ofPeers({ backend, instruments, view }: Api): Family[] {
  const others = () => backend.members().filter(({ self }) => !self)
  const followers = () => (backend.standing().role === 'leader' ? others() : [])
  const labels = ['peer']
  return [
    {
      name: 'sekali_raft_peer_lag_entries',
      help: 'Committed entries that a peer is not known to hold durably; told by the leader.',
      type: 'gauge',
      labels,
      read: () =>
        followers().flatMap(({ node_id, lag }) =>
          lag === null ? [] : [{ labels: { peer: node_id }, value: lag }],
        ),
    },
    {
      name: 'sekali_raft_peer_match_index',
      help: 'Last entry that a peer is known to hold durably; told by the leader.',
      type: 'gauge',
      labels,
      read: () =>
        followers().flatMap(({ node_id, match_index }) =>
          match_index === null ? [] : [{ labels: { peer: node_id }, value: match_index }],
        ),
    },
    {
      name: 'sekali_raft_peer_counts',
      help: 'Whether a peer votes and counts towards a majority, as this node knows it.',
      type: 'gauge',
      labels,
      read: () =>
        others().map(({ node_id, counts }) => ({ labels: { peer: node_id }, value: flag(counts) })),
    },
    {
      name: 'sekali_peer_digest_differs',
      help: 'Whether a peer holds something else at the last index at which both digests are known.',
      type: 'gauge',
      labels,
      read: () =>
        view
          .overview()
          .nodes.flatMap(({ node_id, digest_check: check }) =>
            check === null
              ? []
              : [{ labels: { peer: node_id }, value: flag(check.verdict === 'differs') }],
          ),
    },
    {
      name: 'sekali_peer_link_events_total',
      help: 'What happened on the links to peers: links up and down, refusals, dropped messages.',
      type: 'counter',
      labels: ['event'],
      read: () =>
        Object.entries({ ...LINK_EVENTS, ...instruments.peerNotes() }).map(([event, value]) => ({
          labels: { event },
          value,
        })),
    },
  ]
}
