// Logs: lines that no input can forge and no fault can flood.

import { describe, expect, test } from 'vitest'
import { createLog, LOG_LINES_PER_CAUSE, LOG_WINDOW_MS } from '../../node/log.ts'
import { SHOWN_CHARACTERS_MAX, showInput } from '../../node/show-input.ts'

function capture() {
  const lines: Record<string, unknown>[] = []
  const clock = { ms: 0 }
  const log = createLog({
    level: 'info',
    nodeId: 'n1',
    monotonicMs: () => clock.ms,
    destination: { write: (line: string) => void lines.push(JSON.parse(line)) },
  })
  return { log, lines, clock }
}

describe('structured logs', () => {
  test('a line has the node, the cause and the facts', () => {
    const { log, lines } = capture()

    log.warn('a peer was refused', { peer: 'n9', attempts: 2 })

    expect(lines).toMatchObject([
      { node: 'n1', msg: 'a peer was refused', peer: 'n9', attempts: 2 },
    ])
  })

  test('what repeats is told a few times, then counted', () => {
    const { log, lines, clock } = capture()

    for (let count = 0; count < LOG_LINES_PER_CAUSE + 5; count += 1) log.warn('again')
    log.warn('another cause')
    clock.ms = LOG_WINDOW_MS
    log.warn('again')

    const again = lines.filter((line) => line.msg === 'again')
    expect(again).toHaveLength(LOG_LINES_PER_CAUSE + 1)
    expect(again.at(-1)).toMatchObject({ left_out: 5 })
    expect(lines.filter((line) => line.msg === 'another cause')).toHaveLength(1)
  })

  test('what is below the level costs no place in the count', () => {
    const { log, lines } = capture()

    for (let count = 0; count < 100; count += 1) log.debug('again')
    log.info('again')

    expect(lines).toHaveLength(1)
    expect(lines[0]).not.toHaveProperty('left_out')
  })
})

describe('input that is shown', () => {
  test('controls, escapes and marks of direction are written out', () => {
    expect(showInput('a\r\n\u001b[2J\u202eb\u2028\ud800')).toBe(
      'a\\u{d}\\u{a}\\u{1b}[2J\\u{202e}b\\u{2028}\\u{d800}',
    )
  })

  test('no more than 64 characters are shown, and none is cut in two', () => {
    const shown = showInput('😀'.repeat(1_000))

    expect([...shown]).toHaveLength(SHOWN_CHARACTERS_MAX + 1)
    expect(shown.isWellFormed()).toBe(true)
    expect(showInput('x'.repeat(64))).toBe('x'.repeat(64))
  })
})
