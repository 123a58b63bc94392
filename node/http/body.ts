// Request bodies: read with a hard cap, decompressed with another, never more in memory than the limit allows. What is
// known to be too large from its announced length is refused before a byte of it is read.

import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { SekaliError } from '../../client/errors.ts'
import type { Call } from './api.ts'

const gunzipAsync = promisify(gunzip)

export interface BodyOptions {
  readonly bytesMax: number
  /** Told of bytes as they take up memory; may throw to refuse them. */
  readonly take?: (bytes: number) => void
}

/** The body, decompressed. `take` was told of all its bytes when this resolves, of a part when it rejects. */
export async function readBody(call: Call, options: BodyOptions): Promise<Uint8Array> {
  const gzip = isGzip(call.req.header('content-encoding'))
  const announced = Number(call.req.header('content-length') ?? 0)
  if (announced > options.bytesMax) throw bodyTooLarge(options.bytesMax)
  const { incoming, outgoing } = call.env ?? {}
  // Only now does a client that asked first get leave to send.
  if (call.req.header('expect') !== undefined) outgoing?.writeContinue()
  const source = incoming ?? webBody(call.req.raw)
  const bytes = source === null ? new Uint8Array(0) : await collect(source, options)
  return gzip ? decompress(bytes, options) : bytes
}

function webBody(request: Request): Readable | null {
  // The types of the platform's streams and of node:stream/web differ in name only.
  return request.body === null ? null : Readable.fromWeb(request.body as never)
}

function collect(source: Readable, { bytesMax, take }: BodyOptions): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = []
    let length = 0
    const fail = (error: unknown): void => {
      source.off('data', onData)
      reject(error)
    }
    // Every request is closed at some time: the error, with its stack, is made only for those that were cut.
    const cut = (): void => {
      if (!source.readableEnded) fail(bodyCut())
    }
    const onData = (chunk: Uint8Array): void => {
      try {
        if (length + chunk.length > bytesMax) throw bodyTooLarge(bytesMax)
        take?.(chunk.length)
      } catch (error) {
        fail(error)
        return
      }
      length += chunk.length
      chunks.push(chunk)
    }
    source.on('data', onData)
    source.once('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)))
    source.once('error', cut)
    source.once('close', cut)
  })
}

async function decompress(bytes: Uint8Array, { bytesMax, take }: BodyOptions): Promise<Uint8Array> {
  let whole: Uint8Array
  try {
    whole = await gunzipAsync(bytes, { maxOutputLength: bytesMax })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw bodyTooLarge(bytesMax)
    }
    throw new SekaliError('malformed_body', 'the body is not valid gzip', {
      field: 'content-encoding',
    })
  }
  take?.(whole.length)
  return whole
}

function isGzip(encoding: string | undefined): boolean {
  if (encoding === undefined) return false
  const name = encoding.trim().toLowerCase()
  if (name === 'identity' || name === '') return false
  if (name === 'gzip' || name === 'x-gzip') return true
  throw new SekaliError('unsupported_media_type', 'the only content-encoding taken is gzip', {
    field: 'content-encoding',
  })
}

/** The media type in lower case, or '' if none was given; throws for a charset other than UTF-8. */
export function mediaType(header: string | undefined): string {
  if (header === undefined) return ''
  if (header === 'application/json') return header
  const [type, ...parameters] = header.toLowerCase().split(';')
  for (const parameter of parameters) {
    const [name, value = ''] = parameter.trim().split('=')
    if (name === 'charset' && !/^"?utf-?8"?$/.test(value)) {
      throw new SekaliError('unsupported_media_type', 'the only charset taken is utf-8', {
        field: 'content-type',
      })
    }
  }
  return type!.trim()
}

function bodyTooLarge(bytesMax: number): SekaliError {
  return new SekaliError('body_too_large', `the body is larger than ${bytesMax} bytes`, {
    limit: { name: 'bodyBytesMax', value: bytesMax },
  })
}

function bodyCut(): SekaliError {
  return new SekaliError('request_timeout', 'the connection ended before the body did')
}
