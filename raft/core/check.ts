// The door of the core: what a peer's message must be before anything of it is believed, its term included.
//
// A peer is trusted for content but may be broken; what fails here is ignored and counted. Keeps: after the
// door, indexes and terms are safe integers, entries are contiguous behind prev and their terms do not fall.

import type { EntryId, NodeId, PeerMessage } from './types.ts'

/** A term beyond this step above ours is no election but damage: at ten elections a second, three years. */
export const TERM_STEP_MAX = 1e9

const isCount = (n: number): boolean => Number.isSafeInteger(n) && n >= 0
const isEntryId = (id: EntryId): boolean => isCount(id.index) && isCount(id.term)

/** Why a message is refused, or null if it may come in. */
export function faultOf(
  message: PeerMessage,
  self: NodeId,
  members: readonly NodeId[],
  ownTerm: number,
): string | null {
  if (message.to !== self) return 'not for this node'
  if (message.from === self) return 'in our own name'
  if (!members.includes(message.from)) return 'from a stranger'
  if (!isCount(message.term)) return 'term is no safe integer'
  if (message.term > ownTerm + TERM_STEP_MAX) return 'term is far beyond ours'
  switch (message.type) {
    case 'Append':
      return faultOfAppend(message)
    case 'PreVote':
    case 'Vote':
      if (!isEntryId(message.last) || message.last.term > message.term) return 'last is no entry'
      return message.term > 0 ? null : 'no election has term 0'
    case 'AppendOk':
      return isCount(message.match) ? null : 'match is no index'
    case 'AppendConflict':
      return isEntryId(message.prev) && isEntryId(message.hint) ? null : 'conflict without a place'
    case 'Commit':
      return isCount(message.commit) ? null : 'commit is no index'
    case 'Heartbeat':
      if (!isCount(message.commit) || !isCount(message.readSequence)) return 'heartbeat is no count'
      return message.matches.every(isEntryId) ? null : 'matches are no entries'
    case 'SnapshotOffer':
      if (!isEntryId(message.checkpoint) || !isCount(message.configIndex)) return 'offer of nothing'
      if (message.checkpoint.index === 0) return 'offer of nothing'
      return message.checkpoint.term <= message.term ? null : 'offer from a later term'
    case 'HeartbeatResp':
      return isCount(message.readSequence) ? null : 'sequence is no count'
    case 'ReadIndex':
      return isCount(message.ticket) ? null : 'ticket is no count'
    case 'ReadIndexResp':
      return message.index === null || isCount(message.index) ? null : 'index is no index'
    case 'Propose':
    case 'ProposeRefused':
      if (!isCount(message.id.count) || !isCount(message.id.life)) return 'proposal without an id'
      if (message.type === 'Propose' && !isCount(message.floor)) return 'proposal without a floor'
      return message.type === 'ProposeRefused' || message.id.node === message.from
        ? null
        : "proposal in another's name"
    case 'Remembered':
      if (!isCount(message.commit)) return 'commit is no index'
      return message.seen === null || (isCount(message.seen.term) && isEntryId(message.seen.match))
        ? null
        : 'evidence of nothing'
    default:
      return null
  }
}

function faultOfAppend(message: PeerMessage & { type: 'Append' }): string | null {
  const { prev, entries } = message
  if (!isEntryId(prev) || prev.term > message.term || !isCount(message.commit))
    return 'append behind nothing'
  let { index, term } = prev
  for (const entry of entries) {
    if (entry.index !== index + 1) return 'entries are not contiguous'
    if (!isCount(entry.term) || entry.term < term) return 'terms of entries fall'
    if (entry.term > message.term) return 'entry from a later term than its leader'
    index = entry.index
    term = entry.term
  }
  return Number.isSafeInteger(index) ? null : 'index is no safe integer'
}
