// GET /problems and GET /problems/:problem: what the `type` of an error leads to. Made of the contract's tables; nothing is
// said here that they do not say.

import { problemType } from '../../../client/contract/problem.ts'
import { PROBLEM_GUIDE, type Stored } from '../../../client/contract/problem-guide.ts'
import { ERROR_KINDS, type ErrorCode, SekaliError } from '../../../client/errors.ts'
import type { Api, Handler } from '../api.ts'
import { readQuery } from '../query.ts'
import { answerPage, escapeHtml } from './html.ts'

const STORED: Readonly<Record<Stored, string>> = {
  no: 'Certainly not. Nothing of the request took effect.',
  perhaps: 'It cannot be said. Sending the same ids again settles it, and stores nothing twice.',
  read: 'This answers no publish.',
}

const CODES = Object.keys(ERROR_KINDS) as ErrorCode[]
const BY_PATH = new Map(CODES.map((code) => [problemType(code), code]))

export function problemsRoute({ backend }: Api): Handler {
  return (call) => {
    readQuery(call.req.url, [])
    return answerPage(backend, 'sekali: problems', listOfProblems())
  }
}

export function problemRoute({ backend }: Api): Handler {
  return (call) => {
    readQuery(call.req.url, [])
    const code = BY_PATH.get(call.req.path)
    if (code === undefined) throw new SekaliError('not_found', 'there is no such problem')
    return answerPage(backend, `sekali: ${ERROR_KINDS[code].title}`, pageOf(code))
  }
}

function listOfProblems(): string {
  const rows = CODES.map((code) => {
    const { status, title, retryable } = ERROR_KINDS[code]
    const link = `<a href="${problemType(code)}"><code>${code}</code></a>`
    return `<tr><td>${status}</td><td>${link}</td><td>${escapeHtml(title)}.${retryable ? ' <span class="faint">Try again.</span>' : ''}</td></tr>`
  })
  return `<nav><a href="/docs">API</a></nav>
<main>
<h1>Problems</h1>
<p>Errors are answered as <code>application/problem+json</code> (RFC 9457). Their <code>code</code> is stable and decides; all else is for people.</p>
<table><thead><tr><th>Status</th><th>Code</th><th>Meaning</th></tr></thead><tbody>
${rows.join('\n')}
</tbody></table>
</main>`
}

function pageOf(code: ErrorCode): string {
  const { status, title, retryable } = ERROR_KINDS[code]
  const { meaning, stored, remedy } = PROBLEM_GUIDE[code]
  const shown = { type: problemType(code), title, status, code, retryable }
  return `<nav><a href="/problems">Problems</a> · <a href="/docs">API</a></nav>
<main>
<h1>${escapeHtml(title)}</h1>
<p class="faint"><code>${code}</code> · status ${status}</p>
<p>${prose(meaning)}</p>
<h2>Are the events stored?</h2>
<p>${prose(STORED[stored])}</p>
<h2>Can the same request succeed later?</h2>
<p>${retryable ? 'Yes.' : 'No, not as it is.'}</p>
<h2>What to do</h2>
<p>${prose(remedy)}</p>
<h2>In the answer</h2>
<pre tabindex="0">${escapeHtml(JSON.stringify(shown, null, 2))}</pre>
</main>`
}

/** Text in which backquotes mark code. */
function prose(text: string): string {
  return escapeHtml(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>')
}
