// Torn or damaged: every way the bytes of a log may be found, and what a start does with it (faults.md D14–D19, D25).

import { describe, expect, test } from 'vitest'
import { NewerFormatError } from '../../../raft/log/errors.ts'
import { preamble } from '../../../raft/log/segment.ts'
import { LogDamageError, type LogWrite } from '../../../raft/ports.ts'
import { checkpointAt, entries, entry, NOTHING, seededRandom } from '../log-contract.ts'
import { changed, contentEnd, type Image, record, start, without } from './images.ts'

const SECTOR_BYTES = 512

const FIRST: LogWrite = {
  ...NOTHING,
  hardState: { term: 1, vote: 'n1' },
  entries: entries(1, 3, 1),
}
const SECOND: LogWrite = {
  ...NOTHING,
  hardState: { term: 2, vote: null },
  entries: entries(4, 5, 2),
}
/** Long enough to lie in several sectors. */
const LAST: LogWrite = {
  ...NOTHING,
  hardState: { term: 3, vote: 'n2' },
  entries: [...entries(6, 9, 3, 90), entry(10, 3, 1100), ...entries(11, 12, 3, 30)],
}

const [, , before, whole] = (await record([FIRST, SECOND, LAST])) as [Image, Image, Image, Image]
const [name] = [...whole.keys()] as [string]
const lastStart = contentEnd(before, name)
const lastEnd = contentEnd(whole, name)

async function expectCut(image: Image): Promise<void> {
  const { result } = await start(image)
  expect(result).toMatchObject({
    hardState: SECOND.hardState,
    entries: [...FIRST.entries, ...SECOND.entries],
  })
}

async function expectWhole(image: Image): Promise<void> {
  const { result } = await start(image)
  expect(result).toMatchObject({
    hardState: LAST.hardState,
    entries: [...FIRST.entries, ...SECOND.entries, ...LAST.entries],
  })
}

async function expectRefused(image: Image): Promise<void> {
  const { result, after } = await start(image)
  expect(result).toBeInstanceOf(LogDamageError)
  expect(after).toEqual(image)
}

/** Changes the bits of one byte that are set in `bits`. */
function flip(bytes: Buffer, offset: number, bits: number): void {
  bytes[offset] = bytes[offset]! ^ bits
}

function zero(bytes: Buffer, from: number, to = bytes.length): void {
  bytes.fill(0, from, to)
}

describe('a torn last write', () => {
  test('is cut wherever the file ends in it', async () => {
    for (let end = lastStart; end < lastEnd; end += end - lastStart < 100 ? 1 : 17) {
      await expectCut(changed(whole, name, (bytes) => bytes.subarray(0, end)))
    }
    await expectWhole(changed(whole, name, (bytes) => bytes.subarray(0, lastEnd)))
  })

  test('is cut wherever zeros begin in it and go on to the end', async () => {
    for (let end = lastStart; end < lastEnd; end += end - lastStart < 100 ? 1 : 17) {
      await expectCut(changed(whole, name, (bytes) => zero(bytes, end)))
    }
  })

  test('is cut whichever of its sectors are missing', async () => {
    const firstSector = Math.floor(lastStart / SECTOR_BYTES)
    const sectors = Math.ceil(lastEnd / SECTOR_BYTES) - firstSector
    expect(sectors).toBeGreaterThan(3)
    for (let lost = 1; lost < 2 ** sectors; lost += 1) {
      const image = changed(whole, name, (bytes) => {
        for (let place = 0; place < sectors; place += 1) {
          const from = (firstSector + place) * SECTOR_BYTES
          if (lost & (1 << place)) bytes.fill(0, Math.max(from, lastStart), from + SECTOR_BYTES)
        }
      })
      await expectCut(image)
    }
  })

  test.each([
    ['a hard state alone', { ...NOTHING, hardState: { term: 9, vote: 'n3' } }],
    ['an identity and a checkpoint', { ...NOTHING, checkpoint: checkpointAt(2, 1) }],
  ])('of %s is the old one or the new one at every byte', async (_, write) => {
    const [, , old, now] = (await record([FIRST, SECOND, write])) as [Image, Image, Image, Image]
    const end = contentEnd(now, name)
    for (let cut = contentEnd(old, name); cut <= end; cut += 1) {
      const { result } = await start(changed(now, name, (bytes) => zero(bytes, cut)))
      expect(result).toMatchObject(
        cut < end
          ? { hardState: SECOND.hardState, checkpoint: null }
          : { hardState: write.hardState ?? SECOND.hardState, checkpoint: write.checkpoint },
      )
    }
  })

  test('is told in one sentence; a clean start tells nothing', async () => {
    const torn = await start(changed(whole, name, (bytes) => bytes.subarray(0, lastEnd - 1)))
    const clean = await start(whole)

    expect(torn.result).toMatchObject({
      notes: [
        `cut a torn write of ${lastEnd - 1 - lastStart} bytes at offset ${lastStart} of ${name}: it was never acknowledged`,
      ],
    })
    expect(clean.result).toMatchObject({ notes: [] })
  })

  test('stays cut: what stood behind the cut never comes back', async () => {
    const { after } = await start(changed(whole, name, (bytes) => bytes.subarray(0, lastEnd - 1)))
    const again = await start(after)

    expect(again.result).toMatchObject({
      entries: [...FIRST.entries, ...SECOND.entries],
      notes: [],
    })
  })

  test('of a new segment leaves the segments before as they were', async () => {
    const big: LogWrite = { ...NOTHING, entries: entries(13, 16, 3, 700) }
    const images = await record([FIRST, SECOND, LAST, big])
    const rotated = images.at(-1)!
    const next = [...rotated.keys()].find(
      (other) => other !== name && contentEnd(rotated, other) > 0,
    )!
    const end = contentEnd(rotated, next)
    for (let cut = 0; cut < end; cut += cut < 700 ? 11 : 97) {
      await expectWhole(changed(rotated, next, (bytes) => zero(bytes, cut)))
      await expectWhole(changed(rotated, next, (bytes) => bytes.subarray(0, cut)))
    }
    for (let sector = 0; sector < end; sector += SECTOR_BYTES) {
      const lost = (bytes: Buffer) => zero(bytes, sector, sector + SECTOR_BYTES)
      await expectWhole(changed(rotated, next, lost))
    }
    await expectRefused(changed(rotated, next, (bytes) => flip(bytes, end - 20, 8)))
    await expectRefused(changed(rotated, next, (bytes) => flip(bytes, 30, 8)))
  })
})

