// The text of a Server-Sent Events stream → what is told in it. Reading stops when nobody asks for the next item, and with it,
// in time, the node's sending.

import { createParser } from 'eventsource-parser'
import type { Span } from './span.ts'
import type { HttpStream } from './transport.ts'

export type StreamItem =
  | { readonly type: 'event'; readonly name: string; readonly id: string; readonly data: string }
  /** Whatever was before it has been told. */
  | { readonly type: 'id'; readonly id: string }
  /** The node lives. */
  | { readonly type: 'comment' }

/** Ends with the stream. Rejects when the connection is lost, with a TimeoutError after `silenceMs` without a byte. */
export async function* streamItems(
  stream: HttpStream,
  span: Span,
  silenceMs: number,
): AsyncGenerator<StreamItem, void, undefined> {
  const items: StreamItem[] = []
  const parser = createParser({
    onEvent: ({ event = 'message', id = '', data }) => {
      if (items.at(-1)?.type === 'id') items.pop() // its own, told before it
      items.push({ type: 'event', name: event, id, data })
    },
    onId: (id) => items.push({ type: 'id', id }),
    onComment: () => items.push({ type: 'comment' }),
  })
  const decoder = new TextDecoder()
  try {
    for (;;) {
      const next = await span.within(silenceMs, (signal) => orAborted(stream.chunks.next(), signal))
      if (next.done === true) return
      parser.feed(decoder.decode(next.value, { stream: true }))
      yield* items.splice(0)
    }
  } finally {
    stream.close()
  }
}

function orAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  const { promise, reject } = Promise.withResolvers<never>()
  signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  return Promise.race([work, promise])
}
