// The door's arithmetic: nothing taken is kept, nothing refused is taken.

import { expect, test } from 'vitest'
import { SekaliError } from '../../../client/errors.ts'
import { Door } from '../../../node/http/door.ts'

const refusal = (action: () => void): unknown => {
  try {
    action()
    return null
  } catch (error) {
    return error instanceof SekaliError ? error.facts.limit : error
  }
}

test('requests are counted while they wait, and refused above the limit', () => {
  const door = new Door({ pendingRequestsMax: 1, pendingBytesMax: 100 })

  door.enter()

  expect(refusal(() => door.knock())).toEqual({ name: 'pendingRequestsMax', value: 1 })
  expect(refusal(() => door.enter())).toEqual({ name: 'pendingRequestsMax', value: 1 })
  expect(door.pending).toBe(1)
  door.leave()
  expect(refusal(() => door.knock())).toBeNull()
})

test('bytes are counted as they arrive, and a refused chunk is not counted', () => {
  const door = new Door({ pendingRequestsMax: 1, pendingBytesMax: 100 })

  door.take(60)

  expect(refusal(() => door.take(41))).toEqual({ name: 'pendingBytesMax', value: 100 })
  expect(refusal(() => door.knock())).toBeNull()
  door.take(40)
  expect(refusal(() => door.knock())).toEqual({ name: 'pendingBytesMax', value: 100 })
  door.giveBack(100)
  expect(refusal(() => door.take(100))).toBeNull()
})
