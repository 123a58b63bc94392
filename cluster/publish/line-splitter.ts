// Cuts a stream of bytes into lines, keeping count of where each begins.
//
// Bytes in, bytes out: it knows nothing of encodings, and '\r' is a byte like any other. Memory stays bounded however
// long a line is: only its beginning is kept, and its length says that there was more.

export interface RawLine {
  /** From 1. */
  readonly number: number
  /** Of its first byte, from the beginning of the stream. */
  readonly offset: number
  /** Without the newline; no more than the first lineBytesMax of them. */
  readonly bytes: Buffer
  /** Of the whole line, without the newline. */
  readonly length: number
}

const NEWLINE = 0x0a

export class LineSplitter {
  readonly #lineBytesMax: number
  #number = 1
  /** Where the present, unfinished line begins. */
  #offset = 0
  #parts: Buffer[] = []
  #kept = 0
  #length = 0

  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax
  }

  /** The lines that this chunk finishes. */
  push(chunk: Buffer): RawLine[] {
    const lines: RawLine[] = []
    let start = 0
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start)
      if (end === -1) break
      this.#take(chunk.subarray(start, end))
      lines.push(this.#finish(1))
      start = end + 1
    }
    this.#take(chunk.subarray(start))
    return lines
  }

  /** The last line, if it has no newline; after that the stream begins anew. */
  end(): RawLine | null {
    const line = this.#length === 0 ? null : this.#finish(0)
    this.#number = 1
    this.#offset = 0
    return line
  }

  #take(part: Buffer): void {
    this.#length += part.length
    const wanted = part.subarray(0, this.#lineBytesMax - this.#kept)
    if (wanted.length === 0) return
    // Copied: the chunk's memory may be read into again before the line is finished.
    this.#parts.push(Buffer.from(wanted))
    this.#kept += wanted.length
  }

  #finish(newlineBytes: number): RawLine {
    const line: RawLine = {
      number: this.#number,
      offset: this.#offset,
      bytes: this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts),
      length: this.#length,
    }
    this.#number += 1
    this.#offset += this.#length + newlineBytes
    this.#parts = []
    this.#kept = 0
    this.#length = 0
    return line
  }
}
