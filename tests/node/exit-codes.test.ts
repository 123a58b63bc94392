// How a node ends tells its supervisor whether starting it again can help.

import { expect, test } from 'vitest'
import { UnknownVersionError } from '../../node/command/format.ts'
import { EXIT, exitCodeOf } from '../../node/exit-codes.ts'
import { StoreLockedError } from '../../node/store/store-errors.ts'
import { InvariantError } from '../../raft/core/invariant.ts'
import { MembersChangedError } from '../../raft/log/errors.ts'
import { LogDamageError } from '../../raft/ports.ts'

const systemError = (code: string) => Object.assign(new Error(code), { code })

test.each([
  [new LogDamageError('x'), EXIT.damagedLog],
  [new MembersChangedError('x'), EXIT.foreignDirectory],
  [new StoreLockedError('x'), EXIT.directoryInUse],
  [new UnknownVersionError('x'), EXIT.newerFormat],
  [systemError('EADDRINUSE'), EXIT.addressInUse],
  [new Error('cannot listen', { cause: systemError('EADDRINUSE') }), EXIT.addressInUse],
  [systemError('EROFS'), EXIT.directoryUnusable],
  [systemError('ENOSPC'), EXIT.directoryUnusable],
  [new Error('IO error: 000003.log: No space left on device'), EXIT.directoryUnusable],
  [
    new Error('open', { cause: new Error('IO error: LOCK: Permission denied') }),
    EXIT.directoryUnusable,
  ],
  [new InvariantError('x'), EXIT.bug],
  ['not even an error', EXIT.bug],
])('%s ends with %i', (error, code) => {
  expect(exitCodeOf(error)).toBe(code)
})
