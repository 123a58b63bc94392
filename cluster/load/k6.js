// The load test of seed report 004 (k6, 20 users for 60 s), against this cluster.
//
//   k6 run cluster/load/k6.js
//   k6 run -e NODES=http://127.0.0.1:8001,http://127.0.0.1:8002 -e USERS=50 -e DURATION=2m cluster/load/k6.js
//
// Each user publishes batches of 5 to 15 events, 30 % of them sent before, asks for what is stored now and then, and looks
// at the counters. A duplicate is a success: it is answered with 200 and counted. Fails if anything but that is
// answered, or if a counter does not add up. k6 is no npm package: this file is run by k6 itself, never by Node.js.

import { check, sleep } from 'k6'
import http from 'k6/http'
import { Counter, Rate } from 'k6/metrics'

const NODES = (
  __ENV.NODES || 'http://127.0.0.1:8001,http://127.0.0.1:8002,http://127.0.0.1:8003'
).split(',')
const DUPLICATE_SHARE = Number(__ENV.DUPLICATE || 0.3)
const TOPICS = ['app.logs', 'app.errors', 'payments', 'orders', 'users.signup']
/** Events that a user remembers, to send them again. */
const RECENT_MAX = 500

export const options = {
  vus: Number(__ENV.USERS || 20),
  duration: __ENV.DURATION || '60s',
  thresholds: {
    http_req_failed: ['rate==0'],
    sums_that_hold: ['rate==1'],
  },
}

const accepted = new Counter('events_accepted')
const duplicates = new Counter('events_duplicate')
const sumsThatHold = new Rate('sums_that_hold')

// Each user has variables of its own.
const recent = []
let count = 0

export default function user() {
  const node = NODES[Math.floor(Math.random() * NODES.length)]
  const draw = Math.random()
  if (draw < 0.8) publish(node)
  else if (draw < 0.9) readEvents(node)
  else readStats(node)
  sleep(0.1)
}

function publish(node) {
  const events = Array.from({ length: 5 + Math.floor(Math.random() * 11) }, nextEvent)
  const answer = http.post(`${node}/publish`, JSON.stringify({ events }), {
    headers: { 'content-type': 'application/json' },
    tags: { name: 'publish' },
  })
  const committed = check(answer, { 'publish is committed': ({ status }) => status === 200 })
  if (!committed) return
  const body = answer.json()
  accepted.add(body.accepted)
  duplicates.add(body.duplicates)
  sumsThatHold.add(body.accepted + body.duplicates === events.length)
}

function readEvents(node) {
  const topic = TOPICS[Math.floor(Math.random() * TOPICS.length)]
  const url = `${node}/events?topic=${topic}&order=desc&limit=50`
  const answer = http.get(url, { tags: { name: 'events' } })
  check(answer, { 'events are listed': ({ status }) => status === 200 })
}

function readStats(node) {
  const answer = http.get(`${node}/stats`, { tags: { name: 'stats' } })
  if (!check(answer, { 'stats are shown': ({ status }) => status === 200 })) return
  const { received, unique_processed: unique, duplicate_dropped: dropped } = answer.json()
  sumsThatHold.add(received === unique + dropped)
}

function nextEvent() {
  if (recent.length > 0 && Math.random() < DUPLICATE_SHARE) {
    return recent[Math.floor(Math.random() * recent.length)]
  }
  count += 1
  const event = {
    topic: TOPICS[Math.floor(Math.random() * TOPICS.length)],
    event_id: `k6-${__VU}-${count}-${Math.random().toString(16).slice(2)}`,
    timestamp: new Date().toISOString(),
    source: `k6-user-${__VU}`,
    payload: { level: 'INFO', message: `event ${count} of user ${__VU}`, duration_ms: 12.5 },
  }
  recent[count % RECENT_MAX] = event
  return event
}
