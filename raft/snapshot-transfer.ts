// Moves a snapshot from one store to another, in chunks, past the core.
//
// The store is its own snapshot: nothing is copied aside. The receiver asks for what it lacks, one chunk at a
// time, from the position its own store reaches; the sender reads values that no longer change. A transfer broken
// off goes on where it stood, also from another sender. Whether what has arrived is right is for the state
// machine to verify; whether it comes into force is for the core to decide.

import type { BulkMessage, Checkpoint, NodeId, Ready, Session } from './core/types.ts'
import type { StateMachine } from './ports.ts'

type Send = (message: BulkMessage) => void

/** A chunk is read only when asked for, one at a time for each follower. */
export class SnapshotSender {
  readonly #stateMachine: StateMachine<unknown>
  readonly #chunkBytesMax: number
  readonly #offers = new Map<NodeId, { session: Session; checkpoint: Checkpoint; busy: boolean }>()

  constructor(stateMachine: StateMachine<unknown>, chunkBytesMax: number) {
    this.#stateMachine = stateMachine
    this.#chunkBytesMax = chunkBytesMax
  }

  offer(peer: NodeId, session: Session): Checkpoint {
    const checkpoint = this.#stateMachine.offer()
    this.#offers.set(peer, { session, checkpoint, busy: false })
    return checkpoint
  }

  async asked(
    ask: BulkMessage & { type: 'ChunkAsk' },
    send: Send,
    beforeChunk?: () => Promise<void>,
  ): Promise<void> {
    const offer = this.#offers.get(ask.from)
    if (offer === undefined || offer.session !== ask.session || offer.busy) return
    offer.busy = true
    try {
      if (beforeChunk !== undefined) await beforeChunk()
      const { checkpoint } = offer
      const chunk = await this.#stateMachine.readChunk(checkpoint, ask.after, this.#chunkBytesMax)
      const { from, to, term, session, after } = ask
      send({ type: 'Chunk', from: to, to: from, term, session, after, ...chunk })
    } finally {
      offer.busy = false
    }
  }
}

/** The snapshot does not add up with what this store already held: the store cannot be trusted, nor read. */
export class StoreUnsoundError extends Error {
  override readonly name = 'StoreUnsoundError'
}

/** A sender that does not answer so many asks is given up; whoever leads then offers again. */
const ASKS_UNANSWERED_MAX = 4

type Install = NonNullable<Ready['install']>

export class SnapshotReceiver {
  readonly #stateMachine: StateMachine<unknown>
  readonly #self: NodeId
  readonly #send: Send
  /** Ticks without a chunk after which it is asked for again. */
  readonly #askAgainTicks: number
  /** Runs work when all earlier work of the state machine is done: it is never called twice at once. */
  readonly #inOrder: (work: () => Promise<void>) => Promise<void>
  readonly #ended: (checkpoint: Checkpoint | null) => void
  /** Nothing of the store is in force: emptying it takes nothing from anybody. */
  readonly #mayEmpty: () => boolean
  #install: Install | null = null
  #after = 0
  #ticks = 0
  #asksUnanswered = 0

  constructor(options: {
    stateMachine: StateMachine<unknown>
    self: NodeId
    send: Send
    askAgainTicks: number
    inOrder: (work: () => Promise<void>) => Promise<void>
    mayEmpty: () => boolean
    /** The state machine holds and has verified all of it; null: the sender is gone. */
    ended(checkpoint: Checkpoint | null): void
  }) {
    this.#stateMachine = options.stateMachine
    this.#self = options.self
    this.#send = options.send
    this.#askAgainTicks = options.askAgainTicks
    this.#inOrder = options.inOrder
    this.#mayEmpty = options.mayEmpty
    this.#ended = options.ended
  }

  get busy(): boolean {
    return this.#install !== null
  }

  begin(install: Install): Promise<void> {
    this.#install = install
    this.#asksUnanswered = 0
    return this.#then(install, async () => {
      this.#after = await this.#stateMachine.beginInstall(install.checkpoint)
      await this.#goOn(install)
    })
  }

  chunk(message: BulkMessage & { type: 'Chunk' }): Promise<void> {
    const install = this.#install
    if (install === null || message.from !== install.from) return Promise.resolve()
    if (message.session !== install.session) return Promise.resolve()
    return this.#then(install, async () => {
      if (message.after !== this.#after) return // asked twice, answered twice
      this.#asksUnanswered = 0
      this.#after = await this.#stateMachine.installChunk(message.data)
      await this.#goOn(install)
    })
  }

  /** The log has brought the state machine as far by itself: the transfer is of no use any more. */
  applied(index: number): void {
    if (this.#install === null || index < this.#install.checkpoint.index) return
    this.#install = null
    this.#ended(null)
  }

  tick(): void {
    if (this.#install === null || ++this.#ticks < this.#askAgainTicks) return
    if (++this.#asksUnanswered <= ASKS_UNANSWERED_MAX) return this.#ask(this.#install)
    this.#install = null
    this.#ended(null)
  }

  #then(install: Install, work: () => Promise<void>): Promise<void> {
    return this.#inOrder(async () => {
      if (this.#install === install) await work()
    })
  }

  async #goOn(install: Install): Promise<void> {
    while (this.#stateMachine.installComplete()) {
      if (await this.#stateMachine.verifyInstall()) {
        if (this.#install !== install) return
        this.#install = null
        this.#ended(install.checkpoint)
        return
      }
      // The store was not what it seemed, and is emptied. What was in force is gone with it, so the process ends
      // and starts anew with an empty store: the one way in which a store is built again.
      if (!this.#mayEmpty()) throw new StoreUnsoundError('the store differs from its peers')
      this.#after = await this.#stateMachine.beginInstall(install.checkpoint)
    }
    this.#ask(install)
  }

  #ask({ from, session, checkpoint }: Install): void {
    this.#ticks = 0
    const { term } = checkpoint
    this.#send({ type: 'ChunkAsk', from: this.#self, to: from, term, session, after: this.#after })
  }
}
