// Reads JSON where it stands, in UTF-8 bytes, and writes its canonical form beside.
//
// One pass gives all that the edge needs of a payload: the grammar checked as strictly as JSON.parse does, the
// extent of its very text, and the canonical text that the fingerprint covers. No value is built, so that no
// key can mean anything here, `__proto__` least of all. The caller has checked that the bytes are UTF-8.
//
// Canonical: no white space; keys in the order of their bytes, of equal keys the last; strings and numbers as
// JSON.stringify prints them.

/** Nesting of objects and arrays that is followed; deeper: JsonTooDeep. */
export const JSON_DEPTH_MAX = 64

/** The grammar is violated; the message says how. */
export class JsonSyntaxError extends Error {}

export class JsonTooDeepError extends Error {}

/** The canonical form outgrew the room that was given for it. */
export class JsonTooLongError extends Error {}

/** The worst case is a number: of the four bytes of 1e20, JSON.stringify makes 21. */
const CANONICAL_GROWTH_MAX = 6
/** Objects of more members are sorted as strings, below it by insertion. */
const INSERTION_SORT_MAX = 48

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const MINUS = 0x2d
const DOT = 0x2e
const ZERO = 0x30
const SLASH = 0x2f

const TRUE = Buffer.from('true')
const FALSE = Buffer.from('false')
const NULL = Buffer.from('null')

export class JsonScanner {
  text: Uint8Array
  at = 0
  /** The last string stepped over: where its content stands, and whether it holds an escape. */
  stringStart = 0
  stringEnd = 0
  stringEscaped = false
  /** An escape that JSON.stringify would print in another way. */
  #stringRespelt = false
  /** Set, never cleared here: an escape stood for half a surrogate pair, the text is no well-formed Unicode. */
  illFormed = false
  /** Set, never cleared here: white space other than blanks was stepped over. */
  lineBreaks = false
  /** value() appends its canonical form to `out` at `outEnd`. */
  out: Buffer
  outEnd = 0

  #members: number[] = [] // of the objects being read, innermost last: start, end of key, end

  constructor(text: Uint8Array, out: Buffer) {
    this.text = text
    this.out = out
  }

  /** Bytes that the canonical form of `size` bytes of JSON may take. */
  static canonicalBytesMax(size: number): number {
    return size * CANONICAL_GROWTH_MAX
  }

  space(): void {
    for (let byte = this.text[this.at]; isSpace(byte); byte = this.text[++this.at]) {
      if (byte !== 0x20) this.lineBreaks = true
    }
  }

  /** Steps over the byte, which must stand here. All throw JsonSyntaxError with `at` on the offending byte. */
  expect(byte: number): void {
    if (this.text[this.at] !== byte) this.fail(`"${String.fromCharCode(byte)}"`)
    this.at++
  }

  /** Steps over an array; `read` takes each of its items. Does not touch `out`. */
  array(read: () => void): void {
    this.expect(OPEN_BRACKET)
    this.space()
    if (this.text[this.at] !== CLOSE_BRACKET) {
      for (;;) {
        read()
        this.space()
        if (this.text[this.at] === CLOSE_BRACKET) break
        if (this.text[this.at] !== COMMA) this.fail('"," or "]"')
        this.at++
        this.space()
      }
    }
    this.at++
  }

  fail(expected: string): never {
    if (this.at >= this.text.length)
      throw new JsonSyntaxError(`the text ends, expected ${expected}`)
    throw new JsonSyntaxError(`expected ${expected}`)
  }

  /** Steps over a string and notes its extent; does not touch `out`. */
  string(): void {
    this.expect(QUOTE)
    const text = this.text
    let at = this.at
    let escaped = false
    this.#stringRespelt = false
    this.stringStart = at
    for (;;) {
      const byte = text[at]!
      if (byte === QUOTE) break
      if (byte === BACKSLASH) {
        escaped = true
        at = this.#escape(at)
      } else if (byte >= 0x20) {
        at++
      } else {
        this.at = at // a bare control character, or the end of the text
        this.fail('the end of a string')
      }
    }
    this.stringEnd = at
    this.stringEscaped = escaped
    this.at = at + 1
  }

  /** Steps over any value. `depth` counts the objects and arrays around it. */
  value(depth: number): void {
    switch (this.text[this.at]) {
      case QUOTE:
        return this.#canonicalString()
      case OPEN_BRACE:
        return this.#object(depth + 1)
      case OPEN_BRACKET:
        return this.#array(depth + 1)
      case 0x74:
        return this.#word(TRUE)
      case 0x66:
        return this.#word(FALSE)
      case 0x6e:
        return this.#word(NULL)
      default:
        return this.#number()
    }
  }

