// Every metric of GET /metrics, by name: what is replicated first, then what is of this node alone.
//
// Names keep to Prometheus's rules: one prefix, base units, `_total` for what only grows. A label's values are a fixed set of
// ours: roles, codes, routes, member ids. Topics, sources and ids are what clients send, and never a label.

import type { Api } from '../http/api.ts'
import { ofConsensus, ofPeers } from './families/consensus.ts'
import { ofTheMachine } from './families/machine.ts'
import { ofTheStore } from './families/replicated.ts'
import { ofTheLog, ofTheStateMachine } from './families/storage.ts'
import { ofPublishes, ofRequests, ofSubscribers } from './families/traffic.ts'
import type { Family } from './family.ts'

export function familiesOf(api: Api): readonly Family[] {
  return [
    ...ofTheStore(api),
    ...ofConsensus(api),
    ...ofPeers(api),
    ...ofPublishes(api),
    ...ofRequests(api),
    ...ofSubscribers(api),
    ...ofTheLog(api),
    ...ofTheStateMachine(api),
    ...ofTheMachine(api),
  ]
}
