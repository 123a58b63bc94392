// Nodes that somebody else runs: looked at and published to, never harmed. Faults, if any, come from elsewhere.

import { CommandError } from '../args.ts'
import { failureText, NodeClient } from '../http.ts'
import type { Engine, FaultType, NodeCondition } from './engine.ts'

export class AttachedEngine implements Engine {
  readonly name = 'attach'
  readonly #urls: ReadonlyMap<string, string>

  private constructor(urls: ReadonlyMap<string, string>) {
    this.#urls = urls
  }

  static async open(urls: readonly string[]): Promise<AttachedEngine> {
    return new AttachedEngine(await urlsById(urls))
  }

  get ids(): readonly string[] {
    return [...this.#urls.keys()]
  }

  url(id: string): string {
    return this.#urls.get(id)!
  }

  life(): null {
    return null
  }

  condition(): NodeCondition {
    return 'up'
  }

  lacks(fault: FaultType): string {
    return `${fault}: the nodes are not ours to harm`
  }

  async crashes(): Promise<readonly string[]> {
    return []
  }

  async startAll(): Promise<void> {}
  kill = refuse
  stop = refuse
  start = refuse
  pause = refuse
  resume = refuse
  setLinks = refuse
  slowDisk = refuse

  async close(): Promise<null> {
    return null
  }
}

/** Who is behind these URLs: every node must answer, each under an id of its own. */
export async function urlsById(urls: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const byId = new Map<string, string>()
  for (const url of urls) {
    const client = new NodeClient(url, { connections: 1, timeoutMs: 5_000 })
    try {
      const { node_id: id } = await client.stats()
      if (byId.has(id)) throw new CommandError(`${url} and ${byId.get(id)} are one node, ${id}`)
      byId.set(id, url)
    } catch (error) {
      if (error instanceof CommandError) throw error
      throw new CommandError(`${url} cannot be attached to: ${failureText(error)}`)
    } finally {
      await client.close()
    }
  }
  return byId
}

async function refuse(): Promise<never> {
  throw new Error('the nodes are not ours to harm')
}
