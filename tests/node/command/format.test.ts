// The payload of log entries: its bytes are golden, since old entries outlive every release.

import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  COMMAND_HEAD_BYTES,
  type EventWalk,
  encodeCommand,
  MalformedCommandError,
  openCommand,
  readUint48,
  receivedAtMsOf,
  UnknownVersionError,
  writeUint48,
} from '../../../node/command/format.ts'
import { readCloudEvents } from '../../../node/edge/read-cloud-events.ts'
import { readPublish } from '../../../node/edge/read-publish.ts'
import fc from '../../properties.ts'

const LIMITS = { batchEventsMax: 100, eventBytesMax: 4_096, bodyBytesMax: 65_536 }

const batchOf = (...events: object[]) =>
  readPublish(Buffer.from(JSON.stringify(events)), 'json', LIMITS, 0)

const FIRST = {
  topic: 'a.b',
  event_id: 'é1',
  source: 's',
  timestamp: '2026-01-01T00:00:00Z',
  payload: { b: [1.5, null], a: 'x' },
}
const SECOND = { topic: 'a', event_id: '2' }
const COMMAND = encodeCommand([batchOf(FIRST), batchOf(SECOND)], 1)

/** The parts of each event, joined. */
function walked(walk: EventWalk): string[] {
  const text = Buffer.from(walk.bytes)
  const found: string[] = []
  while (walk.next()) {
    const parts = [walk.topicAt, walk.eventIdAt, walk.sourceAt, walk.timestampAt, walk.payloadAt]
    found.push(parts.map((at, i) => text.toString('utf8', at, parts[i + 1] ?? walk.end)).join('|'))
  }
  return found
}

describe('golden bytes: a change of them is a new version', () => {
  const golden = [
    ['version', '01'],
    ['received_at', '000000000001'],
    ['count', '00000002'],
    ['size', '0000004f'],
    ['key space', '00'],
    ['fingerprint', 'b37a194ed16e59f0c3cbefd525fd77d3'],
    ['lengths', '0003', '0003', '0001', '14'],
    ['topic', '612e62'],
    ['event_id', 'c3a931'],
    ['source', '73'],
    ['timestamp', '323032362d30312d30315430303a30303a30305a'],
    ['payload', '7b2262223a5b312e352c6e756c6c5d2c2261223a2278227d'],
    ['size', '00000038'],
    ['key space', '00'],
    ['fingerprint', 'bf708965fb9364c765ce3486d84f3db2'],
    ['lengths', '0001', '0001', '0000', '18'],
    ['topic', '61'],
    ['event_id', '32'],
    ['timestamp', '313937302d30312d30315430303a30303a30302e3030305a'],
    ['payload', '7b7d'],
  ]

  test('of a command', () => {
    const bytes = golden.flatMap(([, ...hex]) => hex).join('')

    expect(Buffer.from(COMMAND).toString('hex')).toBe(bytes)
  })

  test('of a command with a CloudEvent: version 2, and its source as part of its identity', () => {
    const text = '{"specversion":"1.0","id":"1","source":"/s","type":"a.b","data":{"n":1}}'
    const options = { limits: LIMITS, receivedAtMs: 0, topic: null }
    const cloudEvents = readCloudEvents(Buffer.from(text), 'structured', options)
    const content = [
      ['id', '1'],
      ['source', '/s'],
      ['specversion', '1.0'],
      ['type', 'a.b'],
    ]
    const covered = JSON.stringify(['a.b', content, '{"n":1}'])
    const fingerprint = createHash('sha256').update(covered).digest('hex').slice(0, 32)

    expect(Buffer.from(encodeCommand([cloudEvents, batchOf(SECOND)], 1)).toString('hex')).toBe(
      [
        ...['02', '000000000001', '00000002'],
        ...['00000082', '01', fingerprint, '0003', '0001', '0002', '18'],
        ...['612e62', '31', '2f73', Buffer.from('1970-01-01T00:00:00.000Z').toString('hex')],
        Buffer.from(text).toString('hex'),
        ...golden.slice(12).flatMap(([, ...hex]) => hex),
      ].join(''),
    )
  })

  test('of a fingerprint: topic and source with their lengths, then the canonical payload', () => {
    const covered = '\0\u0003a.b\0\u0001s{"a":"x","b":[1.5,null]}'
    const fingerprint = createHash('sha256').update(covered).digest('hex').slice(0, 32)

    expect(golden[5]![1]).toBe(fingerprint)
  })
})

describe('a command', () => {
  test('is what several requests brought, one behind the other', () => {
    const apart = [batchOf(FIRST), batchOf(SECOND, FIRST), batchOf(SECOND)]
    const together = [batchOf(FIRST, SECOND, FIRST, SECOND)]

    expect(encodeCommand(apart, 7)).toEqual(encodeCommand(together, 7))
  })

  test('is walked without copying, as often as one likes', () => {
    const walk = openCommand(COMMAND)
    const parts = [
      'a.b|é1|s|2026-01-01T00:00:00Z|{"b":[1.5,null],"a":"x"}',
      'a|2||1970-01-01T00:00:00.000Z|{}',
    ]

    expect(walked(walk)).toEqual(parts)
    walk.rewind()
    expect(walked(walk)).toEqual(parts)
    expect(walk.count).toBe(2)
    expect(receivedAtMsOf(COMMAND)).toBe(1)
  })

  test('can be entered at an event passed before', () => {
    const walk = openCommand(COMMAND)
    walk.next()
    walk.next()
    const { start } = walk
    walk.rewind()

    walk.goTo(1, start)

    expect(walked(walk)).toEqual(['a|2||1970-01-01T00:00:00.000Z|{}'])
  })
})

describe('what is not one', () => {
  test('an unknown version is told apart from damage: the node must stop', () => {
    for (const version of [0, 3, 255]) {
      const other = Uint8Array.from(COMMAND)
      other[0] = version

      expect(() => openCommand(other)).toThrow(UnknownVersionError)
    }
  })

  test('cut anywhere, or with bytes behind it, it is refused', () => {
    for (let size = 0; size < COMMAND.length; size++) {
      expect(() => walked(openCommand(COMMAND.subarray(0, size)))).toThrow(MalformedCommandError)
    }
    expect(() => walked(openCommand(Buffer.concat([COMMAND, Buffer.of(0)])))).toThrow(
      MalformedCommandError,
    )
  })

  test('with any bytes changed it is walked to its end, or refused', () => {
    const change = fc.tuple(fc.nat(COMMAND.length - 1), fc.nat(255))
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const bytes = Uint8Array.from(COMMAND)
        for (const [at, byte] of changes) bytes[at] = byte
        try {
          const walk = openCommand(bytes)
          let end = COMMAND_HEAD_BYTES
          while (walk.next()) {
            expect(walk.start).toBe(end)
            expect(walk.end).toBeLessThanOrEqual(bytes.length)
            end = walk.end
          }
          expect(end).toBe(bytes.length)
        } catch (error) {
          const refused =
            error instanceof MalformedCommandError || error instanceof UnknownVersionError
          if (!refused) throw error
        }
      }),
      { numRuns: 2_000 },
    )
  })
})

test('48-bit numbers come back as they were written', () => {
  const bytes = new Uint8Array(8)
  for (const value of [0, 1, 255, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 12_345, 2 ** 48 - 1]) {
    writeUint48(bytes, 1, value)

    expect(readUint48(bytes, 1)).toBe(value)
    expect([bytes[0], bytes[7]]).toEqual([0, 0])
  }
})
