// The outbox as a file: what was promised survives a crash at any byte, torn ends are cut, damage is refused, and nobody
// else gets in.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  type FileHandle,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { type EncodedEvent, encodeEvent } from '../../../client/sdk/encode.ts'
import { Outbox, type OutboxOptions } from '../../../client/sdk/outbox.ts'
import { eventNumber } from './world.ts'

const ROOT = path.resolve(import.meta.dirname, '../../..')

async function freshPath(): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'sekali-outbox-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  return path.join(directory, 'outbox')
}

const encoded = (...numbers: number[]): EncodedEvent[] =>
  numbers.map((number) => encodeEvent({ ...eventNumber(number), payload: { number } }, 0, String))

async function opened(file: string, options?: OutboxOptions) {
  const opened = await Outbox.open(file, options)
  let open = true
  const close = async (): Promise<void> => {
    open = false
    await opened.outbox.close()
  }
  onTestFinished(async () => {
    if (open) await close()
  })
  return { ...opened, close, ids: opened.left.map(({ eventId }) => eventId) }
}

/** What a start on this content finds. */
async function recoveredFrom(content: Buffer | string, given?: string): Promise<string[]> {
  const file = given ?? (await freshPath())
  await writeFile(file, content)
  const { outbox, left } = await Outbox.open(file, { sync: async () => {} })
  await outbox.close()
  return left.map(({ eventId }) => eventId)
}

describe('a start', () => {
  test('finds what was added and not removed, in order, as it was', async () => {
    const file = await freshPath()
    const first = await opened(file)
    const kept = await first.outbox.add(encoded(1, 2, 3))
    await first.outbox.add(encoded(4))
    first.outbox.remove([kept[1]!])
    expect(first.outbox.count).toBe(3)
    await first.close()

    const second = await opened(file)

    expect(second.left.map(({ json }) => json)).toEqual(encoded(1, 3, 4).map(({ json }) => json))
    expect(second.left.map(({ bytes }) => bytes)).toEqual(
      encoded(1, 3, 4).map(({ bytes }) => bytes),
    )
  })

  test('keeps two copies of the same event apart', async () => {
    const file = await freshPath()
    const first = await opened(file)
    const [kept] = await first.outbox.add(encoded(1))
    await first.outbox.add(encoded(1))
    first.outbox.remove([kept!])
    await first.close()

    expect((await opened(file)).ids).toEqual(['o-1'])
  })

  test('makes the folder, and takes an empty file', async () => {
    const file = await freshPath()

    expect((await opened(path.join(file, 'deep', 'outbox'))).ids).toEqual([])
    expect(await recoveredFrom('')).toEqual([])
  })

  test('writes through a link to the file behind it', async () => {
    const file = await freshPath()
    const link = `${file}-link`
    await writeFile(file, '')
    await symlink(file, link)
    const first = await opened(link)
    await first.outbox.add(encoded(1))
    await first.close()

    expect((await opened(file)).ids).toEqual(['o-1'])
  })
})

describe('a crash', () => {
  test('at any byte leaves exactly what was promised before', async () => {
    const file = await freshPath()
    const { outbox } = await opened(file)
    /** Length of the file when a promise was given → what must be there from then on, until it is removed. */
    const promises: { bytes: number; ids: string[]; removed: string[] }[] = []
    let ids: string[] = []
    const promised = async (): Promise<void> => {
      promises.push({ bytes: (await readFile(file)).length, ids, removed: [] })
    }
    await promised()
    for (const number of [0, 2, 4, 6]) {
      const [first, second] = await outbox.add(encoded(number, number + 1))
      ids = [...ids, first!.eventId, second!.eventId]
      await promised()
      outbox.remove([first!])
      promises.at(-1)!.removed.push(first!.eventId)
      ids = ids.filter((id) => id !== first!.eventId)
    }
    const content = await readFile(file)
    const cut = await freshPath()

    for (let bytes = promises[0]!.bytes; bytes <= content.length; bytes += 1) {
      const before = promises.findLast((promise) => promise.bytes <= bytes)!
      const found = await recoveredFrom(content.subarray(0, bytes), cut)
      const allowed = [before.ids, before.ids.filter((id) => !before.removed.includes(id))]
      expect(allowed, `${bytes} bytes`).toContainEqual(found)
    }
  })

  test('that left zeros, or the wrong bytes, where the last line was to be: it is cut', async () => {
    const file = await freshPath()
    const { outbox } = await opened(file)
    await outbox.add(encoded(1))
    const promised = (await readFile(file)).length
    await outbox.add(encoded(2))
    const content = await readFile(file)

    const zeros = Buffer.from(content).fill(0, promised)
    const hole = Buffer.from(content).fill(0, promised + 20, promised + 30)

    expect(await recoveredFrom(zeros)).toEqual(['o-1'])
    expect(await recoveredFrom(hole)).toEqual(['o-1'])
  })

  test('while the file was replaced leaves the old one in force', async () => {
    const file = await freshPath()
    const first = await opened(file)
    await first.outbox.add(encoded(1))
    await first.close()
    await writeFile(`${file}.next`, 'sekali-outbox 1\n00000000 {"ad')

    expect((await opened(file)).ids).toEqual(['o-1'])
  })

  test('after a start that cut a torn end: what was added since is found', async () => {
    const file = await freshPath()
    const first = await opened(file)
    await first.outbox.add(encoded(1))
    await first.close()
    await writeFile(file, Buffer.concat([await readFile(file), Buffer.from('1234')]))
    const second = await opened(file)
    await second.outbox.add(encoded(2))
    await second.close()

    expect((await opened(file)).ids).toEqual(['o-1', 'o-2'])
  })
})

