// How the routes are described that serve this description and the pages for people.

import { z } from 'zod'
import type { Operation, Operations } from '../operation.ts'

const htmlSchema = z.string().meta({ description: 'A page that needs nothing but this node.' })

const openapi: Operation = {
  id: 'getOpenApi',
  tag: 'about',
  summary: 'This description, OpenAPI 3.1',
  answers: {
    200: {
      description: 'The document.',
      content: { 'application/json': z.looseObject({ openapi: z.string() }) },
    },
  },
  problems: [],
  examples: [{ name: 'document', summary: 'The document', status: 200 }],
}

const docs: Operation = {
  id: 'getDocs',
  tag: 'about',
  summary: 'This description as a page, where requests can be tried',
  answers: { 200: { description: 'The page.', content: { 'text/html': htmlSchema } } },
  problems: [],
  examples: [{ name: 'page', summary: 'The page', status: 200 }],
}

const docsFile: Operation = {
  id: 'getDocsFile',
  tag: 'about',
  summary: 'What that page is made of',
  path: z.object({ file: z.string() }),
  answers: {
    200: {
      description: 'A script or style sheet.',
      content: { 'text/javascript': z.string(), 'text/css': z.string() },
    },
  },
  problems: ['not_found'],
  examples: [
    { name: 'style', summary: 'Its style', path: { file: 'swagger-ui.css' }, status: 200 },
  ],
}

const problems: Operation = {
  id: 'listProblems',
  tag: 'about',
  summary: 'Every error there is, as a page',
  answers: { 200: { description: 'The page.', content: { 'text/html': htmlSchema } } },
  problems: [],
  examples: [{ name: 'page', summary: 'The page', status: 200 }],
}

const problem: Operation = {
  id: 'getProblem',
  tag: 'about',
  summary: 'The page that the type of an error leads to',
  path: z.object({ problem: z.string().meta({ description: 'A code, with - for _.' }) }),
  answers: { 200: { description: 'The page.', content: { 'text/html': htmlSchema } } },
  problems: ['not_found'],
  examples: [
    { name: 'page', summary: 'One error', path: { problem: 'outcome-unknown' }, status: 200 },
  ],
}

const page: Operation = {
  id: 'getPage',
  tag: 'about',
  summary: 'A page to look at the cluster with',
  answers: { 200: { description: 'The page.', content: { 'text/html': htmlSchema } } },
  problems: [],
  examples: [{ name: 'page', summary: 'The page', status: 200 }],
}

const pageFile: Operation = {
  id: 'getPageFile',
  tag: 'about',
  summary: 'What that page is made of',
  path: z.object({ file: z.string() }),
  answers: {
    200: {
      description: 'A module, a style sheet, or its icon.',
      content: {
        'text/javascript': z.string(),
        'text/css': z.string(),
        'image/svg+xml': z.string(),
      },
    },
  },
  problems: ['not_found'],
  examples: [{ name: 'style', summary: 'Its style', path: { file: 'page.css' }, status: 200 }],
}

export const ABOUT_OPERATIONS: Operations = {
  'GET /': page,
  'GET /assets/:file': pageFile,
  'GET /openapi.json': openapi,
  'GET /docs': docs,
  'GET /docs/:file': docsFile,
  'GET /problems': problems,
  'GET /problems/:problem': problem,
}
