// What happened, as a hash of everything and, when somebody wants to read it, as lines.
//
// The hash covers each step and each note, so that two runs with equal hashes took the same way. Lines cost memory
// and time, and are made only when asked for.

export type Detail = Readonly<Record<string, string | number | boolean | null>>

export interface TraceLine {
  readonly atUs: number
  /** Who; '' for the world itself. */
  readonly who: string
  readonly what: string
}

export class Trace {
  readonly lines: TraceLine[] | null
  #atUs = 0
  #low = 0x811c9dc5
  #high = 0x9e3779b9
  readonly #codes = new Map<string, number>()

  /** `keep`: lines are kept for reading. */
  constructor(keep = false) {
    this.lines = keep ? [] : null
  }

  step(atUs: number, label: string): void {
    this.#atUs = atUs
    this.number(atUs)
    this.text(label)
  }

  note(who: string, what: string, detail: Detail | null = null): void {
    this.text(who)
    this.text(what)
    if (detail !== null)
      for (const key in detail) {
        const value = detail[key]
        if (typeof value === 'number') this.number(value)
        else this.text(String(value))
      }
    if (this.lines === null) return
    const text = detail === null ? '' : ` ${describe(detail)}`
    this.lines.push({ atUs: this.#atUs, who, what: `${what}${text}` })
  }

  number(value: number): void {
    this.#low = Math.imul(this.#low ^ (value | 0), 0x01000193)
    this.#high = Math.imul(this.#high ^ (value / 2 ** 32) ^ this.#low, 0x85ebca6b)
    this.#high ^= this.#high >>> 13
  }

  text(text: string): void {
    let code = this.#codes.get(text)
    if (code === undefined) {
      code = 7
      for (let i = 0; i < text.length; i++) code = Math.imul(code ^ text.charCodeAt(i), 0x01000193)
      if (this.#codes.size < 10_000) this.#codes.set(text, code)
    }
    this.number(code)
  }

  /** 16 hexadecimal digits. */
  get hash(): string {
    const hex = (n: number) => (n >>> 0).toString(16).padStart(8, '0')
    return hex(this.#high) + hex(this.#low)
  }
}

function describe(detail: Detail): string {
  return Object.entries(detail)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ')
}
