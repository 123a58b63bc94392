// GET /metrics: both formats, the names in them, and that nothing a client sends becomes one of their labels.

import { describe, expect, test } from 'vitest'
import { ERROR_KINDS } from '../../../client/errors.ts'
import { openMetricsOf } from '../../../node/metrics/exposition.ts'
import { startNode, startNodes, type TestNode } from '../harness.ts'

const TEXT = 'text/plain; version=0.0.4; charset=utf-8'
const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8'
/** What Prometheus 2.42 sends. */
const PROMETHEUS =
  'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'

/** Line by line: `name{label="value"}` → value. */
async function scrape(node: TestNode, accept?: string): Promise<Map<string, number>> {
  const headers: Record<string, string> = accept === undefined ? {} : { accept }
  const { status, text } = await node.request('/metrics', { headers })
  expect(status).toBe(200)
  return samplesOf(text)
}

function samplesOf(text: string): Map<string, number> {
  const samples = new Map<string, number>()
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const [, name, value] = /^([a-z_0-9]+(?:\{.*\})?) (\S+)$/.exec(line)!
    expect(samples.has(name!)).toBe(false)
    samples.set(name!, Number(value))
  }
  return samples
}

const event = (topic: string, event_id: string, payload: object = {}) => ({
  topic,
  event_id,
  payload,
})

