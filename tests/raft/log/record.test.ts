// The record codec: golden bytes that must not change, both ways for any record, and no unsound record believed.

import { crc32 } from 'node:zlib'
import { expect, test } from 'vitest'
import type { Entry } from '../../../raft/core/types.ts'
import {
  decodeCheckpoint,
  decodeEntry,
  decodeHardState,
  decodeHead,
  decodeIdentity,
  entryBytes,
  isSound,
  RecordWriter,
  readHeader,
  recordBytes,
  type SegmentHead,
} from '../../../raft/log/record.ts'
import { segmentName } from '../../../raft/log/segment.ts'
import fc from '../../properties.ts'

const SEED = segmentName(3, '0123456789abcdef0123456789abcdef').seed

const IDENTITY = {
  store: '0123456789abcdef0123456789abcdef',
  members: ['n1', 'n2'],
  pins: [{ node: 'n2', store: 'f'.repeat(32) }],
  member: true,
  configIndex: 2,
}
const HEAD: SegmentHead = {
  node: 'n1',
  identity: IDENTITY,
  hardState: { term: 5, vote: null },
  checkpoint: { index: 7, term: 4, state: new Uint8Array([0, 255]) },
  predecessor: { number: 2, end: 4096 },
  follows: { index: 9, term: 5 },
}
const ENTRY: Entry = {
  index: 2 ** 40 + 10,
  term: 6,
  type: 'normal',
  proposal: { node: 'n1', life: 2 ** 53 - 1, count: 258 },
  data: new TextEncoder().encode('{"a":1}'),
}

/** One write with a record of each type. */
function fixture(): Buffer {
  const writer = new RecordWriter()
  writer.begin(SEED, 41)
  writer.head(HEAD)
  writer.hardState({ term: 6, vote: 'n2' })
  writer.identity(IDENTITY)
  writer.checkpoint({ index: 8, term: 4, state: new Uint8Array([1, 2, 3]) })
  writer.entry(ENTRY)
  writer.entry({ ...ENTRY, type: 'noop', proposal: null, data: new Uint8Array() })
  return Buffer.from(writer.finish())
}

function recordsIn(bytes: Buffer) {
  const records = []
  for (let offset = 0; offset < bytes.length; ) {
    const header = readHeader(bytes, offset, SEED)
    if (header === null || !isSound(bytes, offset, header)) return records
    records.push({ offset, header })
    offset += recordBytes(header)
  }
  return records
}

test('the format has not changed: old logs must stay readable, or FORMAT_VERSION must rise', () => {
  const bytes = fixture()
  const [head, hardState, identity, checkpoint, entry, noop] = recordsIn(bytes)
  const hexOf = (from: { offset: number }, to?: { offset: number }) =>
    bytes.toString('hex', from.offset, to?.offset)

  expect(SEED).toBe(crc32('0000000003-0123456789abcdef0123456789abcdef.log'))
  expect(hexOf(hardState!, identity)).toBe(
    'f9a5020004000000000000000000000006000000000000002900000000000000164b2651b43c6f04226e32229a',
  )
  expect(hexOf(checkpoint!, entry)).toBe(
    'f9a50400030000000800000000000000040000000000000029000000000000001d80bc55d80eae660102039a',
  )
  expect(hexOf(entry!, noop)).toBe(
    'f9a505001c0000000a000000000100000600000000000000290000000000000052ffe1ed050e57000003006e31ffffffffffff1f0002010000000000007b2261223a317d9a',
  )
  expect(hexOf(noop!)).toBe(
    'f9a50502030000000a000000000100000600000000000000290000000000000025b383feb1c377770100009a',
  )
  expect(bytes.toString('latin1', head!.offset + 40, hardState!.offset - 1)).toBe(
    '{"node":"n1","identity":{"store":"0123456789abcdef0123456789abcdef","members":["n1","n2"],"pins":[{"node":"n2","store":"ffffffffffffffffffffffffffffffff"}],"member":true,"configIndex":2},"hardState":{"term":5,"vote":null},"predecessor":{"number":2,"end":4096},"checkpoint":{"index":7,"term":4,"state":"AP8="}}',
  )
  expect(crc32(bytes)).toBe(1269104206)
})

test('what was written is read back', () => {
  const bytes = fixture()
  const [head, hardState, identity, checkpoint, entry, noop] = recordsIn(bytes)

  expect(decodeHead(bytes, head!.offset, head!.header)).toEqual(HEAD)
  expect(decodeHardState(bytes, hardState!.offset, hardState!.header)).toEqual({
    term: 6,
    vote: 'n2',
  })
  expect(decodeIdentity(bytes, identity!.offset, identity!.header)).toEqual(IDENTITY)
  expect(decodeCheckpoint(bytes, checkpoint!.offset, checkpoint!.header)).toEqual({
    index: 8,
    term: 4,
    state: new Uint8Array([1, 2, 3]),
  })
  expect(decodeEntry(bytes, entry!.offset, entry!.header)).toEqual(ENTRY)
  expect(decodeEntry(bytes, noop!.offset, noop!.header)).toEqual({
    ...ENTRY,
    type: 'noop',
    proposal: null,
    data: new Uint8Array(),
  })
})

test('any entry is read back, and takes up what was said', () => {
  const anyEntry: fc.Arbitrary<Entry> = fc.record({
    index: fc.maxSafeNat(),
    term: fc.maxSafeNat(),
    type: fc.constantFrom('normal', 'noop', 'config'),
    proposal: fc.option(
      fc.record({
        node: fc.string({ unit: 'grapheme' }),
        life: fc.maxSafeNat(),
        count: fc.maxSafeNat(),
      }),
    ),
    data: fc.uint8Array({ maxLength: 100 }),
  })
  fc.assert(
    fc.property(anyEntry, fc.maxSafeNat(), (entry, write) => {
      const writer = new RecordWriter()
      writer.begin(SEED, write)
      writer.entry(entry)
      const bytes = Buffer.from(writer.finish())
      const [record] = recordsIn(bytes)

      expect(record!.header.write).toBe(write)
      expect(decodeEntry(bytes, 0, record!.header)).toEqual(entry)
      expect(bytes.length).toBe(entryBytes(entry))
    }),
  )
})

test('any change of one bit, and any missing end, makes a record unsound', () => {
  const bytes = fixture()
  const { offset, header } = recordsIn(bytes)[4]!
  const record = bytes.subarray(offset, offset + recordBytes(header))
  for (let bit = 0; bit < record.length * 8; bit += 1) {
    const changed = Buffer.from(record)
    changed[bit >> 3] = changed[bit >> 3]! ^ (1 << (bit & 7))
    expect(recordsIn(changed)).toEqual([])
  }
  for (let end = 0; end < record.length; end += 1) {
    expect(recordsIn(record.subarray(0, end))).toEqual([])
  }
})

test('a record is sound in its own segment only', () => {
  const bytes = fixture()
  const other = segmentName(4, '0123456789abcdef0123456789abcdef').seed

  expect(readHeader(bytes, 0, SEED)).not.toBeNull()
  expect(readHeader(bytes, 0, other)).toBeNull()
})

test('numbers that would not come back are refused', () => {
  const writer = new RecordWriter()
  writer.begin(SEED, 1)

  expect(() => writer.entry({ ...ENTRY, index: 2 ** 53 })).toThrow(RangeError)
  expect(() => writer.entry({ ...ENTRY, term: -1 })).toThrow(RangeError)
  expect(() => writer.entry({ ...ENTRY, term: 1.5 })).toThrow(RangeError)
})
