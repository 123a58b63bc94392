// Everything that can be wrong with a store, as classes that the node answers with different exits.
//
// None of them is repaired here: what the log and the peers hold is the truth, and the store is rebuilt from it.

/** Another process has the store open. */
export class StoreLockedError extends Error {
  override name = 'StoreLockedError'
}

/** There is no store where one must be. */
export class StoreMissingError extends Error {
  override name = 'StoreMissingError'
}

/** It does not open, or lacks what it must hold: to be rebuilt. */
export class StoreDamagedError extends Error {
  override name = 'StoreDamagedError'
}

/** The system refused it room, rights or descriptors: the store itself may be whole, and is left alone. */
export class StoreUnusableError extends Error {
  override name = 'StoreUnusableError'
}

const REFUSALS_OF_THE_SYSTEM = [
  'No space left on device',
  'Disk quota exceeded',
  'Permission denied',
  'Read-only file system',
  'Too many open files',
]

/** LevelDB passes the system's reasons on as text alone. */
export function isRefusalOfTheSystem(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const told = REFUSALS_OF_THE_SYSTEM.some((reason) => error.message.includes(reason))
  return told || isRefusalOfTheSystem(error.cause)
}

/** It was written from another log than this one: to be rebuilt. */
export class ForeignStoreError extends Error {
  override name = 'ForeignStoreError'
}

/** It was written by a newer release: to be left alone. */
export class StoreFormatError extends Error {
  override name = 'StoreFormatError'
}
