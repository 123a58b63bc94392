// A terminal with lines that stay and, below them, one block that is redrawn in place; or a pipe, with lines alone.

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
      .map((line) => line.slice(0, width))
      .join('\n')
    this.#output.write(erase + this.#block)
  }

  #erase(): string {
    const lines = this.#block.split('\n').length - 1
    return lines === 0 ? '' : `\x1b[${lines}A\r\x1b[J`
  }
}
