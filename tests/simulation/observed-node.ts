// A node for tests of checkers that look at what it does, not at what it says of itself.

import type { Observed } from './observer.ts'

export const NODE: Observed = {
  id: 'n1',
  life: 1,
  status: () => null,
  stats: () => null,
  digestAt: () => null,
}
