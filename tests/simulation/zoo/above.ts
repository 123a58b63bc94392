// Zoo: the node above the replica: whose outcome it is.

import type { Plant } from './plant.ts'

export const ABOVE: readonly Plant[] = [
  {
    bug: 'the outcome of one request is given to the next',
    file: 'node/publisher.ts',
    find: 'const end = start + batch.count',
    put: 'const end = start + batch.count\n    start = 0',
  },
  {
    bug: 'a publish without an outcome is called "not stored"',
    file: 'node/publisher.ts',
    find: 'const error = proposer.abandon(proposal.id) ? noLeader() : unknown()',
    put: 'proposer.abandon(proposal.id)\n      const error = noLeader()',
  },
]
