// GET /docs: the API description as a page (Swagger UI), where requests can be tried. Works without any network but this
// node: the files come from the package swagger-ui-dist as npm installed it.

import { readFile } from 'node:fs/promises'
import { SekaliError } from '../../../client/errors.ts'
import { answer, answerJson } from '../answer.ts'
import type { Api, Handler } from '../api.ts'
import { openApiDocument } from '../openapi/document.ts'
import { readQuery } from '../query.ts'
import { HTML_MEDIA_TYPE, pageHeaders } from './html.ts'

/** Swagger UI sets style attributes; scripts are its own file and ours alone, and requests go to this node alone. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** The files change with a release only. */
const FILES_AGE_SECONDS = 3_600

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>sekali: API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="stylesheet" href="/docs/page.css">
<script src="/docs/swagger-ui-bundle.js" defer></script>
<script src="/docs/start.js" defer></script>
</head>
<body>
<div id="swagger-ui"></div>
<noscript><p>This page needs scripts. The same, for machines: <a href="/openapi.json">openapi.json</a>; every error: <a href="/problems">problems</a>.</p></noscript>
</body>
</html>
`

const START = `const dark = matchMedia('(prefers-color-scheme: dark)')
const paint = () => document.documentElement.classList.toggle('dark-mode', dark.matches)
dark.addEventListener('change', paint)
paint()
SwaggerUIBundle({ url: '/openapi.json', dom_id: '#swagger-ui', deepLinking: true, validatorUrl: null })
`

const STYLE = `body { margin: 0; background: #fafafa }
.dark-mode body { background: #1c2022 }
`

type File = readonly [mediaType: string, read: () => Promise<string | Uint8Array<ArrayBuffer>>]

const SCRIPT = 'text/javascript; charset=utf-8'
const CSS = 'text/css; charset=utf-8'

const FILES: ReadonlyMap<string, File> = new Map<string, File>([
  ['start.js', [SCRIPT, async () => START]],
  ['page.css', [CSS, async () => STYLE]],
  ['swagger-ui-bundle.js', [SCRIPT, () => packageFile('swagger-ui-bundle.js')]],
  ['swagger-ui.css', [CSS, () => packageFile('swagger-ui.css')]],
])

export function docsRoute({ backend }: Api): Handler {
  return (call) => {
    readQuery(call.req.url, [])
    return answer(backend, 200, HTML_MEDIA_TYPE, PAGE, pageHeaders(POLICY))
  }
}

export function docsFileRoute({ backend }: Api): Handler {
  return async (call) => {
    readQuery(call.req.url, [])
    const file = FILES.get(call.req.path.slice('/docs/'.length))
    if (file === undefined) throw new SekaliError('not_found', 'the page has no such file')
    const [mediaType, read] = file
    return answer(backend, 200, mediaType, await read(), {
      'cache-control': `public, max-age=${FILES_AGE_SECONDS}`,
      'x-content-type-options': 'nosniff',
    })
  }
}

export function openApiRoute({ backend }: Api): Handler {
  let text: string | null = null
  return (call) => {
    readQuery(call.req.url, [])
    text ??= JSON.stringify(openApiDocument())
    return answerJson(backend, text)
  }
}

/** Read each time: seldom asked for, and too large to keep for that. */
function packageFile(name: string): Promise<Uint8Array<ArrayBuffer>> {
  return readFile(new URL(import.meta.resolve(`swagger-ui-dist/${name}`)))
}
