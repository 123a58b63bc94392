// The cluster as this node knows it, for people: tells the peers of this node from time to time, keeps what they tell, who
// led when, and how fast it went, and puts all of it into one answer.
//
// Looks on, decides nothing: no consensus, no health, no routing rests on it. It has no timer; the node ticks it. Keeps:
// what a peer said is never shown without its age.

import type { NodeReport, Overview, OverviewNode } from '../../client/contract/overview.ts'
import type { Backend } from '../http/backend.ts'
import type { Log } from '../log.ts'
import { LeadershipHistory } from './leadership.ts'
import { type Heard, PeerReports } from './peer-reports.ts'
import { RATE_INTERVAL_MS, RateHistory } from './rate-history.ts'
import { encodeReport } from './report.ts'

/** Peers are told so often, and sooner when role, term or leader have changed. */
export const REPORT_EVERY_MS = 500
/** But never more often. */
export const REPORT_GAP_MS_MIN = 100
/** A report older than this is what was last known, no longer what is: three in a row were missed. */
export const REPORT_FRESH_MS = 4 * REPORT_EVERY_MS

export interface ClusterViewOptions {
  readonly backend: Pick<Backend, 'standing' | 'events' | 'process' | 'members' | 'unready'>
  readonly monotonicMs: () => number
  /** The peer's link to this node is up. */
  readonly linked: (peer: string) => boolean
  /** To all peers; may be lost. */
  readonly tell: (report: Uint8Array) => void
  /** What is applied up to here was applied in an earlier life, too: no rate of this one. */
  readonly redoneAt: number
  readonly log: Pick<Log, 'warn' | 'error'>
}

export class ClusterView {
  readonly #options: ClusterViewOptions
  readonly #reports: PeerReports
  readonly #history = new LeadershipHistory()
  readonly #rates = new RateHistory()
  #toldMs = Number.NEGATIVE_INFINITY
  /** Peers have not been told yet of a new role, term or leader. */
  #news = false

