// The figures of the Raft paper (Ongaro and Ousterhout 2014), replayed.

import { expect, test } from 'vitest'
import { FIVE } from '../network.ts'
import { play } from './transcript.ts'

const SEVEN = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7']

// Figure 7: the leader of term 8 comes to power; a–f are what its followers may look like.
test('figure 7: followers that lack entries, have extra ones, or both, all end with the leader’s log', () => {
  const network = play(
    `
      node n1 log 1 1 1 4 4 5 5 6 6 6          term 7   # the leader
      node n2 log 1 1 1 4 4 5 5 6 6            term 7   # a: lacks one
      node n3 log 1 1 1 4                      term 7   # b: lacks many
      node n4 log 1 1 1 4 4 5 5 6 6 6 6        term 7   # c: one of term 6 too many
      node n5 log 1 1 1 4 4 5 5 6 6 6 7 7      term 7   # d: two of term 7 too many
      node n6 log 1 1 1 4 4 4 4                term 7   # e: lacks some, has others of term 4
      node n7 log 1 1 1 2 2 2 3 3 3 3 3        term 7   # f: terms 2 and 3, never committed
      hold n4>n1 PreVoteResp                            # c and d would not vote for it
      hold n5>n1 PreVoteResp
      campaign n1
      release
      tick 3
      = n1 leader t8 commit 11 log 1 1 1 4 4 5 5 6 6 6 8
      = n2 follower commit 11  log 1 1 1 4 4 5 5 6 6 6 8
      = n3 follower commit 11  log 1 1 1 4 4 5 5 6 6 6 8
      = n4 follower commit 11  log 1 1 1 4 4 5 5 6 6 6 8
      = n5 follower commit 11  log 1 1 1 4 4 5 5 6 6 6 8
      = n6 follower commit 11  log 1 1 1 4 4 5 5 6 6 6 8
      = n7 follower commit 11  log 1 1 1 4 4 5 5 6 6 6 8
      = n1 sees n7 replicate 11
    `,
    { nodes: SEVEN },
  )
  const refusals = network.delivered.filter((message) => message.type === 'AppendConflict')
  expect(refusals.length).toBeLessThanOrEqual(9)
})

test('figure 7: who lacks what is committed, or has it of an older term, cannot lead', () => {
  play(
    `
      node n1 log 1 1 1 4 4 5 5 6 6 6     term 7
      node n2 log 1 1 1 4 4 5 5 6 6 6     term 7
      node n3 log 1 1 1 2 2 2 3 3 3 3 3   term 7
      tick 40 n3
      = n3 preCandidate t7
      tick 40
      = n3 follower commit 11 log 1 1 1 4 4 5 5 6 6 6 8
    `,
  )
})

// Figure 8: (a) s1 leads term 2 and replicates index 2 to s2 alone; (b) s5 leads term 3 with another entry there;
// (c) s1 leads term 4 and brings its old entry to a third disk, a majority.
const FIGURE_8_C = `
  node n1 log 1 2 term 3
  node n2 log 1 2 term 3
  node n3 log 1   term 3
  node n4 log 1   term 3
  node n5 log 1 3 term 3
  cut n1 n4
  cut n1 n5
  cut n2 n5
  hold n3>n1 AppendOk
  campaign n1
  hold n1>n3 Append         # its own first entry stays behind
  let n3>n1 AppendOk
  = n1 leader t4 log 1 2 4
  = n2 log 1 2 4
  = n3 log 1 2
  = n1 sees n3 replicate 2
  = n1 commit 0             # §5.4.2: on three disks, and not committed by that
  crash n1
`
/** One entry a message, as in the figure. */
const SINGLE = { nodes: FIVE, config: { messageBytesMax: 1 } }

test('figure 8 d: an entry of term 2 on a majority may still be overwritten', () => {
  play(
    `
      ${FIGURE_8_C}
      forget
      heal
      isolate n2
      tick 10 n3 n4                       # the leader is silent for long enough
      campaign n5
      tick 3
      = n5 leader t5 commit 3 log 1 3 5
      = n3 commit 3 log 1 3 5
      heal
      tick 5
      = n2 commit 3 log 1 3 5
    `,
    SINGLE,
  )
})

test('figure 8 e: under an entry of the own term on a majority it is safe', () => {
  play(
    `
      ${FIGURE_8_C.replace('crash n1', 'release')}
      tick 2
      = n1 leader t4 commit 3
      = n3 log 1 2 4 commit 3
      crash n1
      heal
      tick 60 n5                          # s5 cannot win: a majority has a later entry
      = n5 preCandidate
      tick 60
      = n5 follower log 1 2 4 5
      = n2 commit 4
    `,
    SINGLE,
  )
})
