// Pages for people: plain HTML of this node alone, light and dark, narrow and wide, without a script. What a page may load
// is written into its headers, so that nothing from elsewhere can slip in.

import { hash } from 'node:crypto'
import { answer } from '../answer.ts'
import type { Backend } from '../backend.ts'

export const HTML_MEDIA_TYPE = 'text/html; charset=utf-8'

const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#d5d9de, #3a4048); --faint: light-dark(#59636e, #9aa4b0);
  --link: light-dark(#0a58c2, #7fb4ff); --code: light-dark(#f1f3f5, #20252b) }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 46rem; background: light-dark(#fff, #14171b);
  color: light-dark(#1b1f24, #e4e8ec); font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: break-word }
a { color: var(--link) }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 1rem 0 .25rem }
h2 { font-size: 1.05rem; margin: 1.75rem 0 .25rem }
code, pre { font: .9em/1.5 ui-monospace, monospace; background: var(--code); border-radius: .25rem }
code { padding: .1em .3em; overflow-wrap: anywhere }
pre { padding: .75rem 1rem; overflow-x: auto }
nav, .faint { color: var(--faint) }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .5rem .75rem .5rem 0; border-bottom: 1px solid var(--line) }
th { font-weight: 600; color: var(--faint) }
@media (max-width: 34rem) { thead { display: none } tr { display: block; padding: .5rem 0; border-bottom: 1px solid var(--line) }
  td { display: block; border: 0; padding: .1rem 0 } }
`

const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${hash('sha256', STYLE, 'base64')}'`,
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** `body` is HTML; `title` is text. */
export function answerPage(backend: Backend, title: string, body: string): Response {
  const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
${body}
</body>
</html>
`
  return answer(backend, 200, HTML_MEDIA_TYPE, page, pageHeaders(POLICY))
}

export function pageHeaders(contentSecurityPolicy: string): Record<string, string> {
  return {
    'content-security-policy': contentSecurityPolicy,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  }
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
