// GET / and /assets/…: the page to look at the cluster with. Its files (node/page) are read once, at start, and served as
// they are; browsers keep them and ask whether they are still the same.
//
// The policy sent along allows nothing from elsewhere, no script or style inside the markup, and no markup made from
// strings: what users call their topics can only ever be text there.

import { hash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SekaliError } from '../../../client/errors.ts'
import { answer, answerEmpty } from '../answer.ts'
import type { Api, Call, Handler } from '../api.ts'
import { readQuery } from '../query.ts'
import { HTML_MEDIA_TYPE, pageHeaders } from './html.ts'

const FOLDER = fileURLToPath(new URL('../../page', import.meta.url))
const INDEX = 'index.html'

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.html': HTML_MEDIA_TYPE,
  '.css': 'text/css; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

interface Asset {
  readonly mediaType: string
  readonly body: Uint8Array<ArrayBuffer>
  readonly headers: Readonly<Record<string, string>>
}

const ASSETS: ReadonlyMap<string, Asset> = new Map(
  readdirSync(FOLDER)
    .filter((name) => MEDIA_TYPES[extname(name)] !== undefined)
    .map((name) => [name, load(name)]),
)

export function pageRoute({ backend }: Api): Handler {
  return (call) => send(backend, call, ASSETS.get(INDEX)!)
}

export function assetRoute({ backend }: Api): Handler {
  return (call) => {
    const name = call.req.path.slice('/assets/'.length)
    const asset = name === INDEX ? undefined : ASSETS.get(name)
    if (asset === undefined) throw new SekaliError('not_found', 'the page has no such file')
    return send(backend, call, asset)
  }
}

function send(backend: Api['backend'], call: Call, { mediaType, body, headers }: Asset): Response {
  readQuery(call.req.url, [])
  const known = call.req.header('if-none-match')?.split(',') ?? []
  const unchanged = known.some((tag) => tag.trim().replace(/^W\//, '') === headers.etag)
  if (unchanged) return answerEmpty(backend, headers, 304)
  return answer(backend, 200, mediaType, body, headers)
}

function load(name: string): Asset {
  const body = new Uint8Array(readFileSync(join(FOLDER, name)))
  return {
    mediaType: MEDIA_TYPES[extname(name)]!,
    body,
    headers: {
      ...pageHeaders(POLICY),
      etag: `"${hash('sha256', body, 'base64url')}"`,
      // Kept, but asked for: after an upgrade no file of the old page meets one of the new.
      'cache-control': 'no-cache',
    },
  }
}
