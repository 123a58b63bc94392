// The ledger: takes in what clients saw, while they see it, and gives the verdict. The simulation, the chaos of real
// processes and `npm run check` all judge by this one measure.
//
// Most wrong answers are found the moment they are returned (`violations`); what only the end can tell (unknown
// outcomes, pages with something missing, losses) is in the verdict. Memory grows with the events, not with the
// operations: a million repeats of one event cost nothing. The order of calls to this class is the time that counts;
// the `at` of each is for the sentences.

import { Facts } from './facts.ts'
import { type FinalResult, judgeFinal, type NodeContents, NodeReading } from './final.ts'
import type { Answer, Answered, History, Outcome, PublishRequest, Request } from './history.ts'
import { inTimeOrder } from './history.ts'
import { Horizon } from './horizon.ts'
import { Lists } from './lists.ts'
import { Stats, type StatsMark } from './stats.ts'
import { type Violation, Violations } from './violations.ts'
import { Witness } from './witness.ts'

export interface LedgerOptions {
  /**
   * True (default): this ledger holds every publish ever sent to the store. Then whatever else is found there is a
   * phantom, and counters have upper bounds. False: others publish too, and only what is known here is judged.
   */
  readonly exclusive?: boolean
}

export interface Verdict {
  /** True when nothing is wrong. */
  readonly clean: boolean
  /** Different events of which a publisher was told `accepted` or `duplicate`. */
  readonly acknowledged: number
  /** Publishes of single events, by what their callers were told; without an answer counts as unknown. */
  readonly publishes: {
    readonly accepted: number
    readonly duplicate: number
    readonly refused: number
    readonly unknown: number
  }
  /** Events; null, like the rest below, when no node's contents were read: then nothing is proved. */
  readonly lost: number | null
  readonly storedTwice: number | null
  readonly phantoms: number
  readonly positionsDense: boolean | null
  /** The applied index at which all nodes read show one digest. */
  readonly digestsEqualAt: number | null
  readonly countersEqual: boolean | null
  /** The first thousand; the earliest is nearest to the cause. */
  readonly violations: readonly Violation[]
  readonly violationsCount: number
}

export interface ReturnContext extends Answered {
  readonly at: number
}

interface OpenCall {
  readonly request: Request
  readonly at: number
  readonly step: number
  readonly horizon: Horizon
  readonly mark: StatsMark | null
}

export class Ledger {
  readonly #exclusive: boolean
  readonly #violations = new Violations()
  readonly #facts = new Facts(this.#violations)
  readonly #witness: Witness
  readonly #lists = new Lists(this.#facts, this.#violations)
  readonly #stats: Stats
  readonly #open = new Map<number, OpenCall>()
  readonly #readings: NodeReading[] = []
  readonly #publishes = { accepted: 0, duplicate: 0, refused: 0, unknown: 0 }
  #horizon = Horizon.START
  #step = 0
  #closed = false

  constructor({ exclusive = true }: LedgerOptions = {}) {
    this.#exclusive = exclusive
    this.#witness = new Witness(this.#facts, this.#violations, exclusive)
    this.#stats = new Stats(this.#violations, exclusive)
  }

  /** What was found wrong so far. */
  get violations(): readonly Violation[] {
    return this.#violations.kept
  }

