// What the disk is asked for: the log, the store behind it, and snapshots between stores.

import type { Api } from '../../http/api.ts'
import { type Family, flag } from '../family.ts'

export function ofTheLog({ backend, meters, instruments }: Api): Family[] {
  return [
    {
      name: 'sekali_log_append_duration_seconds',
      help: 'Writing to the log on disk until it is durable.',
      type: 'histogram',
      read: () => meters.appendSeconds,
    },
    {
      name: 'sekali_log_fsync_duration_seconds',
      help: 'One synced write to a file of the log, the next one that is prepared included.',
      type: 'histogram',
      read: () => meters.syncSeconds,
    },
    {
      name: 'sekali_log_append_entries',
      help: 'Entries made durable by one write.',
      type: 'histogram',
      read: () => meters.entriesPerAppend,
    },
    {
      name: 'sekali_log_appended_bytes_total',
      help: 'Bytes of entries written to the log.',
      type: 'counter',
      read: () => meters.appendedBytes,
    },
    {
      name: 'sekali_log_bytes',
      help: 'Size of the log on disk, with the file that is prepared.',
      type: 'gauge',
      read: async () => (await instruments.diskUsage()).logBytes,
    },
    {
      name: 'sekali_log_fsync_enabled',
      help: '0: FSYNC=off, what is acknowledged can be lost in a power cut.',
      type: 'gauge',
      read: () => flag(backend.process().fsync),
    },
  ]
}

export function ofTheStateMachine({ meters, instruments }: Api): Family[] {
  return [
    {
      name: 'sekali_store_apply_duration_seconds',
      help: 'Deciding and storing one group of committed entries.',
      type: 'histogram',
      read: () => meters.applySeconds,
    },
    {
      name: 'sekali_store_entry_events',
      help: 'Events in one applied entry.',
      type: 'histogram',
      read: () => meters.eventsPerEntry,
    },
    {
      name: 'sekali_store_checkpoint_duration_seconds',
      help: 'Making the store durable, so that older log can go.',
      type: 'histogram',
      read: () => meters.checkpointSeconds,
    },
    {
      name: 'sekali_store_bytes',
      help: 'Size of the store on disk.',
      type: 'gauge',
      read: async () => (await instruments.diskUsage()).storeBytes,
    },
    {
      name: 'sekali_snapshots_offered_total',
      help: 'Snapshots that this node offered to followers.',
      type: 'counter',
      read: () => meters.snapshotsOffered,
    },
    {
      name: 'sekali_snapshots_installed_total',
      help: 'Snapshots of others that came into force here.',
      type: 'counter',
      read: () => meters.snapshotsInstalled,
    },
    {
      name: 'sekali_snapshot_sent_bytes_total',
      help: 'Bytes of snapshots that were read for followers.',
      type: 'counter',
      read: () => meters.snapshotBytesSent,
    },
    {
      name: 'sekali_snapshot_received_bytes_total',
      help: 'Bytes of snapshots that were stored here.',
      type: 'counter',
      read: () => meters.snapshotBytesReceived,
    },
  ]
}