describe('the format', () => {
  test.each([
    [undefined, TEXT],
    ['*/*', TEXT],
    ['application/json', TEXT],
    ['text/html', TEXT],
    ['text/plain', TEXT],
    ['application/openmetrics-text; version=0.0.1', TEXT],
    ['application/openmetrics-text; q=0, text/plain', TEXT],
    ['application/openmetrics-text; q=0.3, text/plain; q=0.4', TEXT],
    [';;;,,=', TEXT],
    ['application/openmetrics-text', OPEN_METRICS],
    ['application/openmetrics-text; version=1.0.0; charset=utf-8', OPEN_METRICS],
    [PROMETHEUS, OPEN_METRICS],
  ])('whoever accepts %s gets one that is known', async (accept, type) => {
    const node = await startNode()

    const headers: Record<string, string> = accept === undefined ? {} : { accept }
    const reply = await node.request('/metrics', { headers })

    expect(reply.status).toBe(200)
    expect(reply.headers.get('content-type')).toBe(type)
    expect(reply.text.endsWith('\n# EOF\n')).toBe(type === OPEN_METRICS)
  })

  test('each family says what it is, once, before its samples', async () => {
    const node = await startNode()
    await node.publish(event('orders', 'o-1'))

    for (const accept of ['text/plain', OPEN_METRICS]) {
      const { text } = await node.request('/metrics', { headers: { accept } })
      const types = new Map<string, string>()
      for (const line of text.split('\n')) {
        const [, name, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? []
        if (name === undefined) continue
        expect(types.has(name)).toBe(false)
        types.set(name, type!)
        expect(text).toMatch(new RegExp(`^# HELP ${name} \\S`, 'm'))
      }
      expect(types.size).toBeGreaterThan(40)
      for (const [name, type] of types) {
        if (accept === OPEN_METRICS) expect(name).not.toMatch(/_total$/)
        else expect(name.endsWith('_total')).toBe(type === 'counter')
        expect(name).toMatch(/^(sekali|process|nodejs)_/)
      }
    }
  })

  test('both tell the same samples, one after the other', async () => {
    const node = await startNode()
    await node.publish(event('orders', 'o-1'))

    const before = await scrape(node, PROMETHEUS)
    const text = await scrape(node)
    const after = await scrape(node, PROMETHEUS)

    expect([...before.keys()].filter((name) => !text.has(name))).toEqual([])
    expect([...text.keys()].filter((name) => !after.has(name))).toEqual([])
    const own = [...text.keys()].filter((name) => /^sekali_(?!http_request)/.test(name))
    for (const name of own) expect(after.get(name)).toBe(text.get(name))
  })

  test('OpenMetrics: counters are named without their suffix, nothing else is', () => {
    const text = [
      '# HELP a_total what a counts_total',
      '# TYPE a_total counter',
      'a_total{of="_total"} 1',
      '',
      '# HELP b_total is a gauge that nobody should have named so',
      '# TYPE b_total gauge',
      'b_total 2',
      '',
    ].join('\n')

    expect(openMetricsOf(text)).toBe(
      [
        '# HELP a what a counts_total',
        '# TYPE a counter',
        'a_total{of="_total"} 1',
        '# HELP b_total is a gauge that nobody should have named so',
        '# TYPE b_total gauge',
        'b_total 2',
        '# EOF',
        '',
      ].join('\n'),
    )
  })

  test('HEAD answers without a body, and a parameter is refused', async () => {
    const node = await startNode()

    expect(await node.request('/metrics', { method: 'HEAD' })).toMatchObject({
      status: 200,
      text: '',
    })
    expect((await node.request('/metrics?topic=a')).status).toBe(400)
  })
})

describe('what is counted', () => {
  test('every event once, by what was decided, and the same on each node', async () => {
    const [first, second] = await startNodes(2)
    const [n1, n2] = [first!, second!]
    await n1.publish([event('a', '1'), event('a', '2'), event('b', '1')])
    await n2.publish([event('a', '1'), event('a', '2', { other: true })])
    await n1.backend.settle()

    for (const node of [n1, n2]) {
      const samples = await scrape(node)
      expect(samples.get('sekali_events_total{outcome="accepted"}')).toBe(3)
      expect(samples.get('sekali_events_total{outcome="duplicate"}')).toBe(1)
      expect(samples.get('sekali_events_total{outcome="conflict"}')).toBe(1)
      expect(samples.get('sekali_topics')).toBe(2)
      expect(samples.get('sekali_publish_requests_total')).toBe(1)
    }
  })

  test('requests, by route, method and class of status', async () => {
    const node = await startNode()
    await node.publish(event('a', '1'))
    await node.publish('{')
    await node.request('/events?limit=0')
    await node.request('/events/a/1')

    const samples = await scrape(node)

    const requests = (labels: string) =>
      samples.get(`sekali_http_request_duration_seconds_count{${labels}}`)
    expect(requests('route="/publish",method="POST",status="2xx"')).toBe(1)
    expect(requests('route="/publish",method="POST",status="4xx"')).toBe(1)
    expect(requests('route="/events",method="GET",status="4xx"')).toBe(1)
    expect(requests('route="/events/:topic/:event_id",method="GET",status="2xx"')).toBe(1)
    expect(samples.get('sekali_http_problems_total{code="malformed_json"}')).toBe(1)
    expect(samples.get('sekali_http_problems_total{code="bad_parameter"}')).toBe(1)
    expect(samples.get('sekali_publish_rejected_total')).toBe(1)
  })

  test('the time that a request took, on the clock that is handed in', async () => {
    const node = await startNode()
    node.sequencer.stall()
    const published = node.publish(event('a', '1'))
    await new Promise((resolve) => setImmediate(resolve))
    expect((await scrape(node)).get('sekali_publish_pending_requests')).toBe(1)
    expect((await scrape(node)).get('sekali_publish_pending_bytes')).toBeGreaterThan(20)
    node.clock.advance(300)
    node.sequencer.heal()
    await published

    const samples = await scrape(node)

    const bucket = (le: string) =>
      samples.get(
        `sekali_http_request_duration_seconds_bucket{le="${le}",route="/publish",method="POST",status="2xx"}`,
      )
    expect([bucket('0.25'), bucket('0.5'), bucket('+Inf')]).toEqual([0, 1, 1])
    expect(
      samples.get(
        'sekali_http_request_duration_seconds_sum{route="/publish",method="POST",status="2xx"}',
      ),
    ).toBe(0.3)
    expect(samples.get('sekali_publish_pending_requests')).toBe(0)
    expect(samples.get('sekali_publish_pending_bytes')).toBe(0)
  })

  test('refusals at the door, beside the limits that they came from', async () => {
    const node = await startNode({ pendingRequestsMax: 1 })
    node.sequencer.stall()
    const waiting = node.publish(event('a', '1'))
    await new Promise((resolve) => setImmediate(resolve))

    expect((await node.publish(event('a', '2'))).status).toBe(429)

    const samples = await scrape(node)
    expect(samples.get('sekali_http_problems_total{code="overloaded"}')).toBe(1)
    expect(samples.get('sekali_publish_pending_requests')).toBe(1)
    expect(samples.get('sekali_publish_pending_requests_limit')).toBe(1)
    node.sequencer.heal()
    await waiting
  })

  test('who leads, and who this is', async () => {
    const [first, second] = await startNodes(3)
    const node = second!

    const samples = await scrape(node)
    const ofLeader = await scrape(first!)

    expect(samples.get('sekali_info{version="1.2.3",node_id="n2"}')).toBe(1)
    expect(samples.get('sekali_raft_role{role="follower"}')).toBe(1)
    expect(samples.get('sekali_raft_role{role="leader"}')).toBe(0)
    expect(samples.get('sekali_raft_leader_known')).toBe(1)
    expect(samples.get('sekali_raft_standing{standing="suspect"}')).toBe(0)
    expect(samples.get('sekali_raft_peer_counts{peer="n1"}')).toBe(1)
    expect(samples.has('sekali_raft_peer_counts{peer="n2"}')).toBe(false)
    expect(ofLeader.get('sekali_raft_peer_lag_entries{peer="n2"}')).toBe(0)
    expect(ofLeader.get('sekali_raft_peer_lag_entries{peer="n3"}')).toBe(0)
    expect(ofLeader.has('sekali_raft_peer_lag_entries{peer="n1"}')).toBe(false)
    expect([...samples.keys()].filter((name) => name.includes('peer_lag'))).toEqual([])
    node.sequencer.loseLeader()
    expect((await scrape(node)).get('sekali_raft_leader_known')).toBe(0)
  })

  test('a peer that holds something else, once both digests of an index are known', async () => {
    const [n1, n2] = await startNodes(2)
    const other = await startNode()
    await n1!.publish(event('a', '1'))
    await other.publish(event('a', '2'))
    await n1!.backend.settle()
    const differs = async () => (await scrape(n2!)).get('sekali_peer_digest_differs{peer="n1"}')

    expect(await differs()).toBe(undefined)
    n1!.clock.advance(1_000)
    n2!.view.hear('n1', n1!.told.at(-1)!)
    expect(await differs()).toBe(0)
    other.clock.advance(1_000)
    n2!.clock.advance(1_000)
    n2!.view.hear('n1', other.told.at(-1)!)
    expect(await differs()).toBe(1)
  })

  test('what the machine says at that moment', async () => {
    const samples = await scrape(await startNode())

    expect(samples.get('sekali_event_loop_delay_p50_seconds')).toBe(0.00025)
    expect(samples.get('sekali_event_loop_delay_p99_seconds')).toBe(0.004)
    expect(samples.get('sekali_event_loop_delay_max_seconds')).toBe(0.0315)
    expect(samples.get('sekali_log_bytes')).toBe(100)
    expect(samples.get('sekali_store_bytes')).toBe(200)
    expect(samples.get('sekali_disk_free_bytes')).toBe(700)
    expect(samples.get('sekali_disk_size_bytes')).toBe(1_000)
    expect(samples.get('sekali_peer_link_events_total{event="dropped"}')).toBe(1)
    expect(samples.get('sekali_peer_link_events_total{event="badFrame"}')).toBe(0)
  })

  test('what is called a counter never goes back', async () => {
    const node = await startNode()
    let before = new Map<string, number>()
    for (const round of [1, 2, 3, 4]) {
      await node.publish([event('a', `${round}`), event('a', '1')])
      await node.publish('[')
      await node.request('/nowhere')
      const { text } = await node.request('/metrics')
      const counted = new Set(
        [...text.matchAll(/^# TYPE (\S+) (?:counter|histogram)$/gm)].map(([, name]) => name!),
      )
      const after = samplesOf(text)
      let grown = 0
      for (const [name, value] of after) {
        const family = name.replace(/\{.*/, '').replace(/_(?:bucket|sum|count)$/, '')
        if (!counted.has(family)) continue
        expect(value).toBeGreaterThanOrEqual(before.get(name) ?? 0)
        if (value > (before.get(name) ?? 0)) grown += 1
      }
      expect(grown).toBeGreaterThan(10)
      for (const name of before.keys()) expect(after.has(name)).toBe(true)
      before = after
    }
  })
})

describe('labels', () => {
  /** Everything a client can put somewhere, marked so that it would be found. */
  const MARK = 'Zebra'

  test('nothing that clients send becomes one', async () => {
    const node = await startNode()
    await node.publish({
      topic: `${MARK}.topic`,
      event_id: `${MARK}-id`,
      source: `${MARK} source`,
      payload: { [MARK]: MARK },
    })
    await node.publish(`{"${MARK}":`, `application/${MARK}`)
    await node.publish({ topic: MARK, event_id: '', [MARK]: 1 })
    await node.request(`/${MARK}`)
    await node.request(`/${MARK}`, { method: MARK.toUpperCase() })
    await node.request('/publish', { method: MARK.toUpperCase() })
    await node.request(`/events?${MARK}=1`)
    await node.request(`/events/${MARK}/${MARK}`, { headers: { 'user-agent': MARK, host: MARK } })
    await node.request(`/events?topic=${MARK}.**`)
    await node.request('/seen', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ids: [{ topic: MARK, event_id: MARK }] }),
    })

    for (const accept of [MARK, OPEN_METRICS]) {
      const { status, text } = await node.request('/metrics', { headers: { accept } })
      expect(status).toBe(200)
      expect(text.toLowerCase()).not.toContain(MARK.toLowerCase())
    }
  })

  test('as many lines as before, however many topics, sources and paths there are', async () => {
    const node = await startNode()
    const use = async (name: string) => {
      await node.publish({ ...event(`topic.${name}`, name), source: name })
      await node.publish({ topic: `topic.${name}`, event_id: 5 })
      await node.request(`/${name}`)
      await node.request(`/events/topic.${name}/${name}`)
      await node.request(`/events/topic.${name}/none`)
      await node.request('/events', { method: name.toUpperCase() })
      return scrape(node)
    }
    await use('first')

    const before = await use('second')
    for (let number = 0; number < 200; number += 1) await use(`name${number}`)
    const after = await scrape(node)

    expect([...after.keys()]).toEqual([...before.keys()])
    expect(after.get('sekali_topics')).toBe(202)
  })

  test('every code of a problem is there before it was answered', async () => {
    const samples = await scrape(await startNode())

    for (const code of Object.keys(ERROR_KINDS)) {
      expect(samples.get(`sekali_http_problems_total{code="${code}"}`)).toBe(0)
    }
  })
})
