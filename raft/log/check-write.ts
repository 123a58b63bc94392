// What a log is never asked to write: a gap, an override of what a checkpoint covers, a checkpoint out of place.
//
// Such a write is a mistake of ours, and writing it would make a log that no start accepts.

import type { Index } from '../core/types.ts'
import type { LogWrite } from '../ports.ts'

/** Throws if the write does not fit a log that ends at `last` and whose last checkpoint is at `covered`. */
export function checkWrite(
  { base, checkpoint, entries }: LogWrite,
  last: Index,
  covered: Index,
): void {
  if (base && checkpoint === null) throw new Error('a base is a checkpoint')
  if (checkpoint !== null && !base && checkpoint.index < covered) {
    throw new Error(`a checkpoint at ${checkpoint.index} is older than the one at ${covered}`)
  }
  const before = base ? checkpoint!.index : last
  const floor = base ? before : covered
  let next = entries[0]?.index ?? before + 1
  if (next > before + 1) throw new Error(`entry ${next} does not follow ${before}`)
  if (next <= floor) throw new Error(`entry ${next} would override what a checkpoint covers`)
  for (const { index } of entries) {
    if (index !== next) throw new Error(`entry ${index} stands where ${next} belongs`)
    next += 1
  }
  if (checkpoint !== null && checkpoint.index >= next) {
    throw new Error(`a checkpoint at ${checkpoint.index} is beyond the log's end, ${next - 1}`)
  }
}