  constructor(options: ClusterViewOptions) {
    this.#options = options
    const { log, backend } = options
    this.#reports = new PeerReports({
      digestAt: (index) => backend.events.digestAt(index),
      onIgnored: (peer) => log.warn('a report of a peer cannot be understood', { peer }),
      onDiffers: (peer, index) =>
        log.error('a peer stores something else: its digest differs', { peer, index }),
    })
  }

  tick(): void {
    const { monotonicMs, backend, redoneAt } = this.#options
    this.look()
    const nowMs = monotonicMs()
    const sinceToldMs = nowMs - this.#toldMs
    if (sinceToldMs >= REPORT_EVERY_MS || (this.#news && sinceToldMs >= REPORT_GAP_MS_MIN)) {
      this.#toldMs = nowMs
      this.#news = false
      this.#options.tell(encodeReport({ ...this.#ownReport(), followers: this.#followers() }))
    }
    if (backend.standing().appliedIndex >= redoneAt)
      this.#rates.tick(nowMs, () => backend.events.stats())
  }

  /** Beside each tick, whenever role or leader may have changed: an election can be shorter than a tick. */
  look(): void {
    const { role, term, leader } = this.#options.backend.standing()
    const now = { term, leader: leader?.node_id ?? null, role }
    if (this.#history.look(now, this.#options.monotonicMs())) this.#news = true
  }

  /** What a peer told; any bytes. */
  hear(peer: string, report: Uint8Array): void {
    this.#reports.hear(peer, report, this.#options.monotonicMs())
  }

  overview(): Overview {
    const { backend, monotonicMs } = this.#options
    this.look()
    const nowMs = monotonicMs()
    const { nodeId, term, leader } = backend.standing()
    return {
      node_id: nodeId,
      term,
      leader_id: leader?.node_id ?? null,
      topics_total: backend.events.stats().topicsTotal,
      nodes: this.#nodes(nowMs),
      leadership: this.#history.reigns.map((reign) => ({
        term: reign.term,
        leader_id: reign.leader,
        role: reign.role,
        age_ms: ageMs(reign.sinceMs, nowMs),
      })),
      rates: {
        interval_ms: RATE_INTERVAL_MS,
        age_ms: ageMs(nowMs - this.#rates.ageMs(nowMs), nowMs),
        accepted: [...this.#rates.accepted],
        duplicates: [...this.#rates.duplicates],
      },
    }
  }

  #nodes(nowMs: number): OverviewNode[] {
    const lags = this.#lags(nowMs)
    return this.#options.backend.members().map((member) => {
      const { node_id, url, self, counts } = member
      const lag = lags.get(node_id) ?? null
      if (self) return { node_id, url, self, counts, lag, ...this.#ownFacts() }
      const linked = this.#options.linked(node_id)
      const heard = this.#reports.of(node_id)
      return { node_id, url, self, counts, lag, linked, ...peerFacts(heard, linked, nowMs) }
    })
  }

  #ownFacts(): NodeFacts {
    return {
      report: this.#ownReport(),
      age_ms: 0,
      linked: true,
      fresh: true,
      digest_check: null,
      reports_ignored: 0,
    }
  }

  /** Only a leader knows how far the others are; its last report says it, as long as it is fresh. */
  #lags(nowMs: number): ReadonlyMap<string, number> {
    const { nodeId, role, leader, commitIndex, appliedIndex } = this.#options.backend.standing()
    const own = [nodeId, Math.max(0, commitIndex - appliedIndex)] as const
    if (role === 'leader') {
      return new Map([own, ...this.#followers().map(({ node_id, lag }) => [node_id, lag] as const)])
    }
    if (leader === null) return new Map()
    const { report, atMs } = this.#reports.of(leader.node_id)
    const fresh = this.#options.linked(leader.node_id) && nowMs - atMs <= REPORT_FRESH_MS
    if (report === null || !fresh) return new Map()
    const leaderLag = Math.max(0, report.commit_index - report.applied_index)
    return new Map([
      [leader.node_id, leaderLag],
      ...report.followers.map(({ node_id, lag }) => [node_id, lag] as const),
    ])
  }

  #followers(): { node_id: string; lag: number }[] {
    const { backend } = this.#options
    if (backend.standing().role !== 'leader') return []
    return backend
      .members()
      .flatMap(({ node_id, self, lag }) => (self || lag === null ? [] : [{ node_id, lag }]))
  }

  #ownReport(): NodeReport {
    const { backend } = this.#options
    const { role, term, leader, commitIndex } = backend.standing()
    const { standing, uptimeSeconds, fsync } = backend.process()
    const counts = backend.events.stats()
    return {
      role,
      term,
      leader_id: leader?.node_id ?? null,
      standing,
      rebuilding: backend.unready().includes('rebuilding'),
      commit_index: Math.max(commitIndex, counts.appliedIndex),
      applied_index: counts.appliedIndex,
      last_position: counts.lastPosition,
      received: counts.received,
      unique_processed: counts.unique,
      duplicate_dropped: counts.duplicates,
      conflicts: counts.conflicts,
      digest: counts.digest,
      uptime_seconds: Math.round(uptimeSeconds * 1_000) / 1_000,
      fsync,
    }
  }
}

type NodeFacts = Pick<
  OverviewNode,
  'report' | 'age_ms' | 'linked' | 'fresh' | 'digest_check' | 'reports_ignored'
>

function peerFacts(heard: Heard, linked: boolean, nowMs: number): Omit<NodeFacts, 'linked'> {
  const { report, atMs, check, ignored } = heard
  if (report === null) {
    return {
      report: null,
      age_ms: null,
      fresh: false,
      digest_check: null,
      reports_ignored: ignored,
    }
  }
  const { followers: _, ...said } = report
  return {
    report: said,
    age_ms: ageMs(atMs, nowMs),
    fresh: linked && nowMs - atMs <= REPORT_FRESH_MS,
    digest_check: check && {
      verdict: check.verdict,
      index: check.index,
      age_ms: ageMs(check.atMs, nowMs),
    },
    reports_ignored: ignored,
  }
}

/** To the tenth of a millisecond. */
function ageMs(atMs: number, nowMs: number): number {
  return Math.round((nowMs - atMs) * 10) / 10
}
