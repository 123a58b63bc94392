// One event a line, as JSON: checked here so that a fault is named by its line, then sent as the very text it is.
//
// A byte order mark at the beginning, CRLF, and blank lines are tolerated. A bad line is told and counted, and the
// others go on.

import { eventSchema } from '../../client/contract/event.ts'
import { REQUEST_LIMITS } from '../../client/contract/limits.ts'
import { LineSplitter, type RawLine } from './line-splitter.ts'
import type { Source, SourceItem } from './outgoing.ts'

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const BYTE_ORDER_MARK = '\ufeff'

export async function* ndjsonEvents(chunks: AsyncIterable<Buffer>): Source {
  // A little more than an event may have: line ends, a mark and spaces around it do not count.
  const splitter = new LineSplitter(REQUEST_LIMITS.eventBytesMax + 64)
  for await (const chunk of chunks) {
    for (const line of splitter.push(chunk)) yield* toItems(line)
  }
  const last = splitter.end()
  if (last !== null) yield* toItems(last)
}

function toItems(line: RawLine): SourceItem[] {
  const place = `line ${line.number}`
  const bad = (reason: string): SourceItem[] => [{ type: 'bad', place, reason }]
  if (line.length > line.bytes.length) {
    return bad(
      `is too long: ${line.length} bytes, of ${REQUEST_LIMITS.eventBytesMax} an event may have`,
    )
  }

  let text: string
  try {
    text = UTF8.decode(line.bytes)
  } catch {
    return bad('is not UTF-8')
  }
  if (line.number === 1 && text.startsWith(BYTE_ORDER_MARK)) text = text.slice(1)
  const json = text.trim()
  if (json === '') return []

  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (error) {
    return bad(`is not JSON: ${(error as Error).message}`)
  }
  const parsed = eventSchema.safeParse(value)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!
    return bad(`is no event: ${issue.path.join('.')} ${issue.message}`.replace(':  ', ': '))
  }
  const { topic, event_id: eventId } = parsed.data
  return [{ type: 'event', topic, eventId, json, place }]
}
