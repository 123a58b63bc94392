// UUIDv7: the right bits in the right places, and ids that always rise.

import { randomFillSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { eventIds } from '../../../client/sdk/event-id.ts'
import { systemPorts } from '../../../client/sdk/ports.ts'

test('RFC 9562, appendix A.6: the time, version and variant of its example', () => {
  const example = '017F22E2-79B0-7CC3-98C4-DC0C0C07398F'.toLowerCase()
  const bytes = Buffer.from(example.replaceAll('-', ''), 'hex')
  const makeId = eventIds({
    wallMs: () => 0x017f22e279b0,
    randomFill: (into) => void bytes.copy(into),
  })

  // The highest bit of the counter is left free to count up in.
  expect(makeId()).toBe(example.replace('7cc3', '74c3'))
})

test('ids rise strictly, also when the clock stands still or goes back, and however many are made', () => {
  let nowMs = 1_800_000_000_000
  const makeId = eventIds({
    wallMs: () => nowMs,
    randomFill: (bytes) => void randomFillSync(bytes),
  })
  const ids: string[] = []

  for (let number = 0; number < 20_000; number += 1) {
    if (number % 7_000 === 0) nowMs -= 1_000
    ids.push(makeId())
  }

  expect(ids).toEqual([...ids].sort())
  expect(new Set(ids).size).toBe(ids.length)
  const shape = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
  expect(ids.filter((id) => !shape.test(id))).toEqual([])
})

test('two makers do not make the same ids at the same time', () => {
  const [left, right] = [systemPorts(1), systemPorts(1)].map(({ randomFill }) =>
    eventIds({ wallMs: () => 1, randomFill }),
  )

  const ids = Array.from({ length: 1_000 }, () => [left!(), right!()]).flat()

  expect(new Set(ids).size).toBe(2_000)
})
