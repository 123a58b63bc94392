// Scenarios that read like transcripts: a line is something that happens, or, after "=", what must then be true.
//
//   node n2 log 1 1 2 term 3 commit 1   how a node starts; vote, base (index/term) if needed
//   campaign n1 · propose n1 a b        · transfer n1 n2 · read n1 · checkpoint n1
//   tick 5 [n1 n2]                      of all, or of these
//   cut n1 n2 · cut n1>n2 · isolate n1 · heal
//   lose n2 n1 · meet n2 n1             n2 hears that the link from n1 has closed, is up
//   hold n1>n2 Append                   from now on such messages wait (any part may be *)
//   let n1>n2 Append · release · forget     these arrive and no longer wait; all arrive; all are lost
//   repeat n1>n2 Append                 the last such message arrives once more
//   slow disk n1 · fast disk n1 · write n1      unfinished writes: all finish, or the next one
//   slow apply n1 · fast apply n1 · slow install n1 · fast install n1 · slow reads n1 · fast reads n1
//   crash n1 · restart n1 · wipe n1
//   = n1 leader t3 commit 4 applied 4 log 1 1 3 3 last 4/3 first 1 leader n1 vote n1 standing member
//   = n1 sees n2 replicate 4            what a leader knows of a follower
//   = n1 texts a b                      what the state machine holds
//   = said 2 SnapshotOffer n1>n3        messages delivered since the last such question, for all nodes: *>*
//   = reads n1 4 5                      what reads of n1 were answered
//
// After each line everything is delivered that is not held. `log` shows what is on the disk.

import type { RaftConfig, RaftStart } from '../../../../raft/core/config.ts'
import type { Entry, NodeId, PeerMessage } from '../../../../raft/core/types.ts'
import { entriesOf, Network, startOf } from '../network.ts'

interface Filter {
  readonly link: string
  readonly type: string
}

export interface Cast {
  readonly nodes?: readonly NodeId[]
  readonly config?: Partial<RaftConfig>
}