describe('refused, and left as it is', () => {
  test.each([
    ['a file that is something else', 'root:x:0:0:root:/root:/bin/sh\n'],
    ['an outbox of a later version', 'sekali-outbox 2\n'],
  ])('%s', async (_, content) => {
    const file = await freshPath()
    await writeFile(file, content)

    await expect(opened(file)).rejects.toMatchObject({ code: 'outbox_damaged' })
    expect(await readFile(file, 'utf8')).toBe(content)
    await expect(opened(file)).rejects.toMatchObject({ code: 'outbox_damaged' }) // and not locked
  })

  test('damage before the last line', async () => {
    const file = await freshPath()
    const first = await opened(file)
    for (const number of [1, 2, 3]) await first.outbox.add(encoded(number))
    await first.close()
    const content = await readFile(file)
    content[content.indexOf('o-2')]! ^= 1
    await writeFile(file, content)

    await expect(opened(file)).rejects.toThrow(/damaged at byte \d+/)
    expect(await readFile(file)).toEqual(content)
  })
})

describe('durability', () => {
  test('nothing is promised before the disk has it, and what waits shares one sync', async () => {
    const file = await freshPath()
    const syncs: (() => void)[] = []
    let isHolding = false
    const sync = (handle: FileHandle): Promise<void> =>
      isHolding
        ? new Promise((resolve) => syncs.push(() => resolve(handle.datasync())))
        : handle.datasync()
    const { outbox } = await opened(file, { sync })
    isHolding = true
    const promised: number[] = []
    const add = (number: number): Promise<unknown> =>
      outbox.add(encoded(number)).then(() => promised.push(number))

    const first = add(1)
    await until(() => syncs.length === 1)
    const others = [add(2), add(3)]
    expect(promised).toEqual([])
    syncs[0]!()
    await first
    await until(() => syncs.length === 2)
    expect(promised).toEqual([1])
    syncs[1]!()
    await Promise.all(others)

    expect(promised).toEqual([1, 2, 3])
    expect(syncs).toHaveLength(2)
    isHolding = false
  })

  test('a disk that refuses once is not trusted again', async () => {
    const file = await freshPath()
    let isBroken = false
    const sync = async (handle: FileHandle): Promise<void> => {
      if (isBroken) throw new Error('EIO')
      await handle.datasync()
    }
    const { outbox } = await opened(file, { sync })
    isBroken = true

    await expect(outbox.add(encoded(1))).rejects.toMatchObject({ code: 'outbox_failed' })
    isBroken = false
    await expect(outbox.add(encoded(2))).rejects.toMatchObject({ code: 'outbox_failed' })
  })

  test('it takes no more than its limit, and again when there is room', async () => {
    const { outbox } = await opened(await freshPath(), { bytesMax: 150 })
    const kept = await outbox.add(encoded(1, 2))

    await expect(outbox.add(encoded(3))).rejects.toMatchObject({ code: 'outbox_full' })
    outbox.remove(kept)

    await outbox.add(encoded(3))
  })
})

test('the file is replaced when most of it is done, and loses nothing by it', async () => {
  const file = await freshPath()
  const { outbox, close } = await opened(file, { compactBytesMin: 500 })
  const [stays] = await outbox.add(encoded(1_000))
  let largest = 0
  for (let number = 0; number < 200; number += 1) {
    const kept = await outbox.add(encoded(number))
    largest = Math.max(largest, (await readFile(file)).length)
    outbox.remove(kept)
  }
  await close()

  expect(largest).toBeLessThan(1_000)
  expect((await readdir(path.dirname(file))).sort()).toEqual(['outbox'])
  expect((await opened(file)).ids).toEqual([stays!.eventId])
})

describe('one at a time', () => {
  test('a second client in the same process is refused, by whatever name', async () => {
    const file = await freshPath()
    const { close } = await opened(file)

    await expect(opened(file)).rejects.toMatchObject({ code: 'outbox_in_use' })
    await expect(opened(path.relative(process.cwd(), file))).rejects.toMatchObject({
      code: 'outbox_in_use',
    })
    await close()
    await opened(file)
  })

  test('a second process is refused until the first is gone, even killed', async () => {
    const file = await freshPath()
    const code = `
      import { Outbox } from './client/sdk/outbox.ts'
      const { outbox } = await Outbox.open(${JSON.stringify(file)})
      const [event] = ${JSON.stringify(encoded(1))}
      await outbox.add([event])
      console.log('added')
      process.stdin.resume()`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', code], { cwd: ROOT })
    onTestFinished(() => void child.kill('SIGKILL'))
    let told = ''
    child.stderr.on('data', (chunk) => {
      told += chunk
    })
    const [line] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])
    expect(String(line), told).toBe('added\n')

    await expect(opened(file)).rejects.toMatchObject({ code: 'outbox_in_use' })
    child.kill('SIGKILL')
    await once(child, 'exit')

    expect((await opened(file)).ids).toEqual(['o-1'])
  })
})

function until(condition: () => boolean): Promise<void> {
  return vi.waitFor(() => expect(condition()).toBe(true), { timeout: 10_000, interval: 1 })
}
