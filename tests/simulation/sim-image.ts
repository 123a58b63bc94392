// What stands on a simulated log disk at one moment, and what a write makes of it.
//
// Images are values: a write gives a new one. They share the array of entries as long as nothing is overridden, so
// that a long history costs no copies.

import {
  type Checkpoint,
  type Entry,
  type EntryId,
  type HardState,
  type Identity,
  type Index,
  type NodeId,
  ORIGIN,
} from '../../raft/core/types.ts'
import type { LoadedLog, LogWrite } from '../../raft/ports.ts'

export interface Image {
  readonly node: NodeId
  readonly identity: Identity
  readonly hardState: HardState
  readonly checkpoint: Checkpoint | null
  readonly base: EntryId
  readonly bytesSinceCheckpoint: number
  /** Entries first to (not including) end of it are this image's, beginning behind the base. */
  readonly shared: Entry[]
  readonly first: number
  readonly end: number
}

export function newImage(node: NodeId, identity: Identity): Image {
  return {
    node,
    identity,
    hardState: { term: 0, vote: null },
    checkpoint: null,
    base: ORIGIN,
    bytesSinceCheckpoint: 0,
    shared: [],
    first: 0,
    end: 0,
  }
}

export function lastIndex({ base, first, end }: Image): Index {
  return base.index + end - first
}

/** Entries from..to, as far as they are held. */
export function entriesOf(image: Image, from: Index, to: Index): Entry[] {
  const { shared, first, end, base } = image
  const placeOf = (index: Index) => Math.min(end, Math.max(first, first + index - base.index - 1))
  return shared.slice(placeOf(from), placeOf(to + 1))
}

export function written(image: Image, write: LogWrite): Image {
  const base = write.base ? write.checkpoint! : image.base
  const kept = write.base ? 0 : (write.entries[0]?.index ?? lastIndex(image) + 1) - base.index - 1
  // Only at the end of the shared array may it grow in place: what an older image calls its own stays.
  const grows = !write.base && image.first + kept === image.shared.length
  const shared = grows ? image.shared : image.shared.slice(image.first, image.first + kept)
  const first = grows ? image.first : 0
  for (const entry of write.entries) shared.push(entry)
  const said = Number(write.hardState !== null) + Number(write.identity !== null)
  const bytes = write.entries.reduce((sum, { data }) => sum + RECORD_BYTES + data.length, 0)
  return {
    node: image.node,
    identity: write.identity ?? image.identity,
    hardState: write.hardState ?? image.hardState,
    checkpoint: write.checkpoint ?? image.checkpoint,
    base: { index: base.index, term: base.term },
    bytesSinceCheckpoint: write.checkpoint
      ? bytes
      : image.bytesSinceCheckpoint + said * RECORD_BYTES + bytes,
    shared,
    first,
    end: first + kept + write.entries.length,
  }
}

const RECORD_BYTES = 64

/** The image without its entries up to `base`, which need not be among them. */
export function trimmed(image: Image, base: EntryId): Image {
  if (base.index <= image.base.index) return image
  const first = Math.min(image.end, image.first + base.index - image.base.index)
  const inside = base.index <= lastIndex(image) ? image.shared[first - 1]! : base
  const { index, term } = inside
  return { ...image, base: { index, term }, first }
}

export function loadedFrom(image: Image, notes: readonly string[]): LoadedLog {
  const held = image.shared.slice(image.first, image.end)
  const { identity, hardState, checkpoint, base } = image
  return {
    identity,
    hardState,
    checkpoint,
    base,
    terms: held
      .filter(({ term }, place) => held[place - 1]?.term !== term)
      .map(({ index, term }) => ({ index, term })),
    entries: held.filter(({ index }) => index > (checkpoint?.index ?? 0)),
    notes,
  }
}
