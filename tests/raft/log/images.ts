// A log directory as bytes in memory: to be cut, flipped and zeroed, and started on.

import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LogOnDisk, type LogOnDiskOptions } from '../../../raft/log/log-on-disk.ts'
import { endOfContent } from '../../../raft/log/tail.ts'
import type { LoadedLog, LogWrite } from '../../../raft/ports.ts'

/** File contents by name. */
export type Image = ReadonlyMap<string, Buffer>

export function logIn(directory: string, options: Partial<LogOnDiskOptions> = {}): LogOnDisk {
  return new LogOnDisk({
    directory,
    nodeId: 'n1',
    members: ['n1', 'n2', 'n3'],
    drawStoreId: () => '0123456789abcdef0123456789abcdef',
    fsync: false,
    segmentBytes: 4096,
    preallocateSliceBytes: 4096,
    keepBytes: 0,
    ...options,
  })
}

export async function imageOf(directory: string): Promise<Image> {
  const names = (await readdir(directory)).sort()
  return new Map(
    await Promise.all(
      names.map(async (name) => [name, await readFile(join(directory, name))] as const),
    ),
  )
}

/** What a start on the image answers, and what it leaves in the directory. */
export async function start(
  image: Image,
  options?: Partial<LogOnDiskOptions>,
): Promise<{ result: LoadedLog | Error; after: Image }> {
  return inDirectory(async (directory) => {
    await mkdir(directory)
    for (const [name, bytes] of image) await writeFile(join(directory, name), bytes)
    const log = logIn(directory, options)
    const result = await log.load().catch((error: Error) => error)
    await log.close()
    return { result, after: await imageOf(directory) }
  })
}

/** The directory after each of the writes, the first of them after the first start. */
export async function record(
  writes: readonly LogWrite[],
  options?: Partial<LogOnDiskOptions>,
): Promise<Image[]> {
  return inDirectory(async (directory) => {
    const log = logIn(directory, options)
    await log.load()
    const images = [await imageOf(directory)]
    for (const write of writes) {
      await log.append(write)
      images.push(await imageOf(directory))
    }
    await log.close()
    return images
  })
}

/** The image with one file changed: in place, or into what the change answers. */
export function changed(image: Image, name: string, change: (bytes: Buffer) => unknown): Image {
  const bytes = Buffer.from(image.get(name)!)
  const other = change(bytes)
  return new Map(image).set(name, other instanceof Buffer ? other : bytes)
}

export function without(image: Image, name: string): Image {
  return new Map([...image].filter(([other]) => other !== name))
}

/** Behind the last byte of a file that is not zero. */
export function contentEnd(image: Image, name: string): number {
  return endOfContent(image.get(name)!, 0)
}

async function inDirectory<Result>(work: (directory: string) => Promise<Result>): Promise<Result> {
  const parent = await mkdtemp(join(tmpdir(), 'sekali-image-'))
  try {
    return await work(join(parent, 'log'))
  } finally {
    await rm(parent, { recursive: true, force: true })
  }
}
