// Log lines as events: where lines begin and end, what their ids are made of, and how a growing file is followed.

import {
  appendFileSync,
  mkdtempSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { LineIds, lineEvents, linePayload } from '../../cluster/publish/line-events.ts'
import { LineSplitter, type RawLine } from '../../cluster/publish/line-splitter.ts'
import type { OutgoingEvent, SourceItem } from '../../cluster/publish/outgoing.ts'
import { type TailPart, tail } from '../../cluster/publish/tail.ts'
import fc from '../properties.ts'

const OPTIONS = { topic: 'logs', source: '', fileId: null }

function split(chunks: readonly (string | Buffer)[], lineBytesMax = 1_000): RawLine[] {
  const splitter = new LineSplitter(lineBytesMax)
  const lines = chunks.flatMap((chunk) => splitter.push(Buffer.from(chunk)))
  const last = splitter.end()
  return last === null ? lines : [...lines, last]
}

async function itemsOf(parts: readonly TailPart[], fileId = '7'): Promise<SourceItem[]> {
  async function* source(): AsyncGenerator<TailPart> {
    yield* parts
  }
  const items: SourceItem[] = []
  for await (const item of lineEvents(source(), fileId, OPTIONS)) items.push(item)
  return items
}

const bytes = (text: string | Buffer): TailPart => ({ type: 'bytes', bytes: Buffer.from(text) })

async function idsOf(text: string | Buffer, fileId?: string): Promise<string[]> {
  const items = await itemsOf([bytes(text)], fileId)
  return items.map((item) => (item as OutgoingEvent).eventId)
}

describe('lines', () => {
  test('are the same however the bytes arrive', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 'bb', '\n', '\r\n', 'ä', ''), { maxLength: 40 }),
        fc.integer({ min: 1, max: 7 }),
        (parts, size) => {
          const whole = Buffer.from(parts.join(''))
          const chunks = Array.from({ length: Math.ceil(whole.length / size) }, (_, place) =>
            whole.subarray(place * size, (place + 1) * size),
          )

          const lines = split(chunks)

          expect(lines).toEqual(split([whole]))
          for (const line of lines) {
            const end = line.offset + line.length
            expect(whole.subarray(line.offset, end)).toEqual(line.bytes)
          }
        },
      ),
    )
  })

  test('know their number and the offset at which they begin, empty ones too', () => {
    const lines = split(['one\n\nthr', 'ee\r\nfour'])

    expect(lines.map((line) => [line.number, line.offset, line.bytes.toString()])).toEqual([
      [1, 0, 'one'],
      [2, 4, ''],
      [3, 5, 'three\r'],
      [4, 12, 'four'],
    ])
  })

  test('too long to keep keep their beginning and their length', () => {
    const [long, next] = split(['x'.repeat(30), 'y'.repeat(30), '\nz\n'], 40)

    expect(long).toMatchObject({ length: 60 })
    expect(long?.bytes.toString()).toBe('x'.repeat(30) + 'y'.repeat(10))
    expect(next).toMatchObject({ number: 2, offset: 61, length: 1 })
  })
})

describe('the id of a line', () => {
  test('is the same each time the file is shipped, also after it has grown', async () => {
    const once = await idsOf('a\nb\n')
    const grown = await idsOf('a\nb\nc\n')

    expect(grown.slice(0, 2)).toEqual(once)
    expect(once[1]).toMatch(/^2-[0-9a-f]{32}$/)
  })

  test('differs for equal lines at different places', async () => {
    expect(new Set(await idsOf('same\nsame\nsame\n')).size).toBe(3)
  })

  test('differs between files, and behind the first difference in files with one id', async () => {
    const [first, second] = await idsOf('header\nx\n')

    expect(await idsOf('header\nx\n', '8')).not.toContain(first)
    expect(await idsOf('header\ny\n')).toEqual([first, expect.not.stringMatching(second!)])
    expect(await idsOf('HEADER\nx\n')).not.toContain(second)
  })

  test('does not change when the newline of the last line arrives later', async () => {
    expect(await idsOf('a\nlast')).toEqual(await idsOf('a\nlast\n'))
  })

  test('keeps too long lines apart by their length', () => {
    const [one] = split(['x'.repeat(50)], 10)
    const [two] = split(['x'.repeat(51)], 10)

    expect(new LineIds('7').next(one!)).not.toBe(new LineIds('7').next(two!))
  })
})

