// RFC 3339, held against the calendar of Date where Date is strict enough.

import { describe, expect, test } from 'vitest'
import { instantOf } from '../../../node/edge/timestamp.ts'
import fc from '../../properties.ts'

function instant(text: string): number {
  const bytes = Buffer.from(`..${text}..`)
  return instantOf(bytes, 2, bytes.length - 2)
}

test('every instant of the years 0 to 9999 is understood as Date prints it', () => {
  const min = Date.parse('0000-01-01T00:00:00Z')
  const max = Date.parse('9999-12-31T23:59:59.999Z')
  fc.assert(
    fc.property(fc.integer({ min, max }), (ms) => {
      const text = new Date(ms).toISOString()

      expect(instant(text)).toBe(ms)
      expect(instant(`${text.slice(0, -1)}+02:30`)).toBe(ms - 150 * 60_000)
      expect(instant(`${text.slice(0, -1)}-00:45`)).toBe(ms + 45 * 60_000)
    }),
    { numRuns: 2_000 },
  )
})

test('a day is taken if and only if the calendar has it', () => {
  for (const year of [1900, 2000, 2023, 2024]) {
    for (let month = 0; month <= 13; month++) {
      for (let day = 0; day <= 32; day++) {
        const pad = (value: number) => String(value).padStart(2, '0')
        const date = new Date(Date.UTC(year, month - 1, day))
        const exists = date.getUTCMonth() === month - 1 && date.getUTCFullYear() === year
        const text = `${year}-${pad(month)}-${pad(day)}T00:00:00Z`

        expect([text, !Number.isNaN(instant(text))]).toEqual([text, exists && day > 0])
      }
    }
  }
})

describe('taken', () => {
  test.each([
    ['2024-06-30t12:00:00z', Date.UTC(2024, 5, 30, 12)],
    ['2024-06-30T12:00:00.5Z', Date.UTC(2024, 5, 30, 12, 0, 0, 500)],
    ['2024-06-30T12:00:00.0001Z', Date.UTC(2024, 5, 30, 12) + 0.1],
    ['2024-06-30T12:00:00-00:00', Date.UTC(2024, 5, 30, 12)],
    ['2024-06-30T23:59:60Z', Date.UTC(2024, 6, 1)],
    ['2024-07-01T01:59:60+02:00', Date.UTC(2024, 6, 1)],
  ])('%s', (text, ms) => {
    expect(instant(text)).toBe(ms)
  })
})

describe('refused', () => {
  test.each([
    '',
    '2024',
    '1719748800',
    '2024-06-30',
    '2024-06-30T12:00:00',
    '2024-06-30 12:00:00Z',
    '2024-06-30T12:00Z',
    '2024-06-30T12:00:00.Z',
    '2024-06-30T12:00:00,5Z',
    '2024-06-30T24:00:00Z',
    '2024-06-30T12:60:00Z',
    '2024-06-30T12:00:61Z',
    '2024-06-30T12:00:60Z',
    '2024-06-30T23:59:60+01:00',
    '2024-06-30T12:00:00+2:00',
    '2024-06-30T12:00:00+0200',
    '2024-06-30T12:00:00+24:00',
    '2024-06-30T12:00:00+00:60',
    '2024-06-30T12:00:00Z ',
    '+2024-06-30T12:00:00Z',
    '-024-06-30T12:00:00Z',
    '２０２４-06-30T12:00:00Z',
    `2024-06-30T12:00:00.${'0'.repeat(64)}Z`,
  ])('%j', (text) => {
    expect(instant(text)).toBeNaN()
  })
})
