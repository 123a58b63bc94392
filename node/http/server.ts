// The listening side for clients: node:http with every bound set by name, whatever the defaults of this Node version are,
// and problem+json even for what is not HTTP. Knows nothing of routes.
//
// Closing is graceful and bounded: no new connections, idle ones closed, each answer in flight ends its connection, and
// what has not ended within the bound is cut.

import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { PROBLEM_MEDIA_TYPE } from '../../client/contract/problem.ts'
import { SekaliError } from '../../client/errors.ts'
import { standingHeaders } from './answer.ts'
import type { Api } from './api.ts'
import type { App } from './app.ts'
import { corsHeaders } from './cors.ts'
import { problemAnswer, problemOf } from './problems.ts'

export interface ServerTimes {
  readonly headersTimeoutMs: number
  /** From the first byte of a request to the last of its body. */
  readonly requestTimeoutMs: number
  readonly keepAliveTimeoutMs: number
  /** How often the first two are looked at. */
  readonly connectionsCheckMs: number
}

export const SERVER_TIMES: ServerTimes = {
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 65_000, // above the 60 s of common load balancers, so that they close first
  connectionsCheckMs: 2_000,
}

export const HEADER_BYTES_MAX = 16 * 1024
export const HEADERS_COUNT_MAX = 100
/** A GET has no use for a body; a small one is read and dropped. */
export const GET_BODY_BYTES_MAX = 64 * 1024

export interface ApiServer {
  /** Resolves with the port listened on; rejects if it cannot be. */
  listen(host: string, port: number): Promise<number>
  /** Stops taking connections and resolves when none is left, at the latest after `graceMs`. */
  close(graceMs: number): Promise<void>
}

export function createApiServer(
  api: Api,
  app: App,
  connectionsMax: number,
  times: ServerTimes = SERVER_TIMES,
): ApiServer {
  let closing = false
  const respond = getRequestListener(app.fetch, {
    // HTTP/1.0 has no Host; what HTTP/1.1 requires is checked below.
    hostname: 'localhost',
    errorHandler: (error) => problemAnswer(api, badRequest(error), '/'),
  })
  const unanswered = new Unanswered()
  const listener = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    unanswered.note(incoming, outgoing)
    const cors = corsHeaders(api.corsOrigins, incoming)
    for (const name in cors) outgoing.setHeader(name, cors[name]!)
    if (closing) endConnectionWith(outgoing)
    const fault = requestFault(incoming)
    if (fault === null) void respond(incoming, outgoing)
    else refuse(api, outgoing, fault)
  }
  const server = createServer(
    {
      headersTimeout: times.headersTimeoutMs,
      requestTimeout: times.requestTimeoutMs,
      keepAliveTimeout: times.keepAliveTimeoutMs,
      connectionsCheckingInterval: times.connectionsCheckMs,
      maxHeaderSize: HEADER_BYTES_MAX,
      requireHostHeader: false,
      noDelay: true,
    },
    listener,
  )
  server.maxConnections = connectionsMax
  server.maxHeadersCount = HEADERS_COUNT_MAX
  // 100 is sent when a route begins to read the body, so that 413 and 415 can come instead; other expectations may be
  // ignored.
  server.on('checkContinue', listener)
  server.on('checkExpectation', listener)
  server.on('clientError', (error: ParserFault, socket: Socket) => {
    if (socket.writable && unanswered.mayAnswer(socket)) socket.write(rawRefusal(api, error))
    socket.destroySoon()
  })
  return {
    listen: (host, port) => listen(server, host, port),
    close: (graceMs) => {
      closing = true
      unanswered.forEach(endConnectionWith)
      return close(server, graceMs)
    },
  }
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve((server.address() as AddressInfo).port)
    })
  })
}

function close(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), graceMs)
    server.close(() => {
      clearTimeout(cut)
      resolve()
    })
    server.closeIdleConnections()
  })
}

/**
 * Which connections still owe an answer. A refusal written out of turn would be read as the answer to an earlier
 * request on the same connection: "not stored" for a publish that is.
 */
class Unanswered {
  readonly #answers = new Set<ServerResponse>()
  readonly #bySocket = new WeakMap<Socket, { count: number; last: IncomingMessage }>()