describe('the payload of a line', () => {
  test.each(['', 'plain', 'tab\tand \\ and "', 'nul \0', '\ufeffmark', 'ends in \r', '🦀'])(
    '%j comes back as it was',
    (text) => {
      expect(linePayload(Buffer.from(text))).toEqual({ line: text })
    },
  )

  test('that is not UTF-8 is kept byte for byte', () => {
    const line = Buffer.from([0x61, 0xff, 0xc3])

    const payload = linePayload(line) as { line_base64: string }

    expect(Buffer.from(payload.line_base64, 'base64')).toEqual(line)
  })

  test('is part of an event of the configured topic', async () => {
    const [item] = await itemsOf([bytes('hello\n')])

    expect(JSON.parse((item as OutgoingEvent).json)).toEqual({
      topic: 'logs',
      event_id: (item as OutgoingEvent).eventId,
      payload: { line: 'hello' },
    })
  })

  test('larger than an event may be is told by its line, and the next one goes on', async () => {
    // Control characters grow sixfold in JSON: this line fits, its event does not.
    const items = await itemsOf([bytes(`${'\u0001'.repeat(200_000)}\nnext\n`)])

    expect(items).toMatchObject([
      { type: 'bad', place: 'line 1', reason: expect.stringContaining('too long') },
      { type: 'event', place: 'line 2' },
    ])
  })
})

describe('following a file', () => {
  let directory: string
  let file: string

  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'sekali-tail-'))
    file = path.join(directory, 'app.log')
  })

  afterEach(() => rmSync(directory, { recursive: true, force: true }))

  /** Between two looks at the file, one step is done; after the last, the following ends. */
  async function follow(steps: readonly (() => void)[]): Promise<string> {
    const left = [...steps]
    const wait = async (): Promise<boolean> => {
      const step = left.shift()
      step?.()
      return step !== undefined
    }
    let text = ''
    for await (const part of tail(file, wait)) {
      if (part.type === 'bytes') text += part.bytes.toString()
      else if (part.type === 'restart') text += '<restart>'
    }
    return text
  }

  test('reads what is appended', async () => {
    writeFileSync(file, 'one\n')

    expect(await follow([() => appendFileSync(file, 'two\n')])).toBe('one\ntwo\n')
  })

  test('begins anew when the file is cut to nothing', async () => {
    writeFileSync(file, 'one\n')

    const text = await follow([() => truncateSync(file, 0), () => appendFileSync(file, 'two\n')])

    expect(text).toBe('one\n<restart>two\n')
  })

  test('begins anew when the file was cut and has grown past the old place meanwhile', async () => {
    writeFileSync(file, 'one\n')

    expect(await follow([() => writeFileSync(file, 'something longer\n')])).toBe(
      'one\n<restart>something longer\n',
    )
  })

  test('reads the rest of a renamed file before its successor', async () => {
    writeFileSync(file, 'one\n')

    const text = await follow([
      () => {
        appendFileSync(file, 'late\n')
        renameSync(file, `${file}.1`)
      },
      () => writeFileSync(file, 'new\n'),
    ])

    expect(text).toBe('one\nlate\n<restart>new\n')
  })

  test('waits with a half written line, and ships it whole', async () => {
    const items = await itemsOf([
      bytes('half'),
      { type: 'idle' },
      bytes(' whole\nagain half'),
      { type: 'idle' },
    ])

    const lines = items.flatMap((item) =>
      item.type === 'event' ? [JSON.parse(item.json).payload.line] : [],
    )
    expect(lines).toEqual(['half whole'])
  })

  test('ships the last line of a file that was replaced, though it has no newline', async () => {
    const items = await itemsOf([
      bytes('a\nend'),
      { type: 'idle' },
      { type: 'restart', fileId: '8' },
      bytes('a\n'),
    ])

    const events = items.filter((item) => item.type === 'event')
    expect(events.map((event) => JSON.parse(event.json).payload.line)).toEqual(['a', 'end', 'a'])
    expect(events[2]?.eventId).not.toBe(events[0]?.eventId)
  })
})
