// Everything that may happen to a few cores, at random, from one seed: messages late, lost, repeated and in any
// order; links that flap; slow disks; crashes that lose unfinished writes; restarts; snapshots; handed-over
// leadership; lost directories. After each step an oracle looks. Then all is mended, and the cluster must converge.
//
// A sieve for the core alone, quick enough to run hundreds of times in a test; the simulator has the whole node.

import type { RaftConfig } from '../../../raft/core/config.ts'
import { Random } from '../../../raft/core/random.ts'
import type { Entry, NodeId, PeerMessage } from '../../../raft/core/types.ts'
import { Disk } from './disk.ts'
import { CONFIG, freshOf, Member, startOf, storeOf } from './network.ts'
import { check, keyOf, Oracle } from './oracle.ts'

export interface Weather {
  readonly nodes: number
  readonly steps: number
  /** Chances for each step, of 1000. */
  readonly lose: number
  readonly repeat: number
  readonly crash: number
  readonly cut: number
  readonly checkpoint: number
  readonly transfer: number
  readonly wipe: number
  readonly slowDisk: number
  readonly loseStore: number
}

export function weatherOf(seed: number, wipes: boolean): Weather {
  const random = new Random(seed)
  const maybe = (max: number) => (random.below(3) === 0 ? 0 : random.below(max))
  return {
    nodes: [3, 3, 3, 3, 5, 4, 2][random.below(7)]!,
    steps: 500 + random.below(2500),
    lose: maybe(100),
    repeat: maybe(100),
    crash: maybe(15),
    cut: maybe(15),
    checkpoint: maybe(30),
    transfer: maybe(10),
    wipe: wipes ? maybe(5) : 0,
    slowDisk: maybe(900),
    loseStore: wipes ? maybe(300) : 0,
  }
}

interface Flying {
  readonly message: PeerMessage
  /** Which life of the link it travels on. */
  readonly epoch: number
}

interface Link {
  epoch: number
  /** The receiver has met the sender's present life. */
  up: boolean
  cut: boolean
  /** The receiver still believes in the former life. */
  lostDue: boolean
}

export class Storm {
  readonly ids: readonly NodeId[]
  readonly members = new Map<NodeId, Member>()
  readonly disks = new Map<NodeId, Disk>()
  readonly oracle: Oracle
  readonly #random: Random
  readonly #weather: Weather
  readonly #links = new Map<string, Link>()
  #flying: Flying[] = []
  #lives = 0
  /** A snapshot jumped over them. */
  readonly #unknown = new Set<string>()
  #reads = new Map<string, { at: number }>()
  /** One line for each thing that happened, for reading a failure. */
  readonly story: string[] = []
  steps = 0

  constructor(seed: number, weather: Weather) {
    this.#random = new Random(seed + 1)
    this.#weather = weather
    this.ids = Array.from({ length: weather.nodes }, (_, i) => `n${i + 1}`)
    this.oracle = new Oracle(this.disks)
    const young = this.#chance(300)
    for (const id of this.ids) {
      this.disks.set(id, new Disk(young ? freshOf(id, this.ids) : startOf(id, this.ids)))
      for (const peer of this.ids)
        if (peer !== id)
          this.#links.set(`${id}>${peer}`, { epoch: 0, up: false, cut: false, lostDue: false })
    }
    for (const id of this.ids) this.#boot(id)
  }

