// Wrong reads of one event, and wrong pages, are flagged.

import { A, absent, B, C, E, expectFlagged, page, present, shown } from './story.ts'

expectFlagged([
  // Reads of one event.
  [
    'a linearizable read finds an acknowledged event absent',
    'stale-read',
    (told) => {
      told.getB.answer = absent
    },
  ],
  [
    'a linearizable read finds an event absent that only a later page places',
    'stale-read',
    (told) => {
      told.getLater.request = {
        type: 'get',
        topic: 'orders',
        eventId: 'e',
        consistency: 'linearizable',
      }
    },
  ],
  [
    'a local read misses what the same node had shown',
    'went-back',
    (told) => {
      told.getLocal.answer = absent
    },
  ],
  [
    'a local read misses what was published through the same node',
    'went-back',
    (told) => {
      told.getLocal.request = { type: 'get', topic: 'logs', eventId: 'c', consistency: 'local' }
      told.getLocal.answer = absent
      told.getLocal.call = 132
      told.getLocal.return = 135
    },
  ],
  [
    'a local read misses what its node had shown before it showed something older',
    'went-back',
    (told) => {
      told.aConflict.node = 'n1'
      told.getB.request = { type: 'get', topic: 'orders', eventId: 'b', consistency: 'local' }
      told.getB.node = 'n1'
      told.getB.call = 75
      told.getB.return = 78
      told.getB.answer = absent
    },
  ],
  [
    'of two reads that find an event absent, which is placed later, the one that owed more',
    'stale-read',
    (told) => {
      const event = { type: 'get', topic: 'orders', eventId: 'e' } as const
      told.getLater.request = { ...event, consistency: 'linearizable' }
      told.getLocal.request = { ...event, consistency: 'local' }
      for (const [place, read] of [told.getLater, told.getLocal].entries()) {
        read.answer = absent
        read.call = 360 + 10 * place
        read.return = 365 + 10 * place
      }
      for (const list of [told.listAll, told.listOrders]) list.answer = { type: 'unknown' }
    },
  ],
  [
    'a local read falls short of min_position on a node that had shown nothing',
    'below-min-position',
    (told) => {
      const read = { topic: 'orders', eventId: 'b', consistency: 'local', minPosition: 2 } as const
      told.getB.request = { type: 'get', ...read }
      told.getB.call = 51
      told.getB.return = 55
      told.getB.answer = absent
    },
  ],
  [
    'a read shows an event that nobody sent',
    'phantom',
    (told) => {
      told.getLater.answer = present(5)
    },
  ],
  [
    'a read shows another content than was accepted',
    'content-changed',
    (told) => {
      told.getA.answer = present(1, 'two')
    },
  ],
  [
    'a read shows a content that nobody sent',
    'content-changed',
    (told) => {
      told.getLocal.answer = present(4, 'three')
    },
  ],
  // Pages.
  [
    'a page is out of order',
    'list-order',
    (told) => {
      told.listAll.answer = page([A, C, B, E])
    },
  ],
  [
    'a page repeats an event',
    'list-order',
    (told) => {
      told.listAll.answer = page([A, B, B, C, E])
    },
  ],
  [
    'a page misses an event in its middle',
    'list-gap',
    (told) => {
      told.listOrders.answer = page([A, E])
    },
  ],
  [
    'a page misses an acknowledged event at its end',
    'list-gap',
    (told) => {
      told.listAll.answer = page([A, B])
    },
  ],
  [
    'an empty page misses all of it',
    'list-gap',
    (told) => {
      told.listOrders.answer = page([])
    },
  ],
  [
    'a page claims to cover what it does not show',
    'list-gap',
    (told) => {
      told.listRest.answer = page([C], 4)
    },
  ],
  [
    'a local page misses what the same node had shown',
    'list-gap',
    (told) => {
      told.listOrders.request = { type: 'list', topic: 'logs', after: 0, consistency: 'local' }
      told.listOrders.answer = page([])
    },
  ],
  [
    'a page shows an event of another topic',
    'list-range',
    (told) => {
      told.listOrders.answer = page([A, B, C, E])
    },
  ],
  [
    'a page shows what lies below its cursor',
    'list-range',
    (told) => {
      told.listRest.answer = page([B, C], 3)
    },
  ],
  [
    'a page shows more than it claims to cover',
    'list-range',
    (told) => {
      told.listRest.answer = page([C, E], 3)
    },
  ],
  [
    'a page shows an event that nobody sent',
    'phantom',
    (told) => {
      told.listAll.answer = page([A, B, C, E, shown('logs', 'z', 5)])
    },
  ],
])
