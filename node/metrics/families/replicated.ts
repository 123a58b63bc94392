// What the cluster agrees on: equal on all nodes at equal applied index, and so never to be summed over nodes.

import type { Api } from '../../http/api.ts'
import type { Family } from '../family.ts'

export function ofTheStore({ backend }: Api): Family[] {
  const { events } = backend
  return [
    {
      name: 'sekali_events_total',
      help: 'Events that went through the log, by what was decided. Replicated: equal on all nodes.',
      type: 'counter',
      labels: ['outcome'],
      read: () => {
        const { unique, duplicates, conflicts } = events.stats()
        return [
          { labels: { outcome: 'accepted' }, value: unique },
          { labels: { outcome: 'duplicate' }, value: duplicates - conflicts },
          { labels: { outcome: 'conflict' }, value: conflicts },
        ]
      },
    },
    {
      name: 'sekali_topics',
      help: 'Topics that hold events. Replicated.',
      type: 'gauge',
      read: () => events.stats().topicsTotal,
    },
  ]
}