  #object(depth: number): void {
    if (depth > JSON_DEPTH_MAX) throw new JsonTooDeepError()
    const members = this.#members
    const first = members.length
    const outStart = this.outEnd
    let sorted = true

    this.at++
    this.out[this.outEnd++] = OPEN_BRACE
    this.space()
    if (this.text[this.at] === CLOSE_BRACE) {
      this.at++
      this.out[this.outEnd++] = CLOSE_BRACE
      return
    }
    for (;;) {
      const start = this.outEnd
      this.#canonicalString()
      const keyEnd = this.outEnd
      this.space()
      this.expect(COLON)
      this.out[this.outEnd++] = COLON
      this.space()
      this.value(depth)
      const last = members.length - 3
      if (sorted && last >= first) {
        sorted = compare(this.out, members[last]!, members[last + 1]!, start, keyEnd) < 0
      }
      members.push(start, keyEnd, this.outEnd)

      this.space()
      const byte = this.text[this.at]
      if (byte === CLOSE_BRACE) break
      if (byte !== COMMA) this.fail('"," or "}"')
      this.at++
      this.out[this.outEnd++] = COMMA
      this.space()
    }
    this.at++
    this.out[this.outEnd++] = CLOSE_BRACE
    if (!sorted) this.#sortMembers(first, outStart)
    members.length = first
  }

  #array(depth: number): void {
    if (depth > JSON_DEPTH_MAX) throw new JsonTooDeepError()
    this.at++
    this.out[this.outEnd++] = OPEN_BRACKET
    this.space()
    if (this.text[this.at] !== CLOSE_BRACKET) {
      for (;;) {
        this.value(depth)
        this.space()
        const byte = this.text[this.at]
        if (byte === CLOSE_BRACKET) break
        if (byte !== COMMA) this.fail('"," or "]"')
        this.at++
        this.out[this.outEnd++] = COMMA
        this.space()
      }
    }
    this.at++
    this.out[this.outEnd++] = CLOSE_BRACKET
  }

  /** Puts the members of the object that begins at `outStart` in order; of equal keys the last stays. */
  #sortMembers(first: number, outStart: number): void {
    const members = this.#members
    const unsorted = Buffer.from(this.out.subarray(outStart, this.outEnd))
    const order: number[] = []
    for (let m = first; m < members.length; m += 3) {
      members[m]! -= outStart
      members[m + 1]! -= outStart
      members[m + 2]! -= outStart
      order.push(m)
    }
    if (order.length <= INSERTION_SORT_MAX) insertionSort(order, unsorted, members)
    else sortAsStrings(order, unsorted, members)

    const out = this.out
    let to = outStart + 1
    for (let i = 0; i < order.length; i++) {
      const m = order[i]!
      const next = order[i + 1]
      if (next !== undefined && compareKeys(unsorted, members, m, next) === 0) continue
      const start = members[m]!
      const end = members[m + 2]!
      if (end - start > SMALL_COPY_BYTES) out.set(unsorted.subarray(start, end), to)
      else for (let i = start; i < end; i++) out[to + i - start] = unsorted[i]!
      to += end - start
      out[to++] = COMMA
    }
    out[to - 1] = CLOSE_BRACE
    this.outEnd = to
  }

  #canonicalString(): void {
    this.string()
    const text = this.text
    const out = this.out
    let to = this.outEnd
    if (this.#stringRespelt) {
      this.#assertRoom()
      const raw = viewOf(text).toString('utf8', this.stringStart - 1, this.at)
      to += out.write(JSON.stringify(JSON.parse(raw)), to)
    } else {
      for (let at = this.stringStart - 1; at < this.at; at++) out[to++] = text[at]!
    }
    this.outEnd = to
  }

  /** `at` is on the backslash; answers where the string goes on. */
  #escape(at: number): number {
    const kind = this.text[at + 1]
    if (kind !== undefined && SHORT_ESCAPES.includes(kind)) return at + 2
    this.#stringRespelt = true
    if (kind === SLASH) return at + 2

    const unit = this.#hexEscape(at)
    if (unit === null) {
      this.at = at
      this.fail('a valid escape')
    }
    if (unit < 0xd800 || unit > 0xdfff) return at + 6

    const second = unit < 0xdc00 ? this.#hexEscape(at + 6) : null
    if (second !== null && second >= 0xdc00 && second <= 0xdfff) return at + 12
    this.illFormed = true
    return at + 6
  }

  /** The code unit of a six-byte escape that begins at `at`; null: there is none. */
  #hexEscape(at: number): number | null {
    const text = this.text
    if (text[at] !== BACKSLASH || text[at + 1] !== 0x75) return null
    let unit = 0
    for (let i = at + 2; i < at + 6; i++) {
      const byte = text[i]!
      const lower = byte | 0x20
      if (isDigit(byte)) unit = unit * 16 + byte - ZERO
      else if (lower >= 0x61 && lower <= 0x66) unit = unit * 16 + lower - 0x57
      else return null
    }
    return unit
  }

  #word(word: Buffer): void {
    for (let i = 0; i < word.length; i++) {
      if (this.text[this.at + i] !== word[i]) this.fail('a value')
      this.out[this.outEnd++] = word[i]!
    }
    this.at += word.length
  }

  #number(): void {
    const text = this.text
    const start = this.at
    const intStart = text[start] === MINUS ? start + 1 : start
    let at = intStart
    if (text[at] === ZERO) at++
    else at = this.#digits(at)
    const intEnd = at
    if (text[at] === DOT) at = this.#digits(at + 1)
    const fractionEnd = at
    if ((text[at]! | 0x20) === 0x65) {
      const sign = text[at + 1]
      at = this.#digits(sign === MINUS || sign === 0x2b ? at + 2 : at + 1)
    }
    this.at = at

    // Up to 15 digits survive the way through a double unchanged, so what JSON.stringify would print is what
    // stands here, unless there is an exponent, a zero at the end of the fraction, a value so small that it
    // would be printed with an exponent, or the zero that loses its sign.
    const hasFraction = fractionEnd > intEnd
    const zero = text[intStart] === ZERO
    const asPrinted =
      at === fractionEnd &&
      fractionEnd - intStart <= 15 &&
      (hasFraction ? text[at - 1] !== ZERO : !zero || intStart === start) &&
      !(hasFraction && zero && startsWithZeros(text, intEnd + 1))
    if (asPrinted) {
      for (let i = start; i < at; i++) this.out[this.outEnd++] = text[i]!
    } else {
      this.#assertRoom()
      const value = Number(viewOf(text).toString('latin1', start, at))
      const printed = Number.isFinite(value) ? String(value) : 'null'
      this.outEnd += this.out.write(printed, this.outEnd, 'latin1')
    }
  }

  /** Byte-wise writes beyond the end of a typed array vanish; Buffer.write() would throw a RangeError there. */
  #assertRoom(): void {
    if (this.outEnd > this.out.length) throw new JsonTooLongError()
  }

  /** Steps over digits, at least one. */
  #digits(from: number): number {
    let at = from
    while (isDigit(this.text[at])) at++
    if (at === from) {
      this.at = at
      this.fail('a value')
    }
    return at
  }
}

