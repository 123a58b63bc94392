// Wrong counters are flagged.

import type { Request } from '../../../client/ledger/history.ts'
import { counted, EARLY, expectFlagged, LATE } from './story.ts'

expectFlagged([
  // Counters.
  [
    'received is not the sum of its parts',
    'stats-sum',
    (told) => {
      told.statsLate.answer = counted({ ...LATE, received: 8 })
    },
  ],
  [
    'unique is not the last position',
    'stats-sum',
    (told) => {
      told.statsLate.answer = counted({ ...LATE, lastPosition: 5 })
    },
  ],
  [
    'counters miss an answered duplicate',
    'stats-bounds',
    (told) => {
      told.statsEarly.answer = counted({ ...EARLY, received: 3, duplicates: 1 })
    },
  ],
  [
    'counters hold more than was ever sent',
    'stats-bounds',
    (told) => {
      told.statsEarly.answer = counted({ ...EARLY, received: 5, duplicates: 3 })
    },
  ],
  [
    'counters end below an acknowledged position',
    'stale-read',
    (told) => {
      told.statsLate.answer = counted({ ...LATE, unique: 3, lastPosition: 3, received: 6 })
    },
  ],
  [
    'a counter falls while the applied index grows',
    'stats-went-back',
    (told) => {
      told.statsLate.answer = counted({ ...LATE, conflicts: 0 })
    },
  ],
  [
    'the applied index falls on one node, though its counters do not',
    'stats-went-back',
    (told) => {
      told.statsEarly.node = told.statsLate.node
      told.statsEarly.answer = counted({ ...LATE, applied: 9 })
      told.statsEarly.call = 295
      told.statsEarly.return = 298
    },
  ],
  [
    'the applied index falls',
    'stats-went-back',
    (told) => {
      told.statsLate.answer = counted({ ...LATE, applied: 4 })
    },
  ],
  [
    'two nodes show different counters at one applied index',
    'stats-differ',
    (told) => {
      told.statsLate.answer = counted({ ...LATE, applied: 5 })
    },
  ],
  [
    'two reads show different digests at one applied index',
    'stats-differ',
    (told) => {
      const request: Request = { type: 'stats', consistency: 'local' }
      told.getLater = { ...told.statsLate, request, answer: counted({ ...LATE, digest: 'other' }) }
    },
  ],
])
