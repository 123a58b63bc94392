// CloudEvents from bytes to the log's format: nothing sent is lost, the mode and the spelling make no difference to what an
// event is, and whatever comes is an event or a SekaliError.

import { expect, test } from 'vitest'
import { SekaliError } from '../../../client/errors.ts'
import { EventWalk, FINGERPRINT_AT, FINGERPRINT_BYTES } from '../../../node/command/format.ts'
import type { EdgeBatch } from '../../../node/edge/edge-batch.ts'
import { readBinaryCloudEvent, readCloudEvents } from '../../../node/edge/read-cloud-events.ts'
import fc from '../../properties.ts'

const OPTIONS = {
  limits: { batchEventsMax: 100, eventBytesMax: 4_096, bodyBytesMax: 65_536 },
  receivedAtMs: 0,
  topic: null,
}
const numRuns = 300

const structured = (text: string | Uint8Array) =>
  readCloudEvents(Buffer.from(text), 'structured', OPTIONS)

interface Stored {
  readonly text: string
  readonly fingerprint: string
}

/** Each event's payload and fingerprint. */
function storedOf(batch: EdgeBatch): Stored[] {
  const walk = new EventWalk(batch.bytes, 0, batch.count)
  const bytes = Buffer.from(batch.bytes)
  const found: Stored[] = []
  while (walk.next()) {
    const at = walk.start + FINGERPRINT_AT
    found.push({
      text: bytes.toString('utf8', walk.payloadAt, walk.end),
      fingerprint: bytes.toString('hex', at, at + FINGERPRINT_BYTES),
    })
  }
  return found
}

const anyName = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' })
const anyExtensions = fc.dictionary(
  fc.stringMatching(/^x[a-z0-9]{1,8}$/),
  fc.oneof(fc.string({ unit: 'grapheme' }), fc.boolean(), fc.integer()),
  { maxKeys: 4 },
)
const anyData = fc.jsonValue({ maxDepth: 4, stringUnit: 'grapheme' })
const anyEvent = fc.record({
  id: anyName,
  source: anyName,
  extensions: anyExtensions,
  data: anyData,
})

type AnyEvent = typeof anyEvent extends fc.Arbitrary<infer T> ? T : never

const attributesOf = ({ id, source, extensions }: AnyEvent) => ({
  ...{ specversion: '1.0', id, source, type: 'a.b' },
  ...extensions,
})
const textOf = (event: AnyEvent, space?: number) =>
  JSON.stringify({ ...attributesOf(event), data: event.data }, null, space)

test('the text that is stored is the text that was sent, alone or in a batch', () =>
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 4 }), (events) => {
      const texts = events.map((event) => textOf(event))

      const batch = readCloudEvents(Buffer.from(`[${texts.join(' ,')}]`), 'batched', OPTIONS)

      expect(storedOf(batch).map(({ text }) => text)).toEqual(texts)
      for (const text of texts) expect(storedOf(structured(text))[0]!.text).toBe(text)
    }),
    { numRuns },
  ))

test('line breaks between tokens become blanks, and nothing else changes', () =>
  fc.assert(
    fc.property(anyEvent, (event) => {
      const sent = textOf(event, 2)

      const [{ text, fingerprint }] = storedOf(structured(sent)) as [Stored]

      expect(text).toBe(sent.replaceAll('\n', ' '))
      expect(fingerprint).toBe(storedOf(structured(textOf(event)))[0]!.fingerprint)
    }),
    { numRuns },
  ))

test('binary is the same event as structured, and its order is none', () =>
  fc.assert(
    fc.property(anyEvent, fc.boolean(), (event, reversed) => {
      const attributes = Object.entries(attributesOf(event)).map(
        ([name, value]) => [name, String(value)] as const,
      )
      if (reversed) attributes.reverse()
      const body = Buffer.from(JSON.stringify(event.data))

      const binary = readBinaryCloudEvent(body, attributes, 'application/json', OPTIONS)

      const [{ text, fingerprint }] = storedOf(binary) as [Stored]
      expect(fingerprint).toBe(storedOf(structured(textOf(event)))[0]!.fingerprint)
      expect(JSON.parse(text)).toEqual({
        ...Object.fromEntries(attributes),
        datacontenttype: 'application/json',
        data: JSON.parse(JSON.stringify(event.data)),
      })
    }),
    { numRuns },
  ))

test('other data is another content', () =>
  fc.assert(
    fc.property(anyEvent, anyData, (event, data) => {
      fc.pre(canonical(data) !== canonical(event.data))
      const [one] = storedOf(structured(textOf(event)))
      const [other] = storedOf(structured(textOf({ ...event, data })))

      expect(one!.fingerprint).not.toBe(other!.fingerprint)
    }),
    { numRuns },
  ))

test('bytes of data come back, whatever they are', () =>
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (bytes) => {
      const attributes = Object.entries({ specversion: '1.0', id: '1', source: 's', type: 'a' })

      const [stored] = storedOf(readBinaryCloudEvent(bytes, attributes, 'image/png', OPTIONS))

      const { data_base64 } = JSON.parse(stored!.text)
      expect(Buffer.from(data_base64, 'base64').equals(bytes)).toBe(true)
    }),
    { numRuns },
  ))

test('damaged bytes are an event or a SekaliError, in every mode', () =>
  fc.assert(
    fc.property(anyEvent, fc.nat(), fc.nat(255), fc.boolean(), (event, at, byte, cut) => {
      const text = Buffer.from(`[${textOf(event)}]`)
      text[at % text.length] = byte
      const damaged = cut ? text.subarray(0, at % text.length) : text
      const reads = [
        () => readCloudEvents(damaged, 'batched', OPTIONS),
        () => structured(damaged.subarray(1, -1)),
        () => readBinaryCloudEvent(damaged, [['id', '1']], undefined, OPTIONS),
      ]

      for (const read of reads) {
        try {
          for (const { text } of storedOf(read())) JSON.parse(text)
        } catch (error) {
          expect(error).toBeInstanceOf(SekaliError)
        }
      }
    }),
    { numRuns: 1_000 },
  ))

test('large values are read in a time that grows with them', () => {
  const size = 1_000_000
  const limits = { batchEventsMax: 1, eventBytesMax: 2 * size, bodyBytesMax: 4 * size }
  const values = {
    data_base64: 'A'.repeat(size),
    datacontenttype: `a${' '.repeat(size)}b`,
    subject: ';'.repeat(size),
  }

  for (const [name, value] of Object.entries(values)) {
    const event = { specversion: '1.0', id: '1', source: 's', type: 'a', [name]: value }
    const text = JSON.stringify(event)

    const batch = readCloudEvents(Buffer.from(text), 'structured', { ...OPTIONS, limits })

    expect(storedOf(batch)[0]!.text).toBe(text)
  }
})

/** Sorted by key; what JSON does not tell apart (-0) is the same. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  )
}
