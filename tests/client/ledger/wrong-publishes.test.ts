// Wrong answers to publishes are flagged, each by the rule it breaks.

import {
  A,
  accepted,
  B,
  C,
  duplicate,
  E,
  everywhere,
  expectFlagged,
  page,
  present,
  published,
} from './story.ts'

expectFlagged([
  [
    'an accepted event is missing on all nodes',
    'lost',
    (told) => {
      everywhere(told, (node) => {
        node.events = [B, C, E]
      })
    },
  ],
  [
    'an accepted event is missing on one node',
    'lost',
    (told) => {
      told.contents[2]!.events = [A, C, E]
    },
  ],
  [
    'a duplicate, whose first copy nobody saw accepted, is missing on one node',
    'lost',
    (told) => {
      told.contents[1]!.events = [A, B, E]
    },
  ],
  [
    'an event that was only shown by a read is missing on one node',
    'lost',
    (told) => {
      told.contents[1]!.events = [A, B, C]
    },
  ],
  [
    'an event is accepted a second time',
    'accepted-twice',
    (told) => {
      told.aAgain.answer = published(accepted(3))
    },
  ],
  [
    'an event is accepted a second time, at the same position',
    'accepted-twice',
    (told) => {
      told.aAgain.answer = published(accepted(1))
    },
  ],
  [
    'two events are accepted at one position',
    'position-shared',
    (told) => {
      told.bAccepted.answer = published(accepted(1))
    },
  ],
  [
    'positions are swapped against time',
    'against-time',
    (told) => {
      told.aAccepted.answer = published(accepted(2))
      told.bAccepted.answer = published(accepted(1))
    },
  ],
  [
    'a duplicate was answered before its accepted was called',
    'against-time',
    (told) => {
      told.aAccepted.call = 35
      told.aAccepted.return = 38
    },
  ],
  [
    'a read showed the event before its accepted was called',
    'against-time',
    (told) => {
      told.getB.call = 32
      told.getB.return = 35
    },
  ],
  [
    'a counter had passed the position before its publish was called',
    'against-time',
    (told) => {
      told.statsLate.call = 12
      told.statsLate.return = 15
    },
  ],
  [
    'a header named the position before its publish was called',
    'against-time',
    (told) => {
      told.aAgain.lastPosition = 2
    },
  ],
  [
    'the only unheard publish was called after its event had been shown',
    'against-time',
    (told) => {
      told.cUnheard.call = 132
      told.cUnheard.return = 135
    },
  ],
  [
    'a duplicate names another position',
    'two-positions',
    (told) => {
      told.aAgain.answer = published(duplicate(7))
    },
  ],
  [
    'a duplicate names the position of another event',
    'two-positions',
    (told) => {
      told.aConflict.answer = published(duplicate(2, true))
    },
  ],
  [
    'a read names another position',
    'two-positions',
    (told) => {
      told.getA.answer = present(2)
    },
  ],
  [
    'a duplicate though every publish was answered and none accepted',
    'duplicate-of-nothing',
    (told) => {
      told.cUnheard.answer = published(duplicate(3))
    },
  ],
  [
    'a refused event is stored',
    'refused-but-stored',
    (told) => {
      told.cUnheard.answer = { type: 'refused' }
      told.cDuplicate.answer = { type: 'refused' }
    },
  ],
  [
    'a refused publish is the only one with the content that is stored',
    'refused-but-stored',
    (told) => {
      told.dRefused.request = {
        type: 'publish',
        events: [{ topic: 'logs', eventId: 'c', hash: 'two' }],
      }
      everywhere(told, (node) => {
        node.events = [A, B, { ...C, hash: 'two' }, E]
      })
      for (const list of [told.listAll, told.listRest]) list.answer = page([])
      told.cDuplicate.answer = published(duplicate(3, true))
    },
  ],
  [
    'a duplicate of equal content is told a conflict',
    'wrong-conflict',
    (told) => {
      told.aAgain.answer = published(duplicate(1, true))
    },
  ],
  [
    'a duplicate of other content is told none',
    'wrong-conflict',
    (told) => {
      told.aConflict.answer = published(duplicate(1))
    },
  ],
  [
    'a conflict with a first copy that nobody saw, whose content turns out equal',
    'wrong-conflict',
    (told) => {
      told.cDuplicate.answer = published(duplicate(3, true))
    },
  ],
  [
    'a node answers fewer outcomes than it was sent events',
    'malformed',
    (told) => {
      told.bAccepted.answer = published()
    },
  ],
  [
    'a position is no positive integer',
    'malformed',
    (told) => {
      told.aAccepted.answer = published(accepted(0))
    },
  ],
])
