// A broken invariant is our own bug: the node must stop before it does harm, so this throws the one error that
// nobody catches but the driver, which ends the process. The world's errors and a peer's are not its business.

export class InvariantError extends Error {
  override readonly name = 'InvariantError'
}

/** Throws InvariantError with the invariant's name when `holds` is false. Stays on in production. */
export function invariant(holds: boolean, name: string): asserts holds {
  if (!holds) throw new InvariantError(`invariant broken: ${name}`)
}