/** Those that JSON.stringify prints too. */
const SHORT_ESCAPES = Buffer.from('"\\bfnrt')
/** Below this a loop copies faster than a call. */
const SMALL_COPY_BYTES = 40
/** From 1e-7 downwards a number is printed with an exponent. */
const SMALL_ZEROS = 6

function startsWithZeros(text: Uint8Array, at: number): boolean {
  for (let i = at; i < at + SMALL_ZEROS; i++) if (text[i] !== ZERO) return false
  return true
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39
}

export function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

function insertionSort(order: number[], bytes: Buffer, members: readonly number[]): void {
  for (let i = 1; i < order.length; i++) {
    const m = order[i]!
    let hole = i
    for (; hole > 0 && compareKeys(bytes, members, order[hole - 1]!, m) > 0; hole--) {
      order[hole] = order[hole - 1]!
    }
    order[hole] = m
  }
}

function sortAsStrings(order: number[], bytes: Buffer, members: readonly number[]): void {
  const keyed = order.map((m) => ({
    m,
    key: bytes.toString('latin1', members[m]!, members[m + 1]!),
  }))
  keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.m - b.m))
  keyed.forEach(({ m }, i) => {
    order[i] = m
  })
}

function compareKeys(bytes: Uint8Array, members: readonly number[], a: number, b: number): number {
  return compare(bytes, members[a]!, members[a + 1]!, members[b]!, members[b + 1]!)
}

/** By bytes. Both are strings with their quotes, so that neither begins the other. */
function compare(
  bytes: Uint8Array,
  startA: number,
  endA: number,
  startB: number,
  endB: number,
): number {
  for (let a = startA, b = startB; a < endA && b < endB; a++, b++) {
    const difference = bytes[a]! - bytes[b]!
    if (difference !== 0) return difference
  }
  return 0
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