  get publishes(): Verdict['publishes'] {
    return { ...this.#publishes }
  }

  /** Before the request leaves. Answers the number of the call, to be given back with its answer. */
  call(request: Request, at: number): number {
    this.#step += 1
    const reads = request.type === 'stats'
    this.#open.set(this.#step, {
      request,
      at,
      step: this.#step,
      horizon: this.#horizon,
      mark: reads ? this.#stats.mark() : null,
    })
    if (request.type === 'publish') {
      this.#stats.published(request.events.length)
      for (const event of request.events) this.#witness.called(event)
    }
    return this.#step
  }

  /** After the answer has arrived. A call without an answer simply stays open: its outcome is unknown. */
  return(call: number, answer: Answer, context: ReturnContext): void {
    const open = this.#open.get(call)
    if (open === undefined) throw new TypeError(`call ${call} is not open`)
    this.#open.delete(call)
    this.#step += 1
    const shownTo = this.#judge(open, answer, context)
    const position = Math.max(shownTo, context.lastPosition ?? 0)
    this.#horizon = this.#horizon.raise(context.life ?? 0, {
      position,
      at: context.at,
      node: context.node,
    })
  }

  /** After the run: takes in all a node holds, page by page from position 1; `counters` is to be set beside. */
  readBack(node: string): NodeReading {
    const reading = new NodeReading(node, this.#facts, this.#witness, this.#violations)
    this.#readings.push(reading)
    return reading
  }

  /** Once, last. `contents` are those of nodes not read back before. */
  verdict(contents: Iterable<NodeContents> = []): Verdict {
    if (this.#closed) throw new TypeError('the verdict has been given')
    this.#closed = true
    for (const call of this.#open.values()) this.#neverAnswered(call)
    for (const { node, counters, events } of contents) {
      const reading = this.readBack(node)
      reading.add(events)
      reading.counters = counters
    }
    this.#witness.finish()
    this.#lists.finish()
    this.#stats.finish()
    const final = this.#readings.length > 0 ? this.#judgeFinal() : null
    let acknowledged = 0
    for (const event of this.#facts.all()) if (event.acknowledged) acknowledged += 1
    return {
      clean: this.#violations.count === 0,
      acknowledged,
      publishes: this.publishes,
      lost: final?.lost ?? null,
      storedTwice: final?.storedTwice ?? null,
      phantoms: this.#witness.phantoms,
      positionsDense: final?.positionsDense ?? null,
      digestsEqualAt: final?.digestsEqualAt ?? null,
      countersEqual: final?.countersEqual ?? null,
      violations: this.#violations.kept,
      violationsCount: this.#violations.count,
    }
  }

  #judgeFinal(): FinalResult {
    const { answered, conflicts } = this.#stats
    return judgeFinal(
      this.#readings,
      this.#facts,
      { answered, conflicts },
      this.#exclusive,
      this.#violations,
    )
  }

  /** Answers the largest position that the answer has shown. */
  #judge(call: OpenCall, answer: Answer, context: ReturnContext): number {
    const { request, at } = call
    const { node, life = 0 } = context
    if (request.type === 'publish') return this.#judgePublish(call, request, answer, context)
    if (answer.type === 'refused' || answer.type === 'unknown') return 0

    const owed = call.horizon.owedTo(request, node, life)
    switch (answer.type) {
      case 'present':
        if (request.type !== 'get') break
        this.#witness.present(request, answer.position, answer.hash, node)
        return answer.position
      case 'absent':
        if (request.type !== 'get') break
        this.#witness.absent(request.topic, request.eventId, owed, node, at)
        return 0
      case 'page': {
        if (request.type !== 'list') break
        let last = 0
        for (const event of answer.events) {
          this.#witness.present(event, event.position, event.hash, node)
          last = Math.max(last, event.position)
        }
        this.#lists.page(request, answer, owed, node, at)
        return last
      }
      case 'counted': {
        if (request.type !== 'stats') break
        const from = {
          node,
          life,
          calledAt: at,
          returnStep: this.#step,
          eventsSent: this.#witness.eventsSent,
        }
        this.#stats.counted(request, answer.counters, call.mark!, owed, from)
        return answer.counters.lastPosition
      }
    }
    throw new TypeError(`a ${request.type} cannot be answered by ${answer.type}`)
  }

  #judgePublish(
    call: OpenCall,
    { events }: PublishRequest,
    answer: Answer,
    { node, life = 0, tries = 1 }: ReturnContext,
  ): number {
    const context = { node, calledAt: call.at, shown: call.horizon.anywhere }
    const outcomes = outcomesOf(answer, events.length)
    if (outcomes.length !== events.length) {
      this.#violations.add(
        'malformed',
        `${node} answered ${outcomes.length} outcomes to the ${events.length} events called at ${call.at}.`,
      )
    }
    const before = { ...this.#publishes }
    let conflicts = 0
    let last = 0
    for (const [place, sent] of events.entries()) {
      if (tries > 1) this.#witness.unknown(sent, tries - 1, context)
      const outcome = outcomes[place] ?? { type: 'unknown' }
      this.#publishes[outcome.type] += 1
      if (outcome.type === 'refused') this.#witness.refused(sent)
      else if (outcome.type === 'unknown') this.#witness.unknown(sent, 1, context)
      else {
        last = Math.max(last, outcome.position)
        if (outcome.type === 'accepted') this.#witness.accepted(sent, outcome.position, context)
        else {
          if (outcome.conflict) conflicts += 1
          this.#witness.duplicate(sent, outcome.position, outcome.conflict, context)
        }
      }
    }
    const { accepted, duplicate, refused } = this.#publishes
    const answered = accepted + duplicate - before.accepted - before.duplicate
    this.#stats.answers(node, life, answered, conflicts, refused - before.refused)
    if (tries > 1) this.#stats.triedAgain(call.step, (tries - 1) * events.length)
    return last
  }

  #neverAnswered({ request, at, horizon }: OpenCall): void {
    if (request.type !== 'publish') return
    this.#publishes.unknown += request.events.length
    const context = { node: '', calledAt: at, shown: horizon.anywhere }
    for (const event of request.events) this.#witness.unknown(event, 1, context)
  }
}

/** The verdict over a history that is held whole, judged as it went. */
export function judge(
  history: History,
  contents: Iterable<NodeContents> = [],
  options: LedgerOptions = {},
): Verdict {
  const ledger = new Ledger(options)
  const calls = new Map<object, number>()
  for (const { type, operation } of inTimeOrder(history)) {
    if (type === 'call') calls.set(operation, ledger.call(operation.request, operation.call))
    else {
      const context = { ...operation, at: operation.return }
      ledger.return(calls.get(operation)!, operation.answer, context)
    }
  }
  return ledger.verdict(contents)
}

function outcomesOf(answer: Answer, count: number): readonly Outcome[] {
  if (answer.type === 'published') return answer.outcomes
  if (answer.type === 'refused' || answer.type === 'unknown') {
    const outcome: Outcome = { type: answer.type }
    return Array.from({ length: count }, () => outcome)
  }
  throw new TypeError(`a publish cannot be answered by ${answer.type}`)
}
