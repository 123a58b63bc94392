// How a node ends, as a supervisor sees it. Codes below 64 are refusals: starting it again changes nothing until
// somebody has acted. From 64 on, starting again may help. A disk that refused a write ends the process by SIGKILL,
// since anything run on the way out could write.

import { InvariantError } from '../raft/core/invariant.ts'
import { ForeignDirectoryError, MembersChangedError, NewerFormatError } from '../raft/log/errors.ts'
import { LogDamageError } from '../raft/ports.ts'
import { UnknownVersionError } from './command/format.ts'
import { isRefusalOfTheSystem, StoreFormatError, StoreLockedError } from './store/store-errors.ts'

export const EXIT = {
  ok: 0,
  configuration: 2,
  damagedLog: 3,
  foreignDirectory: 4,
  directoryInUse: 5,
  newerFormat: 6,
  directoryUnusable: 7,
  addressInUse: 8,
  bug: 70,
} as const

const UNUSABLE = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT', 'ENOTDIR', 'EMFILE'])

/** What a node that cannot go on should end with. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof LogDamageError) return EXIT.damagedLog
  if (error instanceof ForeignDirectoryError) return EXIT.foreignDirectory
  if (error instanceof MembersChangedError) return EXIT.foreignDirectory
  if (error instanceof StoreLockedError) return EXIT.directoryInUse
  if (error instanceof NewerFormatError || error instanceof UnknownVersionError)
    return EXIT.newerFormat
  if (error instanceof StoreFormatError) return EXIT.newerFormat
  if (isRefusalOfTheSystem(error)) return EXIT.directoryUnusable
  if (error instanceof InvariantError) return EXIT.bug
  const code = systemCodeOf(error)
  if (code === 'EADDRINUSE' || code === 'EADDRNOTAVAIL') return EXIT.addressInUse
  if (code !== null && UNUSABLE.has(code)) return EXIT.directoryUnusable
  return EXIT.bug
}

function systemCodeOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null
  const { code, cause } = error as NodeJS.ErrnoException
  return typeof code === 'string' && code.startsWith('E') ? code : systemCodeOf(cause)
}
