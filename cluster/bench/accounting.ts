// What the system says that processes and the disk have used: /proc of Linux, read before and after.
//
// Written bytes are the device's (/proc/diskstats): /proc/PID/io counts whole folios of the page cache and overstates small
// appends many times over. The device is shared by all nodes, and by whatever else writes to it.

import { execFileSync } from 'node:child_process'
import { closeSync, fsyncSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'

export interface ProcessUsage {
  readonly cpuSeconds: number
  readonly rssBytes: number
  /** The most that it ever was; of the first process alone. */
  readonly rssPeakBytes: number
  /** Pages shared with others are counted in parts. */
  readonly pssBytes: number
  /** Without mapped files (a store's tables, the program itself), which the system takes back when it needs room. */
  readonly anonymousBytes: number
}

export interface DeviceUsage {
  readonly writtenBytes: number
  readonly flushes: number
}

const SECTOR_BYTES = 512
const KIB = 1_024

/** Of a process and all that descend from it. */
export function usageOf(pid: number): ProcessUsage {
  const ticksPerSecond = clockTicksPerSecond()
  let cpuSeconds = 0
  let rssBytes = 0
  let pssBytes = 0
  let anonymousBytes = 0
  for (const member of withDescendants(pid)) {
    const fields = statFields(member)
    if (fields === null) continue
    cpuSeconds += (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
    const memory = textOf(`/proc/${member}/smaps_rollup`)
    rssBytes += kibOf(memory, 'Rss') * KIB
    pssBytes += kibOf(memory, 'Pss') * KIB
    anonymousBytes += kibOf(memory, 'Anonymous') * KIB
  }
  const rssPeakBytes = kibOf(textOf(`/proc/${pid}/status`), 'VmHWM') * KIB
  return { cpuSeconds, rssBytes, rssPeakBytes, pssBytes, anonymousBytes }
}

/** Of the device that holds the directory; null where the system does not tell. */
export function deviceUsageOf(directory: string): DeviceUsage | null {
  const { dev } = statSync(directory)
  const major = (dev >> 8) & 0xfff
  const minor = (dev & 0xff) | ((dev >> 12) & 0xfff00)
  return deviceUsageIn(textOf('/proc/diskstats'), major, minor)
}

/** Fields as in the kernel's Documentation/admin-guide/iostats.rst: 10 sectors written, 19 flushes. */
export function deviceUsageIn(text: string, major: number, minor: number): DeviceUsage | null {
  for (const line of text.split('\n')) {
    const fields = line.trim().split(/\s+/)
    if (Number(fields[0]) !== major || Number(fields[1]) !== minor) continue
    return {
      writtenBytes: Number(fields[9]) * SECTOR_BYTES,
      flushes: Number(fields[18] ?? Number.NaN),
    }
  }
  return null
}

/**
 * All that was written before stands on the disk, and is not counted with what comes. File by file: `sync` would wait for
 * whatever else the machine has to write.
 */
export function flushFiles(directory: string): void {
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    try {
      const descriptor = openSync(path.join(entry.parentPath, entry.name), 'r')
      fsyncSync(descriptor)
      closeSync(descriptor)
    } catch (error) {
      // It was deleted while we looked.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
}

/** Bytes that the files under a directory take on the disk, holes left out. */
export function diskBytesOf(directory: string): number {
  let bytes = 0
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    // A file may be deleted while we look.
    bytes += (statSync(`${directory}/${name}`, { throwIfNoEntry: false })?.blocks ?? 0) * 512
  }
  return bytes
}

let ticks: number | null = null

function clockTicksPerSecond(): number {
  ticks ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
  return ticks
}

function withDescendants(root: number): number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const parent = Number(statFields(Number(name))?.[1])
    if (!Number.isNaN(parent)) children.set(parent, [...(children.get(parent) ?? []), Number(name)])
  }
  const found = [root]
  for (const pid of found) found.push(...(children.get(pid) ?? []))
  return found
}

/** /proc/PID/stat after the name, which may hold spaces and brackets itself; null: there is no such process. */
function statFields(pid: number): string[] | null {
  const text = textOf(`/proc/${pid}/stat`)
  return text === '' ? null : text.slice(text.lastIndexOf(')') + 2).split(' ')
}

function kibOf(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0)
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
