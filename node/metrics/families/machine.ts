// The process and the machine under it. Names without our prefix are those that every Prometheus dashboard knows.

import type { Api } from '../../http/api.ts'
import type { Family } from '../family.ts'

export function ofTheMachine({ backend, instruments, wallMs }: Api): Family[] {
  const delaySeconds = (which: 'p50' | 'p99' | 'max') => () =>
    instruments.eventLoopDelayMs()[which] / 1_000
  const startedSeconds = wallMs() / 1_000 - process.uptime()
  return [
    {
      name: 'sekali_info',
      help: 'Who this is; always 1.',
      type: 'gauge',
      labels: ['version', 'node_id'],
      read: () => [
        { labels: { version: instruments.version, node_id: backend.standing().nodeId }, value: 1 },
      ],
    },
    {
      name: 'sekali_event_loop_delay_p50_seconds',
      help: 'How late timers were, at the median, over the last minute.',
      type: 'gauge',
      read: delaySeconds('p50'),
    },
    {
      name: 'sekali_event_loop_delay_p99_seconds',
      help: 'How late timers were, for the slowest in a hundred, over the last minute.',
      type: 'gauge',
      read: delaySeconds('p99'),
    },
    {
      name: 'sekali_event_loop_delay_max_seconds',
      help: 'How late timers were at the worst, over the last minute.',
      type: 'gauge',
      read: delaySeconds('max'),
    },
    {
      name: 'sekali_disk_free_bytes',
      help: 'What the file system of the data directory still takes.',
      type: 'gauge',
      read: async () => (await instruments.diskUsage()).freeBytes,
    },
    {
      name: 'sekali_disk_size_bytes',
      help: 'Size of the file system of the data directory.',
      type: 'gauge',
      read: async () => (await instruments.diskUsage()).sizeBytes,
    },
    {
      name: 'process_cpu_seconds_total',
      help: 'CPU time that this process has used.',
      type: 'counter',
      read: () => {
        const { user, system } = process.cpuUsage()
        return (user + system) / 1e6
      },
    },
    {
      name: 'process_resident_memory_bytes',
      help: 'Memory of this process that is in RAM.',
      type: 'gauge',
      read: () => process.memoryUsage.rss(),
    },
    {
      name: 'process_start_time_seconds',
      help: 'When this process was started, in seconds since 1970.',
      type: 'gauge',
      read: () => startedSeconds,
    },
    {
      name: 'nodejs_heap_used_bytes',
      help: "Part of V8's heap that is in use.",
      type: 'gauge',
      read: () => process.memoryUsage().heapUsed,
    },
    {
      name: 'nodejs_external_memory_bytes',
      help: 'Memory of buffers and other objects outside the heap.',
      type: 'gauge',
      read: () => process.memoryUsage().external,
    },
  ]
}