test('a lost last write is damage where the next segment was begun, even if that one is torn', async () => {
  const big: LogWrite = { ...NOTHING, entries: entries(13, 16, 3, 700) }
  const rotated = (await record([FIRST, SECOND, LAST, big])).at(-1)!
  const next = [...rotated.keys()].find(
    (other) => other !== name && contentEnd(rotated, other) > 0,
  )!
  for (const torn of [
    changed(rotated, next, (bytes) => zero(bytes, 0, SECTOR_BYTES)),
    changed(rotated, next, (bytes) => zero(bytes, SECTOR_BYTES)),
  ]) {
    await expectWhole(torn)
    await expectRefused(changed(torn, name, (bytes) => zero(bytes, lastStart)))
  }
})

describe('damage is refused, and nothing is changed', () => {
  test('wherever one bit is flipped in what was written, the last write included', async () => {
    for (let offset = 0; offset < lastEnd; offset += 5) {
      await expectRefused(changed(whole, name, (bytes) => flip(bytes, offset, 1 << (offset % 8))))
    }
  })

  test('wherever one byte of the last write is another', async () => {
    for (let offset = lastStart; offset < lastEnd; offset += offset - lastStart < 100 ? 1 : 7) {
      await expectRefused(changed(whole, name, (bytes) => flip(bytes, offset, 0xff)))
    }
  })

  test('a flipped bit where nothing was written yet loses nothing', async () => {
    for (let offset = lastEnd; offset < 4096; offset += 13) {
      await expectWhole(changed(whole, name, (bytes) => flip(bytes, offset, 1 << (offset % 8))))
    }
  })

  test('wherever a sector of an earlier write is zero or garbage', async () => {
    const random = seededRandom(5)
    for (let sector = 0; sector < lastStart - SECTOR_BYTES; sector += SECTOR_BYTES) {
      await expectRefused(
        changed(whole, name, (bytes) => zero(bytes, sector, sector + SECTOR_BYTES)),
      )
      await expectRefused(
        changed(whole, name, (bytes) => {
          for (let at = sector; at < sector + SECTOR_BYTES; at += 1) bytes[at] = random() * 256
        }),
      )
    }
  })

  test('an earlier write that is missing altogether', async () => {
    const secondEnd = lastStart
    const firstEnd = contentEnd((await record([FIRST]))[1]!, name)
    await expectRefused(changed(whole, name, (bytes) => zero(bytes, firstEnd, secondEnd)))
  })

  test('a sound record where it does not belong', async () => {
    const firstEnd = contentEnd((await record([FIRST]))[1]!, name)
    await expectRefused(
      changed(whole, name, (bytes) => void bytes.copy(bytes, lastEnd, firstEnd, lastStart)),
    )
  })

  test('the message names file, offset, entry, and the way out', async () => {
    const { result } = await start(changed(whole, name, (bytes) => flip(bytes, lastStart + 2, 1)))

    expect((result as Error).message).toContain(
      `${name}, offset ${lastStart}, after entry 5 of term 2`,
    )
    expect((result as Error).message).toContain('move the whole data directory away')
  })
})

