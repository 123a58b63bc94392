// What `npm start` shows while the nodes run: who leads, how fast, who lags, and whether all hold the same.
//
// Pure: two looks at the nodes in, text out. It reports only what the nodes themselves said at the same moment;
// digests are compared at one common applied index or not at all.

import type { Stats } from '../client/contract/state.ts'
import { grouped, percent, table } from './format.ts'

export type NodeState = 'running' | 'restarting' | 'stopped' | 'refused'

export interface Look {
  readonly atMs: number
  /** In order of ids; null: no answer. */
  readonly stats: ReadonlyMap<string, Stats | null>
  readonly states: ReadonlyMap<string, NodeState>
  readonly digests: DigestView
}

/** 'unknown': fewer than two nodes could show their digest at a common index. */
export type DigestView =
  | { readonly type: 'equal'; readonly index: number; readonly count: number }
  | { readonly type: 'different'; readonly index: number }
  | { readonly type: 'unknown' }

/** One line, for logs and pipes. */
export function summaryLine(look: Look, before: Look | null): string {
  const latest = mostApplied(look)
  if (latest === null) return 'no node answers'
  const lags = [...look.stats].map(([id, stats]) => `${id} ${lagText(look, id, stats)}`)
  return [
    leaderText(look),
    `${grouped(eventsPerSecond(look, before))} events/s`,
    countsText(latest),
    `lag ${lags.join(', ')}`,
    digestText(look.digests),
  ].join(' · ')
}

/** Several lines, redrawn in place on a terminal. */
export function summaryBlock(look: Look, before: Look | null): string {
  const latest = mostApplied(look)
  const rows = [['node', 'role', 'term', 'applied', 'lag', 'received', 'unique', 'duplicates']]
  for (const [id, stats] of look.stats) {
    if (stats === null) rows.push([id, stateText(look, id), '', '', '', '', '', ''])
    else {
      rows.push([
        id,
        stats.role,
        String(stats.term),
        grouped(stats.applied_index),
        lagText(look, id, stats),
        grouped(stats.received),
        grouped(stats.unique_processed),
        grouped(stats.duplicate_dropped),
      ])
    }
  }
  const facts = [
    leaderText(look),
    `${grouped(eventsPerSecond(look, before))} events/s`,
    latest === null ? 'no node answers' : countsText(latest),
    digestText(look.digests),
  ]
  return `${facts.join(' · ')}\n${table(rows)}`
}

/** Received by the cluster since the look before; it may not go back, though the node looked at may change. */
export function eventsPerSecond(look: Look, before: Look | null): number {
  const now = mostApplied(look)
  const then = before === null ? null : mostApplied(before)
  if (now === null || then === null || before === null || look.atMs <= before.atMs) return 0
  return Math.max(0, now.received - then.received) / ((look.atMs - before.atMs) / 1000)
}

function leaderText(look: Look): string {
  // Of two that believe they lead, the one with the higher term is right.
  let leader: Stats | null = null
  for (const stats of look.stats.values()) {
    if (stats?.role === 'leader' && (leader === null || stats.term > leader.term)) leader = stats
  }
  return leader === null ? 'no leader' : `leader ${leader.node_id}, term ${leader.term}`
}

function countsText(stats: Stats): string {
  const share = percent(stats.duplicate_dropped, stats.received)
  return `${grouped(stats.unique_processed)} unique, ${grouped(stats.duplicate_dropped)} duplicates (${share})`
}

/** Entries behind the furthest commit that any node knows of. */
function lagText(look: Look, id: string, stats: Stats | null): string {
  if (stats === null) return stateText(look, id)
  const commits = [...look.stats.values()].map((view) => view?.commit_index ?? 0)
  return grouped(Math.max(0, Math.max(...commits) - stats.applied_index))
}

function stateText(look: Look, id: string): string {
  const state = look.states.get(id)
  return state === undefined || state === 'running' ? 'no answer' : state
}

function digestText(view: DigestView): string {
  switch (view.type) {
    case 'equal':
      return `digests of ${view.count} nodes equal at index ${grouped(view.index)}`
    case 'different':
      return `DIGESTS DIFFER at index ${grouped(view.index)}`
    case 'unknown':
      return 'digests not compared'
    default:
      return view satisfies never
  }
}

function mostApplied(look: Look): Stats | null {
  let most: Stats | null = null
  for (const stats of look.stats.values()) {
    if (stats !== null && (most === null || stats.applied_index > most.applied_index)) most = stats
  }
  return most
}

/** Compares what the nodes showed at `index`; null stands for a node that no longer, or not yet, could. */
export function digestView(index: number, digests: readonly (string | null)[]): DigestView {
  const shown = digests.filter((digest) => digest !== null)
  if (shown.length < 2) return { type: 'unknown' }
  return shown.every((digest) => digest === shown[0])
    ? { type: 'equal', index, count: shown.length }
    : { type: 'different', index }
}
