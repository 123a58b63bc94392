// When a loss is over, as the checker of suspicions sees it.

import { expect, test } from 'vitest'
import type { Glance } from '../../raft/core/types.ts'
import type { LoadedLog } from '../../raft/ports.ts'
import { startOf } from '../raft/core/network.ts'
import { OnlyTheForgetfulAreSuspected } from './identity-checks.ts'
import { Memories } from './memory.ts'
import { NODE } from './observed-node.ts'

const MEMBERS = ['n1', 'n2', 'n3']
/** One node, and a checker that looks at it. */
function looked() {
  const memories = new Memories(MEMBERS)
  const checker = new OnlyTheForgetfulAreSuspected(memories)
  const { identity, ...rest } = startOf('n1', MEMBERS)
  return {
    loads: (store: string, member: boolean) => {
      const log: LoadedLog = { ...rest, identity: { ...identity, store, member }, notes: [] }
      memories.loaded(NODE, log)
      checker.loaded(NODE, log)
    },
    forgets: () => {
      memories.forgot(NODE)
      checker.forgot(NODE)
    },
    is: (standing: Glance['standing'], store: string) =>
      checker.turned(NODE, { standing, store } as Glance),
  }
}

test('who is suspected has lost something, or the invariant is broken', () => {
  const node = looked()
  node.loads('a', true)

  expect(() => node.is('suspect', 'b')).toThrow('n1 has lost nothing')
  node.forgets()
  expect(() => node.is('suspect', 'b')).not.toThrow()
})

test('a member under a new store, on its disk, is suspected of nothing that was before', () => {
  const node = looked()
  node.loads('a', true)
  node.forgets()
  node.loads('b', false)
  node.is('member', 'b') // not on its disk yet
  expect(() => node.is('suspect', 'c')).not.toThrow()

  node.loads('b', true)
  node.is('member', 'b')

  expect(() => node.is('suspect', 'c')).toThrow('n1 has lost nothing')
})

test('a directory set back that clears itself by an old entry, under the id it had, has not made up for its loss', () => {
  const node = looked()
  node.loads('a', true)
  node.forgets()
  node.loads('a', false)
  node.is('forming', 'a')
  node.loads('a', true)
  node.is('member', 'a')

  expect(() => node.is('suspect', 'b')).not.toThrow()
})