describe('segments', () => {
  const many = Array.from(
    { length: 12 },
    (_, place): LogWrite => ({
      ...NOTHING,
      hardState: { term: place + 1, vote: null },
      entries: entries(3 * place + 1, 3 * place + 3, place + 1, 300),
    }),
  )
  const all = many.flatMap((write) => write.entries)
  let image: Image
  let names: string[]

  test('begin anew when full, and the log goes on over them', async () => {
    image = (await record(many)).at(-1)!
    names = [...image.keys()].filter((name) => contentEnd(image, name) > 0)
    const { result } = await start(image)

    expect(names.length).toBeGreaterThanOrEqual(4)
    expect(result).toMatchObject({ hardState: { term: 12, vote: null }, entries: all })
    expect(image.get(names[0]!)!.toString('latin1', 0, 16)).toBe('sekali log 0001\n')
  })

  test('a missing one is damage, the first as well as one in the middle', async () => {
    for (const missing of names.slice(0, -1)) await expectRefused(without(image, missing))
  })

  test('one cut short, zeroed or unreadable at its head is damage, whatever follows', async () => {
    for (const broken of names.slice(0, -1)) {
      const end = contentEnd(image, broken)
      await expectRefused(changed(image, broken, (bytes) => bytes.subarray(0, end - 1)))
      await expectRefused(changed(image, broken, () => Buffer.alloc(0)))
      await expectRefused(changed(image, broken, (bytes) => zero(bytes, 0)))
      for (let offset = 0; offset < end; offset += 97) {
        await expectRefused(changed(image, broken, (bytes) => flip(bytes, offset, 2)))
      }
    }
  })

  test('what stands beyond the end that its successor names is not log', async () => {
    const [first] = names as [string]
    const end = contentEnd(image, first)
    const { result } = await start(
      changed(image, first, (bytes) =>
        Buffer.concat([bytes.subarray(0, end), Buffer.alloc(99, 7)]),
      ),
    )

    expect(result).toMatchObject({ entries: all })
  })

  test('a file under another name, or of another store, is damage', async () => {
    const [first, second] = names as [string, string]
    const swapped = new Map(image).set(first, image.get(second)!).set(second, image.get(first)!)
    await expectRefused(swapped)
    const stranger = second.replace(/-.*\./, `-${'e'.repeat(32)}.`)
    await expectRefused(new Map(without(image, second)).set(stranger, image.get(second)!))
  })

  test('files that are none of ours are left alone', async () => {
    const { result, after } = await start(new Map(image).set('notes.txt', Buffer.from('mine')))

    expect(result).toMatchObject({ entries: all })
    expect(after.get('notes.txt')?.toString()).toBe('mine')
  })

  test('at or below the checkpoint they may be missing, and damage in those that are left is told', async () => {
    const covered = (await record([...many, { ...NOTHING, checkpoint: checkpointAt(30, 10) }])).at(
      -1,
    )!
    const [first, second] = names as [string, string]

    const { result } = await start(without(covered, first))
    expect(result).toMatchObject({ entries: all.slice(30), checkpoint: { index: 30 } })
    expect((result as { base: { index: number } }).base.index).toBeGreaterThan(0)
    const middle = await start(without(covered, second))
    expect(middle.result).toMatchObject({ entries: all.slice(30) })
    expect(middle.after.has(first)).toBe(false)
    await expectRefused(changed(covered, second, (bytes) => flip(bytes, 900, 1)))
  })

  test('those that a base left behind are not log, and go', async () => {
    const base: LogWrite = {
      ...NOTHING,
      checkpoint: checkpointAt(50, 20),
      base: true,
      entries: [entry(51, 20)],
    }
    const anew = (await record([...many, base])).at(-1)!
    const [first, second] = names as [string, string]
    expect(anew.has(first)).toBe(true)
    const left = changed(without(anew, second), first, (bytes) => flip(bytes, 500, 1))
    const { result, after } = await start(left)

    expect(result).toMatchObject({ base: { index: 50, term: 20 }, entries: base.entries })
    expect([...after.keys()].some((name) => names.includes(name))).toBe(false)
  })

  test('only a spare left of a log is damage, not a new directory', async () => {
    const last = [...image.keys()].at(-1)!
    await expectRefused(new Map([[last, Buffer.alloc(4096)]]))
  })

  test('of a newer format are refused with both versions named, and nothing is changed', async () => {
    const newer = changed(image, names.at(-1)!, (bytes) => {
      bytes.fill(0x55)
      preamble(7).copy(bytes)
    })
    const { result, after } = await start(newer)

    expect(result).toBeInstanceOf(NewerFormatError)
    expect((result as Error).message).toMatch(/log format 7; .* up to 1/)
    expect(after).toEqual(newer)
  })
})
