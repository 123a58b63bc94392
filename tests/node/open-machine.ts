// The state machine as a node opens it: on a directory, through LevelDB, or in memory for tests that need no disk.

import { MemoryLevel } from 'memory-level'
import { DedupStateMachine } from '../../node/store/dedup-state-machine.ts'
import { openLevel } from '../../node/store/open.ts'

export async function openMachine(directory?: string): Promise<DedupStateMachine> {
  if (directory !== undefined) {
    const { store, makeDurable } = await openLevel(directory, { createIfMissing: true })
    return DedupStateMachine.open(store, makeDurable)
  }
  const store = new MemoryLevel<Uint8Array, Uint8Array>({
    keyEncoding: 'view',
    valueEncoding: 'view',
  })
  await store.open()
  return DedupStateMachine.open(store, (key, value) => store.put(key, value))
}
