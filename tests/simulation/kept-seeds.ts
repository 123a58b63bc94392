// Seeds that found something, with what they found. Plans are drawn anew when the swarm changes, so a kept seed is no
// longer the very run of its story; it stays because the neighbourhood of a bug is worth another look.

export interface KeptSeed {
  readonly seed: number
  readonly story: string
}

export const KEPT_SEEDS: readonly KeptSeed[] = [
  {
    seed: 74,
    story:
      'A follower that could not hear still followed an older offer of a snapshot while the sender answered from a newer ' +
      'one; it took the surplus for damage and emptied a store whose entries were in force.',
  },
  {
    seed: 100,
    story:
      'A leader whose last link to a wiped node showed its old store vouched for that one again.',
  },
  {
    seed: 142,
    story:
      "A follower that still fetched the snapshot of a leader's earlier life was answered from its present offer: " +
      'replication sessions were counted from 1 in every term.',
  },
  {
    seed: 163,
    story: 'A node that had lost its store waited for ever for the chunks of a deposed leader.',
  },
  { seed: 226, story: 'The same, with the offering leader cut off.' },
  {
    seed: 337,
    story:
      'A directory set back to an id that was replaced since: nobody vouched for it, and it waited for ever.',
  },
  {
    seed: 349,
    story: 'A candidate whose disk hung won pre-vote after pre-vote and raised its term 28 times.',
  },
  {
    seed: 539,
    story:
      'The next offer of a snapshot began while the record of the verified one was on its way to a slow disk.',
  },
  {
    seed: 705,
    story:
      "A store redone from nothing took a checkpoint below the log's own, and the log refused it at every start.",
  },
  { seed: 879, story: 'The same on another node.' },
  {
    seed: 1318,
    story:
      'A store redone from nothing, not yet durable, passed for one that holds the checkpoint after a power cut; ' +
      'duplicates were accepted a second time.',
  },
  {
    seed: 2085,
    story:
      'Beyond what is promised: a directory set back while the only peer that remembers its vote has a hanging disk.',
  },
  {
    seed: 2689,
    story: 'A directory set back to before its node was cleared stayed suspect for ever.',
  },
  {
    seed: 101906,
    story:
      'A disk lied about the write that overwrote a long tail: the old tail came back, long enough to hide the loss, and ' +
      'was applied up to the index that the store showed (redo.test.ts tells it in five entries).',
  },
  {
    seed: 1000283,
    story:
      'The world took a second directory away while what had cleared the first node still waited for a hanging disk: it ' +
      'must ask the disk, not the process.',
  },
  {
    seed: 1000980,
    story:
      'A voter whose disk hung granted pre-vote after pre-vote, and its only candidate raised the term 24 times for votes ' +
      'that could not leave.',
  },
  { seed: 1001241, story: 'As 1000283: the second directory was lost before the first was safe.' },
  {
    seed: 1001740,
    story: 'The same: a log was damaged while another node still had nothing durable.',
  },
  {
    seed: 1043188,
    story:
      'A chunk of a snapshot came damaged as an event that was yet to come; its true copy was then a duplicate, moved nothing ' +
      'on, and was asked for again for ever.',
  },
  {
    seed: 1047300,
    story:
      'The world damaged a record on a disk that had just been emptied: the damage showed when the log grew that far again, ' +
      'at a start while another node was suspect.',
  },
  {
    seed: 1043910,
    story:
      "A paused process woke and met a node's earlier life after its present one, which no link can bring about: it took a " +
      'wiped node for a member, and never vouched for it.',
  },
  {
    seed: 1048205,
    story:
      'The same: a deposed leader woke, and the wiped node cleared itself with its own acknowledgement.',
  },
  {
    seed: 1048968,
    story:
      'A deposed leader lost the end of its log while the only voter that had seen its term was new: the vote on its disk ' +
      'had not been taken for evidence. The world now asks who could still tell before it sets a directory back.',
  },
  {
    seed: 209,
    story:
      'For a while it never elected: a power cut brought back the mark of a store that had been redone from nothing, although ' +
      'a checkpoint had been taken since; the store was emptied once more while another node was suspect.',
  },
  {
    seed: 1041119,
    story:
      'The disk hung while a start wrote a renewed store id: nobody counted the ticks, and the node was starting for ever.',
  },
  {
    seed: 2004478,
    story:
      'A node that was told to stop just before the faults ended still ran when all had converged, and was gone when it was read ' +
      'back: the harness took it for one that stays.',
  },
  {
    seed: 2012387,
    story:
      'A node lost its directory twice; one that had met only the store in between, and could not hear it since, was elected and ' +
      'vouched for that one: the node had lost nothing since, and became suspect while a third was down.',
  },
  {
    seed: 2019682,
    story:
      'A directory set back to before its node was cleared held the entry that did: it cleared itself by that, was told of its loss ' +
      'only then, and the checker, and the world, had taken the loss for over.',
  },
  {
    seed: 3007631,
    story:
      'Damaged snapshots had cost two of five nodes their stores, and one of the two had the newest log of the three that were ' +
      'healed: it could not lead, and refused the third. The world now counts such a store as lost, as if a fault had taken it.',
  },
  {
    seed: 3009124,
    story:
      'A candidate slept while its votes arrived, and woke as leader of its term when the next one had committed an older entry ' +
      'that it lacked: leader completeness asks for what was committed in earlier terms only, which the checker had not told apart.',
  },
]
