// What a start makes of a log and of a store that shows how far it got: from where it redoes, and when the two together
// prove that the log has lost its end.

import { expect, test } from 'vitest'
import { type Checkpoint, type Entry, type EntryId, ORIGIN } from '../../raft/core/types.ts'
import { type LoadedLog, StoreBehindError } from '../../raft/ports.ts'
import { redo } from '../../raft/redo.ts'
import { SimLogDisk } from '../simulation/sim-log.ts'

const entry = (index: number, term: number): Entry => ({
  index,
  term,
  type: 'normal',
  proposal: null,
  data: Uint8Array.of(term),
})

/** Entries of these terms, from index 1 on. */
const entriesOf = (terms: readonly number[], from = 1) =>
  terms.map((term, i) => entry(from + i, term))

const checkpointAt = (index: number, term: number): Checkpoint => ({
  index,
  term,
  state: new Uint8Array(0),
})

async function logOf(...writes: (readonly Entry[])[]) {
  const disk = new SimLogDisk({ random: () => 0, drawStoreId: () => '1'.repeat(32) })
  const log = disk.open('n1', ['n1'])
  await log.load()
  const rest = { hardState: null, identity: null, checkpoint: null, base: false }
  for (const entries of writes) await log.append({ ...rest, entries })
  return { disk, log }
}

/** Shows `shown`, holds every checkpoint up to there, and says what was done to it. */
function storeThatShows(shown: EntryId) {
  const done: string[] = []
  let holds = shown.index
  return {
    done,
    shownApplied: () => shown,
    redoFrom: async (checkpoint: Checkpoint | null) => {
      const index = checkpoint?.index ?? 0
      if (index > holds) throw new StoreBehindError('behind')
      done.push(`redo from ${index}`)
    },
    empty: async () => {
      holds = 0
      done.push('empty')
    },
    apply: async () => [],
    stored: async () => {},
    checkpoint: async () => checkpointAt(holds, 1),
    offer: () => checkpointAt(holds, 1),
    readChunk: async () => ({ next: 0, data: new Uint8Array(0) }),
    beginInstall: async () => 0,
    installChunk: async () => 0,
    installComplete: () => false,
    verifyInstall: async () => false,
    restore: async () => {},
    close: async () => {},
  }
}

async function redone(writes: (readonly Entry[])[], shown: EntryId, lose = 0) {
  const { disk } = await logOf(...writes)
  disk.loseWrites(lose)
  const log = disk.open('n1', ['n1'])
  const store = storeThatShows(shown)
  const found = await redo(log, store, await log.load())
  return { found, done: store.done }
}

test('what the store shows is committed, where the log holds this very entry', async () => {
  const { found, done } = await redone([entriesOf([1, 1, 2, 2])], { index: 3, term: 2 })

  expect(found).toMatchObject({ commit: 3, lostEnd: false, rebuilding: false })
  expect(done).toEqual(['redo from 0'])
})

test('a young store over a young log has lost nothing', async () => {
  const { found, done } = await redone([], ORIGIN)

  expect(found).toMatchObject({ commit: 0, lostEnd: false })
  expect(done).toEqual(['redo from 0'])
})

test('a store beyond the log proves that the log lost its end, and is left alone until that is on record', async () => {
  const { found, done } = await redone(
    [entriesOf([1, 1]), entriesOf([1], 3)],
    { index: 3, term: 1 },
    1,
  )

  expect(found).toMatchObject({ commit: 0, lostEnd: true, rebuilding: false })
  expect(found.entries.map(({ index }) => index)).toEqual([1, 2])
  expect(done).toEqual([])
})

test('an older, longer tail where the store shows another entry is a lost end, too', async () => {
  // Term 1 left five entries here; term 2 overwrote all but the first two, and committed index 3. The disk lied about that
  // write, so that after a power cut the old tail is back.
  const tail = entriesOf([1, 1, 1, 1, 1])
  const overwrite = [entry(3, 2)]

  const { found, done } = await redone([tail, overwrite], { index: 3, term: 2 }, 1)

  expect(found).toMatchObject({ commit: 0, lostEnd: true })
  expect(done).toEqual([])
})

test('a store behind all that the log still holds shows nothing about its end', async () => {
  const { log } = await logOf()
  const loaded: LoadedLog = {
    identity: { store: '1', members: ['n1'], pins: [], member: true, configIndex: 0 },
    hardState: { term: 2, vote: null },
    checkpoint: checkpointAt(8, 2),
    base: { index: 6, term: 1 },
    terms: [{ index: 7, term: 2 }],
    entries: [entry(9, 2)],
    notes: [],
  }
  const store = storeThatShows({ index: 4, term: 1 })

  const found = await redo(log, store, loaded)

  expect(found).toMatchObject({ commit: 8, lostEnd: false, rebuilding: true })
  expect(store.done).toEqual(['empty'])
})