/** Plays a script; throws at the first line that is not true, with its number. */
export function play(
  script: string,
  { nodes = ['n1', 'n2', 'n3'], config = {} }: Cast = {},
): Network {
  const lines = script.split('\n').map((line) => line.replace(/#.*/, '').trim())
  const stage = new Stage(
    nodes,
    config,
    lines.filter((line) => line.startsWith('node ')),
  )
  for (const [i, line] of lines.entries()) {
    if (line === '' || line.startsWith('node ')) continue
    try {
      stage.line(line)
    } catch (error) {
      throw new Error(`line ${i}: ${line}\n${(error as Error).message}`, { cause: error })
    }
  }
  return stage.network
}

class Stage {
  readonly network: Network
  #held: Filter[] = []
  #heard = 0

  constructor(nodes: readonly NodeId[], config: Partial<RaftConfig>, starts: readonly string[]) {
    const parsed = starts.map((line) => startFrom(line.split(/\s+/).slice(1), nodes))
    this.network = new Network(nodes, Object.fromEntries(parsed), config)
  }

  line(line: string): void {
    const [verb, ...rest] = line.split(/\s+/) as [string, ...string[]]
    if (verb === '=') return this.#expect(rest)
    this.#do(verb, rest)
    this.network.deliver()
  }

  #do(verb: string, rest: string[]): void {
    const { network } = this
    const [a = '', b = ''] = rest
    switch (verb) {
      case 'campaign':
        return network.elect(a)
      case 'propose':
        for (const text of rest.slice(1)) network.propose(a, text)
        return
      case 'transfer':
        network.get(a).raft.transferLeadership(b)
        return
      case 'read':
        network.get(a).raft.readIndex()
        return
      case 'checkpoint':
        return network.get(a).takeCheckpoint()
      case 'tick':
        return network.tick(Number(a || 1), rest.length > 1 ? rest.slice(1) : undefined)
      case 'cut':
        if (a.includes('>')) network.cut.add(a)
        else network.cutBetween(a, b)
        return
      case 'isolate':
        return network.isolate(a)
      case 'heal':
        return network.heal()
      case 'lose':
        return network.lose(a, b)
      case 'meet':
        return network.meet(a, b)
      case 'hold':
        this.#held.push({ link: a, type: b || '*' })
        network.hold = (message) => this.#held.some((filter) => passes(filter, message))
        return
      case 'let':
        return this.#let(a, b || '*')
      case 'release':
        this.#held = []
        return network.release()
      case 'forget':
        this.#held = []
        network.hold = () => false
        network.held = []
        return
      case 'repeat': {
        const message = network.delivered.findLast((m) => passes({ link: a, type: b || '*' }, m))
        if (message === undefined) throw new Error('no such message')
        return network.hand(message)
      }
      case 'slow':
        return this.#speed(a, b, true)
      case 'fast':
        return this.#speed(a, b, false)
      case 'write':
        return network.get(a).finishAppend()
      case 'crash':
        return network.crash(a)
      case 'restart':
        network.restart(a)
        return
      case 'wipe':
        return network.wipe(a)
      default:
        throw new Error(`no such verb: ${verb}`)
    }
  }

  #let(link: string, type: string): void {
    const { network } = this
    this.#held = this.#held.filter((filter) => filter.link !== link || filter.type !== type)
    const free = network.held.filter((message) => passes({ link, type }, message))
    network.held = network.held.filter((message) => !free.includes(message))
    for (const message of free) network.hand(message)
  }

  #speed(what: string, id: NodeId, slow: boolean): void {
    const member = this.network.get(id)
    if (what === 'disk') member.slowDisk = slow
    else if (what === 'apply') member.slowApply = slow
    else if (what === 'install') member.slowInstall = slow
    else if (what === 'reads') member.slowReads = slow
    else throw new Error(`nothing to slow down: ${what}`)
    if (slow) return
    if (what === 'disk') member.finishAppend()
    else if (what === 'apply') member.finishApply()
    else if (what === 'install') member.finishInstall()
    else member.finishReads()
  }

  #expect(words: string[]): void {
    const { network } = this
    const [who = '', ...rest] = words
    if (who === 'said') return this.#expectSaid(rest)
    if (who === 'reads') {
      const [id = '', ...indexes] = rest
      const states = network.get(id).readies.flatMap((ready) => ready.readStates)
      return equal('reads', states.map((state) => state.index).join(' '), indexes.join(' '))
    }
    const member = network.get(who)
    const { status } = member
    if (rest[0] === 'texts') return equal('texts', member.texts.join(' '), rest.slice(1).join(' '))
    if (rest[0] === 'sees') {
      const [, peer, state, match] = rest
      const seen = status.peers.find(({ node }) => node === peer)!
      return equal('sees', `${seen.state} ${seen.match}`, `${state} ${match}`)
    }
    const known: Record<string, string> = {
      commit: `${status.commit}`,
      applied: `${member.applied.length}`,
      log: network.terms(who),
      last: `${status.last.index}/${status.last.term}`,
      first: `${status.firstIndex}`,
      leader: `${status.leader}`,
      vote: `${status.vote}`,
      standing: status.standing,
    }
    for (let i = 0; i < rest.length; i++) {
      const word = rest[i]!
      if (/^t\d+$/.test(word)) equal('term', `t${status.term}`, word)
      else if (ROLES.has(word) && !(word === 'leader' && /^(n\d|null)$/.test(rest[i + 1] ?? '')))
        equal('role', status.role, word)
      else if (word in known) {
        const values: string[] = []
        while (i + 1 < rest.length && VALUE.test(rest[i + 1]!)) values.push(rest[++i]!)
        equal(word, known[word]!, values.join(' '))
      } else throw new Error(`no such word: ${word}`)
    }
  }

  #expectSaid([count, type = '*', link = '*>*']: string[]): void {
    const { delivered } = this.network
    const said = delivered.slice(this.#heard).filter((message) => passes({ link, type }, message))
    this.#heard = delivered.length
    equal(`${type} ${link}`, `${said.length}`, `${count}`)
  }
}

const ROLES = new Set(['follower', 'preCandidate', 'candidate', 'leader'])
/** What may stand behind a word: indexes, terms, node ids, standings. */
const VALUE = /^(\d+(\/\d+)?|n\d|null|member|forming|suspect)$/

function passes({ link, type }: Filter, message: PeerMessage): boolean {
  const [from, to] = link.split('>')
  return (
    (from === '*' || from === message.from) &&
    (to === '*' || to === message.to) &&
    (type === '*' || type === message.type)
  )
}

function equal(what: string, is: string, expected: string): void {
  if (is !== expected) throw new Error(`${what} is "${is}"`)
}

/** `n2 log 1 1 2 term 3 vote n1 commit 1 base 4/2` */
function startFrom(words: readonly string[], nodes: readonly NodeId[]): [NodeId, RaftStart] {
  const [id = '', ...rest] = words
  const fields = new Map<string, string[]>()
  let field = ''
  for (const word of rest) {
    const isValue = /^\d|^n\d/.test(word)
    if (isValue) fields.get(field)?.push(word)
    else fields.set(word, [])
    if (!isValue) field = word
  }
  const [baseIndex = 0, baseTerm = 0] = (fields.get('base')?.[0] ?? '0/0').split('/').map(Number)
  const entries: Entry[] = entriesOf((fields.get('log') ?? []).map(Number), baseIndex + 1)
  const term = Number(fields.get('term')?.[0] ?? entries.at(-1)?.term ?? baseTerm)
  const commit = Number(fields.get('commit')?.[0] ?? baseIndex)
  const start = startOf(id, nodes, { term, entries, vote: fields.get('vote')?.[0] ?? null, commit })
  if (baseIndex === 0) return [id, start]
  const base = { index: baseIndex, term: baseTerm }
  return [id, { ...start, base, checkpoint: { ...base, state: new Uint8Array(0) } }]
}