  #chance(of1000: number): boolean {
    return this.#random.below(1000) < of1000
  }

  #pick<T>(items: readonly T[]): T | undefined {
    return items[this.#random.below(items.length)]
  }

  #tell(line: string): void {
    this.story.push(`${this.steps} ${line}`)
  }

  #boot(id: NodeId): void {
    const config: RaftConfig = {
      ...CONFIG,
      id,
      members: this.ids,
      life: ++this.#lives,
      seed: this.#random.below(2 ** 30),
      spareStore: `spare-${this.#lives}`,
      inflightMessagesMax: 3,
      messageBytesMax: 200,
      memoryBytesMax: 600,
      applyBytesMax: 200,
      uncommittedBytesMax: 2000,
    }
    const member = new Member(config, this.disks.get(id)!, {
      history: this.oracle.history,
      announced: () => this.#renewLinks(id),
      applied: (node, entry) => this.#applied(node, entry),
    })
    member.slowDisk = true
    member.slowApply = true
    member.slowInstall = true
    member.slowReads = true
    this.members.set(id, member)
    this.#tell(`${id} starts`)
  }

  /** Its process or its store is another: what was under way on its links is gone. */
  #renewLinks(id: NodeId): void {
    for (const peer of this.ids) {
      if (peer === id) continue
      for (const name of [`${id}>${peer}`, `${peer}>${id}`]) this.#close(name)
    }
  }

  #close(name: string): void {
    const link = this.#links.get(name)!
    link.lostDue ||= link.up
    link.up = false
    link.epoch++
  }

  step(): void {
    this.steps++
    const member = this.#pick([...this.members.values()])
    const roll = this.#random.below(100)
    if (member === undefined) this.#restartOne()
    else if (roll < 40) this.#deliverSome()
    else if (roll < 65) member.raft.tick()
    else if (roll < 80) this.#finishSomething(member)
    else if (roll < 90) this.#linkNews()
    else if (roll < 95) this.#clientDoes(member)
    else this.#fault(member)
    for (const other of this.members.values()) this.#turn(other)
  }

  #turn(member: Member): void {
    let idle = false
    while (!idle) {
      idle = !member.turn()
      for (const message of member.outbox.splice(0)) this.#send(message)
      this.oracle.look(member)
    }
    for (const ready of member.readies.splice(0)) {
      for (const { ticket, index } of ready.readStates) {
        const read = this.#reads.get(`${member.id} ${ticket}`)
        if (read !== undefined && index !== null)
          check(index >= read.at, `I15 ${member.id} reads at ${index}, ${read.at} was answered`)
      }
      for (const { id } of ready.outcomes) this.#unknown.add(keyOf(id))
      for (const { type, detail } of ready.trace)
        if (type !== 'commit') this.#tell(`${member.id} ${type} ${JSON.stringify(detail)}`)
    }
  }

  #send(message: PeerMessage): void {
    this.oracle.sent(message)
    const link = this.#links.get(`${message.from}>${message.to}`)!
    if (!link.up || link.cut || this.#chance(this.#weather.lose)) return
    this.#flying.push({ message, epoch: link.epoch })
    if (this.#chance(this.#weather.repeat)) this.#flying.push({ message, epoch: link.epoch })
  }

  #deliverSome(): void {
    for (let left = this.#random.below(6); left > 0 && this.#flying.length > 0; left--)
      this.#deliverOne()
  }

  #deliverOne(): void {
    // Mostly in order, now and then any.
    const at = this.#chance(800) ? 0 : this.#random.below(this.#flying.length)
    const [flying] = this.#flying.splice(at, 1)
    const { message, epoch } = flying!
    const link = this.#links.get(`${message.from}>${message.to}`)!
    if (link.epoch !== epoch || link.cut) return
    this.members.get(message.to)?.step(message)
  }

  #finishSomething(member: Member): void {
    if (member.unfinished !== null && !this.#chance(this.#weather.slowDisk)) this.#append(member)
    if (this.#chance(500)) member.finishApply()
    if (this.#chance(300)) member.finishInstall()
    if (this.#chance(500)) member.finishReads()
  }

  #append(member: Member): void {
    const task = member.unfinished
    if (task === null) return
    member.finishAppend()
    this.oracle.written(member.id, task.entries, member.disk)
    for (const message of member.outbox.splice(0)) this.#send(message)
  }

  #applied(id: NodeId, entry: Entry): void {
    this.oracle.appliedAt(id, entry)
    if (entry.proposal?.node === id) this.oracle.acknowledged(entry)
  }

  #linkNews(): void {
    const idle = [...this.#links].filter(([, link]) => !link.up && !link.cut)
    const name = this.#pick(idle)?.[0] ?? this.#pick([...this.#links.keys()])!
    const link = this.#links.get(name)!
    const [from, to] = name.split('>') as [NodeId, NodeId]
    const receiver = this.members.get(to)
    if (receiver === undefined) return
    if (link.lostDue && this.#chance(500)) {
      link.lostDue = false
      receiver.step({ type: 'PeerLost', peer: from })
      return
    }
    if (link.up || link.cut || !this.members.has(from)) return
    link.up = true
    link.lostDue = false
    link.epoch++
    receiver.step({ type: 'PeerMet', peer: from, store: this.disks.get(from)!.identity.store })
  }

  #clientDoes(member: Member): void {
    const roll = this.#random.below(10)
    if (roll < 6) member.propose(`${this.steps}`)
    else if (roll < 8)
      this.#reads.set(`${member.id} ${member.raft.readIndex()}`, { at: this.oracle.applied })
    else {
      const id = member.propose('given up')
      if (this.#chance(500)) this.#turn(member)
      if (member.raft.abandon(id)) this.oracle.abandoned.add(keyOf(id))
    }
  }

  #fault(member: Member): void {
    const weather = this.#weather
    if (this.#chance(weather.crash * 10)) this.#crash(member)
    if (this.#chance(300)) this.#restartOne()
    if (this.#chance(weather.cut * 10)) this.#cutSome()
    if (this.#chance(400)) for (const link of this.#links.values()) link.cut = false
    if (this.#chance(weather.checkpoint * 10)) this.#checkpoint(member)
    if (this.#chance(weather.transfer * 10)) member.raft.transferLeadership()
  }

  #checkpoint(member: Member): void {
    if (member.disk.storeLost) return
    if (member.applied.length > 0) member.takeCheckpoint()
  }

  #cutSome(): void {
    const victim = this.#pick(this.ids)!
    const oneWay = this.#chance(300)
    const closes = this.#chance(500)
    for (const [name, link] of this.#links) {
      if (!name.includes(victim) || this.#chance(300)) continue
      if (oneWay && name.startsWith(victim)) continue
      link.cut = true
      if (closes) this.#close(name)
    }
    this.#tell(`links of ${victim} cut`)
  }

  #crash(member: Member): void {
    const { id, disk } = member
    this.#tell(`${id} crashes`)
    // A power cut: what the state machine shows may fall back to its last checkpoint.
    if (this.#chance(500)) {
      const safe = disk.checkpoint?.index ?? disk.base.index
      disk.shown = Math.min(disk.shown, safe + this.#random.below(disk.shown - safe + 1))
    }
    this.members.delete(id)
    this.#renewLinks(id)
    // At most one node at a time has lost its memory: more than a minority is more than Raft can bear.
    const whole = [...this.disks].every(([, other]) => other.identity.member && !other.storeLost)
    const odd = this.ids.length % 2 === 1 // else the others alone are no majority, and it may not lead
    if (whole && odd && this.#chance(this.#weather.loseStore) && disk.base.index > 0) {
      this.#tell(`${id} loses its store`)
      disk.storeLost = true
      disk.shown = 0
    } else if (whole && odd && this.#chance(this.#weather.wipe * 100)) {
      this.#tell(`${id} loses its directory`)
      this.disks.set(id, new Disk(freshOf(id, this.ids, `${storeOf(id)}-${this.#lives}`)))
      this.oracle.forget(id)
    }
  }

  #restartOne(): void {
    const down = this.#pick(this.ids.filter((id) => !this.members.has(id)))
    if (down !== undefined) this.#boot(down)
  }

  /** Everything mended: a leader, all that was taken on applied everywhere, in bounded time. */
  calm(ticksMax: number): void {
    for (const id of this.ids) if (!this.members.has(id)) this.#boot(id)
    for (const link of this.#links.values()) link.cut = false
    const asked = new Set(
      [...this.members.values()].map((member) => keyOf(member.propose('at last'))),
    )
    for (let ticks = 0; ticks < ticksMax; ticks++) {
      this.steps++
      if (this.#chance(300)) this.#linksUp()
      for (const member of this.members.values()) member.raft.tick()
      for (let round = 0; round < 8; round++) {
        for (const member of this.members.values()) {
          this.#append(member)
          member.finishApply()
          member.finishInstall()
          member.finishReads()
          this.#turn(member)
        }
        const flying = this.#flying
        this.#flying = []
        for (const { message, epoch } of flying)
          if (this.#links.get(`${message.from}>${message.to}`)!.epoch === epoch)
            this.members.get(message.to)?.step(message)
      }
      if (ticks > 20 && this.#isCalm(asked)) return this.oracle.checkAbandoned()
    }
    throw new Error(`no calm after ${ticksMax} ticks: ${this.describe()}`)
  }

  #linksUp(): void {
    for (const [name, link] of this.#links) {
      const [from, to] = name.split('>') as [NodeId, NodeId]
      if (link.up) continue
      link.up = true
      link.epoch++
      const { store } = this.disks.get(from)!.identity
      this.members.get(to)?.step({ type: 'PeerMet', peer: from, store })
    }
  }

  #isCalm(asked: ReadonlySet<string>): boolean {
    const statuses = [...this.members.values()].map((member) => member.status)
    const end = this.oracle.applied
    if (statuses.some((status) => status.applied !== end || status.pendingProposals > 0))
      return false
    if (statuses.some((status) => status.standing !== 'member')) return false
    if ([...this.disks.values()].some((disk) => disk.storeLost)) return false
    const keys = new Set<string>()
    for (const entry of this.oracle.history.values())
      if (entry.proposal !== null) keys.add(keyOf(entry.proposal))
    return [...asked].every((key) => keys.has(key) || this.#unknown.has(key))
  }

  describe(): string {
    return [...this.members.values()]
      .map(({ status: s }) => {
        const peers = s.peers.map((p) => `${p.node}:${p.state}:${p.match}${p.counts ? '' : '!'}`)
        return `${s.id} ${s.role} ${s.standing} t${s.term} →${s.leader} ${s.firstIndex}…${s.last.index} c${s.commit} a${s.applied} p${s.pendingProposals} [${peers}]`
      })
      .join(' | ')
  }
}

export function runStorm(seed: number, wipes: boolean): Storm {
  const weather = weatherOf(seed, wipes)
  const storm = new Storm(seed, weather)
  try {
    for (let i = 0; i < weather.steps; i++) storm.step()
    storm.calm(400)
  } catch (error) {
    const story = storm.story.slice(-Number(process.env.STORY ?? 25)).join('\n  ')
    throw new Error(`seed ${seed}: ${(error as Error).message}\n  ${story}`, { cause: error })
  }
  return storm
}