  note(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { socket } = incoming
    const owed = this.#bySocket.get(socket)
    if (owed === undefined) this.#bySocket.set(socket, { count: 1, last: incoming })
    else {
      owed.count += 1
      owed.last = incoming
    }
    this.#answers.add(outgoing)
    outgoing.once('close', () => {
      this.#answers.delete(outgoing)
      this.#bySocket.get(socket)!.count -= 1
    })
  }

  forEach(visit: (outgoing: ServerResponse) => void): void {
    for (const outgoing of this.#answers) visit(outgoing)
  }

  /** Nothing is owed, or only the answer to the very request that turned out bad halfway. */
  mayAnswer(socket: Socket): boolean {
    const owed = this.#bySocket.get(socket)
    return owed === undefined || owed.count === 0 || (owed.count === 1 && !owed.last.complete)
  }
}

function endConnectionWith(outgoing: ServerResponse): void {
  if (!outgoing.headersSent) outgoing.setHeader('connection', 'close')
}

/** What llhttp lets through and HTTP/1.1 or this API does not. */
function requestFault(incoming: IncomingMessage): SekaliError | null {
  let hosts = 0
  const { rawHeaders } = incoming
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1
  }
  if (hosts > 1 || (hosts === 0 && incoming.httpVersion === '1.1')) {
    return new SekaliError('malformed_request', 'there must be one Host header')
  }
  if (incoming.method === 'GET' || incoming.method === 'HEAD') {
    const { 'content-length': length, 'transfer-encoding': coding } = incoming.headers
    if (coding !== undefined || Number(length ?? 0) > GET_BODY_BYTES_MAX) {
      return new SekaliError('body_too_large', 'a GET has no use for a body')
    }
  }
  return null
}

/** What hono refuses before any route is asked is the URL or the Host header; else it is ours. */
function badRequest(error: unknown): unknown {
  if (!(error instanceof Error) || error.name !== 'RequestError') return error
  return new SekaliError('malformed_request', 'the request target or Host header is not valid')
}

function refuse(api: Api, outgoing: ServerResponse, error: SekaliError): void {
  api.meters.problem(error.code)
  const standing = api.backend.standing()
  const body = JSON.stringify(problemOf(error, outgoing.req.url ?? '', standing))
  outgoing.writeHead(error.status, {
    ...standingHeaders(standing),
    'content-type': PROBLEM_MEDIA_TYPE,
    connection: 'close',
  })
  outgoing.end(body)
}

/** The answer to bytes that never became a request: written to the socket as it is, and the last one there. */
function rawRefusal(api: Api, fault: ParserFault): string {
  const error = parserError(fault)
  api.meters.problem(error.code)
  const standing = api.backend.standing()
  const body = JSON.stringify(problemOf(error, '', standing))
  const headers: Record<string, string> = {
    ...standingHeaders(standing),
    'content-type': PROBLEM_MEDIA_TYPE,
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  }
  // The parser knows no path for a method it does not know: all that any path takes.
  if (error.code === 'method_not_allowed') headers.allow = 'GET, HEAD, POST, OPTIONS'
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  const status = `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}`
  return `${[status, ...lines].join('\r\n')}\r\n\r\n${body}`
}

function parserError({ code, rawPacket }: ParserFault): SekaliError {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new SekaliError('request_timeout', 'the request did not arrive in time')
    case 'HPE_HEADER_OVERFLOW':
      return new SekaliError('headers_too_large', 'the headers are too large', {
        limit: { name: 'headerBytesMax', value: HEADER_BYTES_MAX },
      })
    case 'HPE_INVALID_METHOD':
      // The parser says so of anything: only what has the form of a request has a method.
      if (rawPacket !== undefined && METHOD_AND_PATH.test(rawPacket.toString('latin1', 0, 64))) {
        return new SekaliError('method_not_allowed', 'this method is not known')
      }
  }
  return new SekaliError('malformed_request', 'the bytes received are not HTTP/1.1')
}

const METHOD_AND_PATH = /^[A-Z-]{1,32} \//

type ParserFault = NodeJS.ErrnoException & { readonly rawPacket?: Buffer }
