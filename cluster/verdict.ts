// Do all nodes hold the same? Judged only from what they said at one and the same applied index.
//
// Pure. The digest covers every event stored; the counters cover what was dropped as well. Nodes under load are never
// all seen at one index by chance alone, so each look is kept, and any index at which looks meet will do.

import type { Stats } from '../client/contract/state.ts'
import { grouped, table } from './format.ts'

/** Replicated facts of /stats: equal on all nodes at equal applied_index. */
const REPLICATED = [
  'received',
  'unique_processed',
  'duplicate_dropped',
  'conflicts',
  'topics_total',
  'last_position',
  'digest',
] as const satisfies readonly (keyof Stats)[]

/** Enough to meet at one index even where a node answers much slower than the others. */
const LOOKS_KEPT = 256

/** Everything one node said. */
export interface NodeView {
  readonly url: string
  readonly latest: Stats | null
  /** By applied_index. */
  readonly looks: ReadonlyMap<number, Stats>
  /** Why it did not answer; null while it does. */
  readonly failure: string | null
}

export interface Verdict {
  readonly equal: boolean
  /** One sentence each. */
  readonly findings: readonly string[]
}

export class NodeHistory implements NodeView {
  readonly url: string
  readonly #looks = new Map<number, Stats>()
  latest: Stats | null = null
  failure: string | null = null

  constructor(url: string) {
    this.url = url
  }

  get looks(): ReadonlyMap<number, Stats> {
    return this.#looks
  }

  add(stats: Stats): void {
    this.latest = stats
    this.failure = null
    this.#looks.set(stats.applied_index, stats)
    const oldest = this.#looks.keys().next().value
    if (this.#looks.size > LOOKS_KEPT && oldest !== undefined) this.#looks.delete(oldest)
  }

  fail(reason: string): void {
    this.latest = null
    this.failure = reason
  }
}

/** Where the nodes could be compared. */
export interface Meeting {
  /** The latest applied index at which all that answer were seen; null: there was none in time. */
  readonly index: number | null
  /** The furthest that any had applied at the first look: all must get there. */
  readonly target: number
}

/** Digests of the nodes that answer, in their order, at one index; null: it keeps none of that index. */
export interface DigestLook {
  readonly index: number
  readonly digests: readonly (string | null)[]
}

/** `digests`: what is left to compare where the nodes were never seen at one index. */
export function judge(
  views: readonly NodeView[],
  meeting: Meeting,
  digests: DigestLook | null,
  allowMissing: boolean,
): Verdict {
  const answering = views.filter((view) => view.latest !== null)
  const notes: string[] = []
  const faults = [...sameNodeTwice(answering), ...answering.flatMap(contradictions)]

  for (const view of views) {
    if (view.latest !== null) continue
    const finding = `${view.url} does not answer (${view.failure})`
    if (allowMissing) notes.push(finding)
    else faults.push(finding)
  }
  if (answering.length < 2) faults.push('fewer than two nodes answer: nothing can be compared')
  else if (meeting.index !== null) {
    const names = differences(answering, meeting.index)
    const at = `at index ${grouped(meeting.index)}`
    if (names.length > 0) faults.push(`DIFFERENT ${at}: ${names.join(', ')}`)
    else notes.push(`equal ${at}: all counters and the digest of ${answering.length} nodes`)
  } else {
    faults.push(...answering.flatMap((view) => laggard(view, meeting.target)))
    if (digests !== null) {
      const finding = digestFinding(answering, digests)
      if (finding.equal) notes.push(finding.text)
      else faults.push(finding.text)
    }
  }
  return { equal: faults.length === 0, findings: [...notes, ...faults] }
}

/** The latest applied index at which every one of these nodes was seen; null if there is none. */
export function commonIndex(views: readonly NodeView[]): number | null {
  const [first, ...others] = views
  if (first === undefined) return null
  const shared = [...first.looks.keys()].filter((index) =>
    others.every((view) => view.looks.has(index)),
  )
  return shared.length === 0 ? null : Math.max(...shared)
}

/** The highest applied index that any of them shows; null if none answers. */
export function furthest(views: readonly NodeView[]): number | null {
  const indexes = views.flatMap((view) => view.latest?.applied_index ?? [])
  return indexes.length === 0 ? null : Math.max(...indexes)
}

/** Names of the replicated facts in which the nodes differ at this index. */
function differences(views: readonly NodeView[], index: number): string[] {
  const looks = views.map((view) => view.looks.get(index)!)
  return REPLICATED.filter((name) => looks.some((look) => look[name] !== looks[0]![name]))
}

/** Facts wrong in themselves, whatever the others say. */
function contradictions(view: NodeView): string[] {
  const stats = view.latest
  if (stats === null) return []
  const { node_id: id, received, unique_processed: unique, duplicate_dropped: dropped } = stats
  const found: string[] = []
  if (received !== unique + dropped) {
    found.push(`${id}: received ${received} is not unique ${unique} + duplicates ${dropped}`)
  }
  if (unique !== stats.last_position) {
    found.push(`${id}: unique ${unique} is not last_position ${stats.last_position}`)
  }
  return found
}

/** Two URLs behind which one node answers prove nothing. */
function sameNodeTwice(views: readonly NodeView[]): string[] {
  const ids = views.flatMap((view) => view.latest?.node_id ?? [])
  const twice = ids.filter((id, place) => ids.indexOf(id) !== place)
  return [...new Set(twice)].map((id) => `${id} answers at more than one of the URLs`)
}

function laggard(view: NodeView, target: number): string[] {
  const stats = view.latest!
  if (stats.applied_index >= target) return []
  return [
    `${stats.node_id} is at index ${grouped(stats.applied_index)}, not yet at ${grouped(target)}`,
  ]
}

function digestFinding(
  views: readonly NodeView[],
  { index, digests }: DigestLook,
): { equal: boolean; text: string } {
  const at = `at index ${grouped(index)}`
  const silent = views.filter((_, place) => digests[place] === null)
  if (silent.length > 0) {
    const names = silent.map((view) => view.latest!.node_id).join(', ')
    return {
      equal: false,
      text: `${names} could not show a digest ${at}: too far apart to compare`,
    }
  }
  if (digests.some((digest) => digest !== digests[0])) {
    return { equal: false, text: `DIFFERENT ${at}: digest` }
  }
  const text = `equal ${at}: the digest; counters were not compared, the nodes were never seen at one index`
  return { equal: true, text }
}

/** Nodes side by side; where they were seen at one index, as they were there. */
export function sideBySide(views: readonly NodeView[], index: number | null): string {
  const column = (view: NodeView): string[] => {
    const stats = (index === null ? null : view.looks.get(index)) ?? view.latest
    if (stats === null) return [view.url, view.failure ?? 'no answer', ...Array(10).fill('')]
    return [
      view.url,
      stats.node_id,
      stats.role,
      String(stats.term),
      grouped(stats.applied_index),
      grouped(stats.received),
      grouped(stats.unique_processed),
      grouped(stats.duplicate_dropped),
      grouped(stats.conflicts),
      grouped(stats.topics_total),
      grouped(stats.last_position),
      stats.digest,
    ]
  }
  const names = [
    '',
    'node',
    'role',
    'term',
    'applied index',
    'received',
    'unique',
    'duplicates',
    'conflicts',
    'topics',
    'last position',
    'digest',
  ]
  const columns = views.map(column)
  return table(names.map((name, row) => [name, ...columns.map((cells) => cells[row]!)]))
}
