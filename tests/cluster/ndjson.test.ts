// Events as NDJSON: what is tolerated, and how a bad line is named.

import { describe, expect, test } from 'vitest'
import { ndjsonEvents } from '../../cluster/publish/ndjson-events.ts'
import type { SourceItem } from '../../cluster/publish/outgoing.ts'

const GOOD = '{"topic":"orders","event_id":"1","payload":{"total":1.50,"big":12345678901234567890}}'

async function itemsOf(text: string | Buffer): Promise<SourceItem[]> {
  async function* chunks(): AsyncGenerator<Buffer> {
    yield Buffer.from(text)
  }
  const items: SourceItem[] = []
  for await (const item of ndjsonEvents(chunks())) items.push(item)
  return items
}

test('an event is sent as the very text it is, digits and all', async () => {
  expect(await itemsOf(`${GOOD}\n`)).toEqual([
    { type: 'event', topic: 'orders', eventId: '1', json: GOOD, place: 'line 1' },
  ])
})

test('a byte order mark, CRLF, blank lines and a missing last newline are tolerated', async () => {
  const items = await itemsOf(`\ufeff${GOOD}\r\n\r\n  \n${GOOD}`)

  expect(items).toMatchObject([
    { type: 'event', json: GOOD, place: 'line 1' },
    { type: 'event', json: GOOD, place: 'line 4' },
  ])
})

describe('B67: a bad line is named by its number, and the others go on', () => {
  test.each([
    ['bad JSON', '{"topic":', /^is not JSON/],
    ['no object', '[1]', /^is no event/],
    ['no topic', '{"event_id":"1"}', /topic/],
    ['an unknown field', '{"topic":"a","event_id":"1","extra":1}', /extra/],
    ['an empty id', '{"topic":"a","event_id":""}', /event_id must not be empty/],
    ['a mark in the middle', `\ufeff ${'x'}`, /^is not JSON/],
  ])('%s', async (_, line, reason) => {
    const items = await itemsOf(`${`${GOOD}\n`.repeat(6)}${line}\n${GOOD}\n`)

    expect(items).toHaveLength(8)
    expect(items[6]).toMatchObject({
      type: 'bad',
      place: 'line 7',
      reason: expect.stringMatching(reason),
    })
    expect(items[7]).toMatchObject({ type: 'event', place: 'line 8' })
  })

  test('bytes that are not UTF-8', async () => {
    const [item] = await itemsOf(Buffer.from([0x7b, 0xff, 0x7d]))

    expect(item).toEqual({ type: 'bad', place: 'line 1', reason: 'is not UTF-8' })
  })

  test('a line far too long to be an event', async () => {
    const [long, next] = await itemsOf(`${'x'.repeat(3 * 1024 * 1024)}\n${GOOD}\n`)

    expect(long).toMatchObject({ type: 'bad', reason: expect.stringContaining('3145728 bytes') })
    expect(next).toMatchObject({ type: 'event', place: 'line 2' })
  })
})
