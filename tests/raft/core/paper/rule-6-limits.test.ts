// DESIGN.md, rule 6: everything has a limit. What may gather in memory while something is slow.

import { expect, test } from 'vitest'
import { IDS, Network } from '../network.ts'

const LIMIT = 2000
const SETTINGS = {
  uncommittedBytesMax: LIMIT,
  memoryBytesMax: 1000,
  messageBytesMax: 500,
  inflightBytesMax: 1000,
}
const ENTRY_BYTES = 100 + 64

function proposeMany(network: Network, count: number): void {
  for (let i = 0; i < count; i++) network.propose('n2', `${i}`.padEnd(100))
}

const waitingOn = (network: Network, id: string) => {
  const { last, applied } = network.get(id).status
  return (last.index - applied) * ENTRY_BYTES
}

test('a follower whose state machine is slow takes no more entries in, and all of them in the end', () => {
  const network = new Network(IDS, {}, SETTINGS)
  network.elect('n1')
  network.get('n3').slowApply = true
  for (let i = 0; i < 30; i++) {
    proposeMany(network, 10)
    network.tick()
    expect(waitingOn(network, 'n3')).toBeLessThanOrEqual(2 * LIMIT)
  }
  expect(network.get('n2').texts).toHaveLength(300)

  network.get('n3').slowApply = false
  network.get('n3').finishApply()
  network.tick(60)

  expect(network.get('n3').texts).toHaveLength(300)
})

test('a leader whose state machine is slow takes no more proposals, and all of them in the end', () => {
  const network = new Network(IDS, {}, SETTINGS)
  network.elect('n1')
  network.get('n1').slowApply = true
  proposeMany(network, 100)
  network.tick(10)
  expect(waitingOn(network, 'n1')).toBeLessThanOrEqual(2 * LIMIT)
  expect(network.get('n2').status.pendingProposals).toBeGreaterThan(50)

  network.get('n1').slowApply = false
  network.get('n1').finishApply()
  network.tick(60)

  expect(network.get('n2').texts).toHaveLength(100)
})

test('a leader without a majority takes no more than the limit', () => {
  const network = new Network(IDS, {}, SETTINGS)
  network.elect('n1')
  network.hold = (m) => m.type === 'AppendOk'
  proposeMany(network, 100)
  expect(waitingOn(network, 'n1')).toBeLessThanOrEqual(LIMIT + 2 * ENTRY_BYTES)
  network.release()
  network.tick(60)
  expect(network.get('n2').texts).toHaveLength(100)
})
