// Why a data directory is refused, apart from damage (LogDamageError, in ports.ts).
//
// Each is thrown by load() before anything was changed on the disk, so that the operator may look, correct the
// configuration and start again. Each deserves an exit code of its own.

/** The directory pinned another set of members than the configuration names. */
export class MembersChangedError extends Error {
  override name = 'MembersChangedError'
}

/** The directory belongs to a node with another id. */
export class ForeignDirectoryError extends Error {
  override name = 'ForeignDirectoryError'
}

/** The directory was written by a newer version of this program. */
export class NewerFormatError extends Error {
  override name = 'NewerFormatError'
}
