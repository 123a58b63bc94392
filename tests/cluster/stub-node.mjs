// Stands in for node/main.ts where only the handling of processes is tested: it answers /stats as the leader, or
// as a follower of n1, and ends as its environment says.

import { createServer } from 'node:http'

const { NODE_ID, PORT, STUB_EXIT, STUB_DEAF } = process.env

console.log(JSON.stringify({ level: 30, msg: `${NODE_ID} starts` }))
if (STUB_EXIT !== undefined) {
  console.error(`sekali ${NODE_ID}: the log is damaged`)
  process.exit(Number(STUB_EXIT))
}

const stats = {
  node_id: NODE_ID,
  role: NODE_ID === 'n1' ? 'leader' : 'follower',
  term: 1,
  leader_id: 'n1',
  received: 0,
  unique_processed: 0,
  duplicate_dropped: 0,
  dedup_rate_percent: 0,
  conflicts: 0,
  topics: [],
  topics_total: 0,
  uptime_seconds: 1,
  commit_index: 1,
  applied_index: 1,
  last_position: 0,
  digest: '0'.repeat(32),
  fsync: true,
  node: { requests: 0, rejected: 0, forwarded: 0, pending: 0, standing: 'member' },
}
createServer((_, response) => {
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify(stats))
}).listen(Number(PORT), '127.0.0.1')

process.on('SIGTERM', () => {
  if (STUB_DEAF === undefined) process.exit(0)
})
