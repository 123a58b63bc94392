// The state machine's contract, on LevelDB and in memory.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { DedupStateMachine } from '../../../node/store/dedup-state-machine.ts'
import { type OpenedStore, openLevel } from '../../../node/store/open.ts'
import { type StoreWorld, stateMachineContract } from '../state-machine-contract.ts'
import { contentsOf, JournalStore } from './journal-store.ts'

stateMachineContract('in memory', async (): Promise<StoreWorld> => {
  const store = new JournalStore()
  return {
    open: () => DedupStateMachine.open(store, store.makeDurable),
    contents: () => contentsOf(store),
    close: async () => {},
  }
})

stateMachineContract('on LevelDB', async (): Promise<StoreWorld> => {
  const directory = await mkdtemp(path.join(tmpdir(), 'sekali-store-'))
  let opened: OpenedStore | null = null
  return {
    async open() {
      await opened?.store.close()
      opened = await openLevel(directory, { createIfMissing: opened === null })
      return DedupStateMachine.open(opened.store, opened.makeDurable)
    },
    contents: () => contentsOf(opened!.store),
    async close() {
      await opened?.store.close()
      await rm(directory, { recursive: true })
    },
  }
})
