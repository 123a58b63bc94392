// The one way in which a checker complains.

/** An invariant of faults.md part 5, by its number, does not hold. */
export class BrokenInvariant extends Error {
  override name = 'BrokenInvariant'
  readonly invariant: string

  constructor(invariant: string, sentence: string) {
    super(`${invariant}: ${sentence}`)
    this.invariant = invariant
  }
}

export function broken(invariant: string, sentence: string): never {
  throw new BrokenInvariant(invariant, sentence)
}
