// An overview to judge: three nodes in good order, from which a test takes away what it is about.

import type { Overview, OverviewNode } from '../../../client/contract/overview.ts'

/** n1 leads term 3, and n2 is asked. */
export function overview(change: Partial<Overview> = {}): Overview {
  return {
    node_id: 'n2',
    term: 3,
    leader_id: 'n1',
    topics_total: 2,
    nodes: [node('n1'), node('n2'), node('n3')],
    leadership: [{ term: 3, leader_id: 'n1', role: 'follower', age_ms: 60_000 }],
    rates: { interval_ms: 1_000, age_ms: 0, accepted: [], duplicates: [] },
    ...change,
  }
}

export function node(id: string, change: Partial<OverviewNode> = {}): OverviewNode {
  const self = id === 'n2'
  return {
    node_id: id,
    url: `http://${id}.test`,
    self,
    report: report({ role: id === 'n1' ? 'leader' : 'follower' }),
    age_ms: self ? 0 : 250,
    linked: true,
    fresh: true,
    lag: 0,
    counts: true,
    digest_check: self ? null : { verdict: 'equal', index: 40, age_ms: 250 },
    reports_ignored: 0,
    ...change,
  }
}

export function report(
  change: Partial<NonNullable<OverviewNode['report']>> = {},
): NonNullable<OverviewNode['report']> {
  return {
    role: 'follower',
    term: 3,
    leader_id: 'n1',
    standing: 'member',
    rebuilding: false,
    commit_index: 40,
    applied_index: 40,
    last_position: 1_204,
    received: 2_000,
    unique_processed: 1_204,
    duplicate_dropped: 796,
    conflicts: 0,
    digest: 'a'.repeat(32),
    uptime_seconds: 60,
    fsync: true,
    ...change,
  }
}
