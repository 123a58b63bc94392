// Who gives a snapshot: one chunk at a time for each follower, and only when it may.

import { expect, test } from 'vitest'
import type { BulkMessage, Checkpoint } from '../../raft/core/types.ts'
import type { StateMachine } from '../../raft/ports.ts'
import { SnapshotSender } from '../../raft/snapshot-transfer.ts'

const OFFER: Checkpoint = { index: 9, term: 2, state: Uint8Array.of(1) }

const ask = (after: number, session = 7) =>
  ({ type: 'ChunkAsk', from: 'n2', to: 'n1', term: 2, session, after }) as const

function sending() {
  const reads: number[] = []
  const sent: BulkMessage[] = []
  const stateMachine = {
    offer: () => OFFER,
    readChunk: async (_: Checkpoint, after: number) => {
      reads.push(after)
      return { next: after + 1, data: Uint8Array.of(after) }
    },
  } as unknown as StateMachine<unknown>
  const sender = new SnapshotSender(stateMachine, 1_000)
  sender.offer('n2', 7)
  return { sender, reads, sent, send: (message: BulkMessage) => sent.push(message) }
}

test('a chunk is read when it may be, and asked twice meanwhile it is read once', async () => {
  const { sender, reads, sent, send } = sending()
  const turn = Promise.withResolvers<void>()
  const first = sender.asked(ask(3), send, () => turn.promise)
  await sender.asked(ask(3), send, () => turn.promise)
  expect(reads).toEqual([])

  turn.resolve()
  await first
  expect(reads).toEqual([3])
  expect(sent).toMatchObject([
    { type: 'Chunk', from: 'n1', to: 'n2', session: 7, after: 3, next: 4 },
  ])
})

test('of another session, or without an offer, nothing is read', async () => {
  const { sender, reads, send } = sending()
  await sender.asked(ask(3, 6), send)
  await sender.asked({ ...ask(3), from: 'n3' }, send)

  expect(reads).toEqual([])
})
