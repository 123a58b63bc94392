// A terminal with lines that stay and, below them, one block that is redrawn in place; or a pipe, with lines alone.

/** What colours text; split by it, every second part is one. */
const ESCAPE = new RegExp(`(${String.fromCharCode(0x1b)}\\[\\d*m)`)

export class Screen {
  readonly redraws: boolean
  readonly #output: NodeJS.WriteStream
  #block = ''

  constructor(output: NodeJS.WriteStream) {
    this.#output = output
    this.redraws = output.isTTY === true
    // Whoever read us has gone: the nodes need not.
    output.on('error', () => {})
  }

  print(text: string): void {
    this.#output.write(`${this.#erase()}${text}\n${this.#block}`)
  }

  /** Takes the block away. */
  clear(): void {
    this.#output.write(this.#erase())
    this.#block = ''
  }

  draw(block: string): void {
    const width = this.#output.columns ?? 80
    const erase = this.#erase()
    // A line that wraps would count as two when it is erased.
    this.#block = block
      .split('\n')
      .map((line) => clipped(line, width))
      .join('\n')
    this.#output.write(erase + this.#block)
  }

  #erase(): string {
    const lines = this.#block.split('\n').length - 1
    return lines === 0 ? '' : `\x1b[${lines}A\r\x1b[J`
  }
}

/** The first `width` characters that can be seen, and every colour escape: what they turn on is turned off again. */
export function clipped(line: string, width: number): string {
  let seen = 0
  return line
    .split(ESCAPE)
    .map((part, place) => {
      if (place % 2 === 1) return part
      const shown = [...part].slice(0, width - seen).join('')
      seen += [...shown].length
      return shown
    })
    .join('')
}
