// When a clone counts as installed, and which Node.js is new enough; the installing itself is what CI does first.

import { expect, test } from 'vitest'

// Plain JavaScript without types, since it must run before anything is installed.
const setup = await import(new URL('../../cluster/setup.mjs', import.meta.url).href)

const LOCK = {
  packages: {
    '': { version: '0.1.0' },
    'node_modules/hono': { version: '4.13.0' },
    'node_modules/fsevents': { version: '2.3.3', optional: true },
  },
}

test.each([
  ['all that is asked for is there', { 'node_modules/hono': { version: '4.13.0' } }, true],
  ['a package is missing', {}, false],
  ['a package has another version', { 'node_modules/hono': { version: '4.12.0' } }, false],
  [
    'an optional package has another version',
    { 'node_modules/hono': { version: '4.13.0' }, 'node_modules/fsevents': { version: '1.0.0' } },
    false,
  ],
])('installed, when %s', (_, packages, expected) => {
  expect(setup.holdsAll(LOCK, { packages })).toBe(expected)
})

test.each([
  ['v22.19.0', true],
  ['v24.0.1', true],
  ['v22.18.9', false],
  ['v20.20.2', false],
])('Node.js %s is new enough: %s', (version, expected) => {
  expect(setup.isNewEnough(version)).toBe(expected)
})
