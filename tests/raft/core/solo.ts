// One core, and a test that speaks for all its peers: what does it answer to exactly this message?

import type { RaftConfig } from '../../../raft/core/config.ts'
import type { Content } from '../../../raft/core/outbox.ts'
import type { Entry, NodeId, PeerMessage, Status } from '../../../raft/core/types.ts'
import { FIVE, IDS, type Member, Network, startOf } from './network.ts'

export type Have = NonNullable<Parameters<typeof startOf>[2]>

export class Solo {
  readonly network: Network
  readonly member: Member

  /** n1 of three (or five) that all know each other; nothing it sends arrives. */
  constructor(have: Have = {}, config: Partial<RaftConfig> = {}, members: readonly NodeId[] = IDS) {
    this.network = new Network(members, { n1: startOf('n1', members, have) }, config)
    this.network.isolate('n1')
    this.member = this.network.get('n1')
  }

  get status(): Status {
    return this.member.status
  }

  /** Hears one message and answers what it sends thereupon, promises included. */
  hear(from: NodeId, term: number, content: Content): readonly PeerMessage[] {
    this.member.step({ ...content, from, to: 'n1', term } as PeerMessage)
    return this.said()
  }

  /** Everything it has sent since the last look. */
  said(): readonly PeerMessage[] {
    this.member.settle()
    return this.member.outbox.splice(0)
  }

  tick(count = 1): readonly PeerMessage[] {
    for (let i = 0; i < count; i++) this.member.raft.tick()
    return this.said()
  }

  tickUntil(role: Status['role']): readonly PeerMessage[] {
    const said: PeerMessage[] = []
    for (let i = 0; i < 50 && this.status.role !== role; i++) said.push(...this.tick())
    if (this.status.role !== role) throw new Error(`did not become ${role}`)
    return said
  }

  become(role: Status['role']): this {
    if (role === 'follower') return this
    this.tickUntil('preCandidate')
    if (role === 'preCandidate') return this
    const others = this.network.ids.filter((id) => id !== 'n1')
    for (const peer of others)
      if (this.status.role === 'preCandidate')
        this.hear(peer, this.status.term + 1, { type: 'PreVoteResp', granted: true })
    if (role === 'candidate') return this
    for (const peer of others)
      if (this.status.role === 'candidate')
        this.hear(peer, this.status.term, { type: 'VoteResp', granted: true })
    return this
  }
}

/** Appends without a session of their own speak for the first one. */
export const append = (
  prev: { index: number; term: number },
  entries: readonly Entry[] = [],
  commit = 0,
): Content => ({ type: 'Append', session: 1, prev, entries, commit })

export const heartbeat = (commit = 0): Content => ({
  type: 'Heartbeat',
  session: 1,
  commit,
  readSequence: 0,
  matches: [],
})

export const ofType = <T extends PeerMessage['type']>(
  messages: readonly PeerMessage[],
  type: T,
): (PeerMessage & { type: T })[] =>
  messages.filter((message): message is PeerMessage & { type: T } => message.type === type)

export { FIVE, IDS }
