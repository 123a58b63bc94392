// How a test with the simulator reads. Virtual time: all of it takes a fraction of a second.

import { describe, expect, test } from 'vitest'
import { simulated } from './index.ts'

describe('partitions', () => {
  test('2-1 with the leader alone: the two go on, and no acknowledged event is lost', async () => {
    const cluster = await simulated()
    const old = cluster.leader()
    await cluster.publish(old, 'orders', 'o-1')

    cluster.isolate(old)
    const leader = await cluster.newLeader(old)
    const answer = await cluster.publish(leader, 'orders', 'o-2')
    cluster.heal()
    await cluster.converged()

    expect(answer).toMatchObject({ outcomes: [{ type: 'accepted', position: 2 }] })
    expect(await cluster.get(old, 'orders', 'o-2')).toMatchObject({ type: 'present', position: 2 })
    expect((await cluster.verdict()).lost).toBe(0)
  })

  test('a leader cut off answers no linearizable read, and a publish through it stays open', async () => {
    const cluster = await simulated({ seed: 2 })
    const old = cluster.leader()

    cluster.isolate(old)
    const [read, publish] = await Promise.all([
      cluster.get(old, 'orders', 'o-1', 'linearizable'),
      cluster.publish(old, 'orders', 'o-1'),
    ])
    cluster.heal()
    await cluster.converged()

    expect(read.type).toBe('refused')
    expect(publish.type).toBe('unknown')
    await cluster.verdict()
  })

  test('a node that cannot hear does not depose the leader', async () => {
    const cluster = await simulated({ seed: 3 })
    const leader = cluster.leader()
    const [deaf] = cluster.others(leader)
    const { term } = cluster.node(leader).status()!

    for (const id of cluster.others(deaf!)) cluster.cut(id, deaf!)
    await cluster.run(20_000)

    expect(cluster.leader()).toBe(leader)
    expect(cluster.node(leader).status()!.term).toBe(term)
    await cluster.publish(leader, 'orders', 'o-1')
  })
})

describe('crashes', () => {
  test('the same event through two nodes while the leader dies is accepted once', async () => {
    const cluster = await simulated({ seed: 4 })
    const leader = cluster.leader()
    const [a, b] = cluster.others(leader)

    const first = cluster.publish(a!, 'orders', 'o-1')
    cluster.powerCut(leader)
    const answers = await Promise.all([first, cluster.publish(b!, 'orders', 'o-1')])
    cluster.heal()
    await cluster.converged()

    const outcomes = answers.flatMap((one) => (one.type === 'published' ? one.outcomes : []))
    expect(outcomes.map(({ type }) => type).sort()).toEqual(['accepted', 'duplicate'])
    await cluster.verdict()
  })

  test('all lose power at the moment of the acknowledgement: it is there afterwards', async () => {
    const cluster = await simulated({ seed: 5 })

    await cluster.publish('n1', 'orders', 'o-1')
    for (const id of cluster.ids) cluster.powerCut(id)
    cluster.heal()
    await cluster.converged()

    expect(await cluster.get('n2', 'orders', 'o-1', 'linearizable')).toMatchObject({ position: 1 })
    await cluster.verdict()
  })

  test('a node on its way out has not converged: it is read back in its next life', async () => {
    const cluster = await simulated({ seed: 10 })
    await cluster.publish('n1', 'orders', 'o-1')
    const [stopping] = cluster.others(cluster.leader())
    await cluster.converged()

    const stopped = cluster.node(stopping!).stop()
    const restarted = stopped.then(() => cluster.start(stopping!))
    await cluster.converged()

    expect(cluster.node(stopping!).life).toBe(2)
    await restarted
    await cluster.verdict()
  })

  test('a wiped node comes back as suspect, is cleared, and votes only then', async () => {
    const cluster = await simulated({ seed: 6 })
    await cluster.publish('n1', 'orders', 'o-1')
    const [wiped] = cluster.others(cluster.leader())

    cluster.kill(wiped!)
    cluster.wipe(wiped!)
    cluster.start(wiped!)
    await cluster.run(50)
    const standing = cluster.node(wiped!).status()?.standing
    await cluster.converged()

    expect(standing).not.toBe('member')
    expect(cluster.node(wiped!).status()!.standing).toBe('member')
    expect((await cluster.verdict()).digestsEqualAt).toBeGreaterThan(0)
  })
})

describe('losses', () => {
  test('two suspects of three: the cluster waits, loses nothing and says why, until a directory is back', async () => {
    const cluster = await simulated({ seed: 9 })
    const leader = cluster.leader()
    const [a, b] = cluster.others(leader)
    await cluster.publish(leader, 'orders', 'o-1')
    await cluster.converged()
    for (const id of [a!, b!]) cluster.kill(id)
    const kept = cluster.copyOfDirectory(a!)

    for (const id of [a!, b!]) {
      cluster.wipe(id)
      cluster.start(id)
    }
    await cluster.run(20_000)
    const waiting = await cluster.publish(leader, 'orders', 'o-2')

    expect(waiting.type).not.toBe('published')
    expect(await cluster.get(leader, 'orders', 'o-1')).toMatchObject({ position: 1 })
    const standings = cluster.ids.map((id) => [id, cluster.standing(id)])
    expect(Object.fromEntries(standings)).toEqual({
      [leader]: 'member',
      [a!]: 'suspect',
      [b!]: 'suspect',
    })
    for (const { node_id, counts } of cluster.node(leader).running!.aggregator.members())
      expect([node_id, counts]).toEqual([node_id, node_id === leader])

    cluster.kill(a!)
    cluster.putBack(a!, kept)
    cluster.start(a!)
    await cluster.converged()

    await cluster.publish(b!, 'orders', 'o-2')
    await cluster.converged()
    expect((await cluster.verdict()).lost).toBe(0)
  })
})

describe('disks', () => {
  test('one slow follower slows nobody', async () => {
    const cluster = await simulated({ seed: 7 })
    const leader = cluster.leader()
    cluster.slowDisk(cluster.others(leader)[0]!, 2_000)

    for (let i = 0; i < 20; i++) await cluster.publish(leader, 'orders', `o-${i}`)

    expect(cluster.leader()).toBe(leader)
  })

  test('a leader with a stalled disk hands over', async () => {
    const cluster = await simulated({ seed: 8 })
    const old = cluster.leader()

    cluster.slowDisk(old, 60_000)
    const publish = cluster.publish(cluster.others(old)[0]!, 'orders', 'o-1')
    await cluster.newLeader(old)

    expect((await publish).type).toBe('published')
    cluster.heal()
    await cluster.converged()
    await cluster.verdict()
  })
})
