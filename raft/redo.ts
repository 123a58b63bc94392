// What every start does before anything else: bring the state machine to where the log can go on from.
//
// The state machine's store is never asked how far it is; it goes back to the last checkpoint, which a synced record
// of the log promises, and everything behind it is applied again. A store that does not hold even that is emptied
// and filled again, from the log where it reaches back to the first entry, else by a peer.

import { termInRuns } from './core/log.ts'
import type { Checkpoint, Entry, Index, Term } from './core/types.ts'
import { type LoadedLog, type LogStorage, type StateMachine, StoreBehindError } from './ports.ts'

const READ_PAGE_BYTES = 4 * 1024 * 1024

/** What the core is to start from, in place of the same fields of the loaded log. */
export interface Redone {
  readonly checkpoint: Checkpoint | null
  readonly entries: readonly Entry[]
  readonly commit: Index
  /** The store is then left as it is, being all that shows it, and is to be emptied once that is on record. */
  readonly lostEnd: boolean
  readonly rebuilding: boolean
}

export async function redo(
  log: LogStorage,
  stateMachine: StateMachine<unknown>,
  loaded: LoadedLog,
): Promise<Redone> {
  const lastIndex = loaded.entries.at(-1)?.index ?? loaded.checkpoint?.index ?? loaded.base.index
  // A store that shows more than the log holds, or another entry than the log has in that place, proves that the log has
  // lost its end: what is left may be an older tail, even a longer one, that was overwritten since.
  const shown = stateMachine.shownApplied()
  const term = termIn(loaded, shown.index)
  const lostEnd = shown.index > lastIndex || (term !== null && term !== shown.term)
  const { checkpoint, entries } = loaded
  if (!lostEnd) {
    try {
      await stateMachine.redoFrom(checkpoint)
      return { checkpoint, entries, commit: shown.index, lostEnd, rebuilding: false }
    } catch (error) {
      if (!(error instanceof StoreBehindError)) throw error
    }
    await stateMachine.empty()
  }
  const commit = checkpoint?.index ?? 0
  if (loaded.base.index > 0) return { checkpoint, entries, commit, lostEnd, rebuilding: true }
  if (!lostEnd) await stateMachine.redoFrom(null)
  const all = await readAll(log, lastIndex)
  return { checkpoint: null, entries: all, commit, lostEnd, rebuilding: false }
}

/** Null: the log no longer knows, or does not reach so far. */
function termIn({ base, terms }: LoadedLog, index: Index): Term | null {
  return index === base.index ? base.term : termInRuns(terms, index)
}

async function readAll(log: LogStorage, to: Index): Promise<readonly Entry[]> {
  const entries: Entry[] = []
  while (entries.length < to) {
    const page = await log.read(entries.length + 1, to, READ_PAGE_BYTES)
    if (page === 'compacted') throw new Error('the log lost entries while it was read')
    entries.push(...page)
  }
  return entries
}
