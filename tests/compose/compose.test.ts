// The containers of docker-compose.yml, treated as people and machines treat them: published to, killed, cut off, paused,
// taken down and brought up again. A publisher runs through all of it and keeps a ledger; the checker has the last word.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type PublishAnswer, publishAnswerSchema } from '../../client/contract/publish.ts'
import {
  ALL_PROFILES,
  ComposeProject,
  docker,
  missingEngine,
  ROOT,
  SERVICES,
  type Service,
  until,
} from './project.ts'

const run = promisify(execFile)
const missing = await missingEngine()
if (missing !== null) process.stderr.write(`Not tested, no docker compose answers: ${missing}\n`)

describe.skipIf(missing !== null)('three containers', () => {
  let project: ComposeProject
  let directory: string
  let ledger: string
  let load: ChildProcess

  beforeAll(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'sekali-compose-'))
    ledger = path.join(directory, 'ledger.ndjson')
    project = await ComposeProject.open()
    await project.remove()
    await project.compose(['up', '--build', '--detach'])
    await project.wholeUnder()
  })

  afterAll(async () => {
    load?.kill('SIGKILL')
    await project.remove()
    await project.close()
    rmSync(directory, { recursive: true, force: true })
  })

  const others = (service: Service): Service[] => SERVICES.filter((other) => other !== service)

  async function publish(service: Service, eventId: string): Promise<PublishAnswer> {
    const event = JSON.stringify({ topic: 'orders', event_id: eventId })
    const answer = await project.clients.get(service)!.publish(event)
    expect(answer).toMatchObject({ status: 200, node: service })
    return publishAnswerSchema.parse(answer.body)
  }

  /** The load goes on: this many more of its events are stored on that node. */
  async function moreEvents(service: Service, count: number): Promise<void> {
    const client = project.clients.get(service)!
    const { last_position: start } = await client.stats()
    await until(`${count} more events on ${service}`, async () => {
      const stats = await client.stats(1_000).catch(() => null)
      return stats !== null && stats.last_position >= start + count ? stats : null
    })
  }

  function command(name: string, ...parameters: string[]): string[] {
    return [path.join(ROOT, 'cluster', `${name}.ts`), ...parameters]
  }

  test('become healthy, and take an event at each port: accepted once, a duplicate ever after', async () => {
    await project.healthy()

    const answers: PublishAnswer[] = []
    for (const service of [...SERVICES, ...SERVICES]) answers.push(await publish(service, 'first'))

    expect(answers.map(({ results }) => results[0]!.outcome)).toEqual([
      'accepted',
      ...Array(5).fill('duplicate'),
    ])
    expect(new Set(answers.map(({ results }) => results[0]!.position))).toEqual(new Set([1]))
  })

  test('run as a user that owns nothing but /data, with one Node.js and without the tools that built them', async () => {
    const inside = async (user: string, script: string): Promise<string[]> => {
      const shell = ['exec', '-T', '--user', user, 'n1', 'sh', '-c', `${script} 2>/dev/null; true`]
      return (await project.compose(shell)).split('\n').filter(Boolean)
    }

    expect(await project.inspect('n1', '{{.Config.User}} {{.Config.StopSignal}}')).toBe(
      'node SIGTERM',
    )
    expect(await project.inspect('n1', '{{json .Mounts}}')).not.toContain('docker.sock')
    expect(await inside('node', 'find / -xdev -writable -not -type l -not -type c')).toEqual([
      '/data',
    ])
    expect(await inside('root', 'find / -xdev -type f -name node -perm /111')).toEqual([
      '/usr/local/bin/node',
    ])
    expect(await inside('root', 'ls -d /root/.npm /home/node/.npm')).toEqual([])
    const packages = await inside('node', 'ls node_modules')
    expect(packages).toContain('undici')
    expect(packages).not.toContain('typescript')
  })

  test('are published to and judged by the profile `demo`', async () => {
    await project.compose(['--profile', 'demo', 'up', '--detach'], { EVENTS: '600' })

    const code = await docker('wait', await project.container('verdict'))
    const said = await docker('logs', await project.container('verdict'))
    expect({ code, said }).toMatchObject({ code: '0', said: expect.stringContaining('PROVED') })
    const published = await docker('logs', await project.container('publisher'))
    expect(published).toMatch(/^duplicates +\d+ \((2\d|3\d)\.\d %\)$/m)
  })

  test('lose their leader and are judged by the profile `chaos`, which leaves none of them down', async () => {
    await project.compose(['--profile', 'chaos', 'up', '--detach'], { SECONDS_OF_CHAOS: '6' })

    const code = await docker('wait', await project.container('chaos'))
    const said = await docker('logs', await project.container('chaos'))
    expect({ code, said }).toMatchObject({
      code: '0',
      said: expect.stringMatching(/^VERDICT +clean$/m),
    })
    expect(said).toMatch(/^ +kill of the leader .* ms \([1-9]\d* times\)$/m)
    await project.wholeUnder()
  })

  test('answer on as two, without an error, when the leader is killed', async () => {
    load = spawn(
      process.execPath,
      command(
        'publish',
        ...['--url', project.urls.join(','), '--ledger', ledger],
        ...['--events', '1000000', '--rate', '200', '--duplicate', '0.3', '--concurrency', '64'],
      ),
      { stdio: 'ignore' },
    )
    await moreEvents('n1', 100)

    const leader = await project.wholeUnder()
    await project.strike('kill', leader)
    for (const service of others(leader)) await publish(service, `killed-${service}`)
    await moreEvents(others(leader)[0]!, 100)

    // By hand: who kills a container does not want it back by itself.
    expect(await project.inspect(leader, '{{.State.Status}}')).toBe('exited')
    await project.strike('start', leader)
    await project.wholeUnder()
  })

  test('come back by themselves when their process dies', async () => {
    const leader = await project.wholeUnder()

    // To all but process 1, which stands above the node and ends with it. The shell that asks may go down as well.
    await project.compose(['exec', '-T', leader, 'sh', '-c', 'kill -KILL -1']).catch(() => {})

    await until('a restart', async () =>
      (await project.inspect(leader, '{{.RestartCount}}')) === '1' ? true : null,
    )
    await project.wholeUnder()
    await moreEvents(leader, 100)
  })

  test('go on as two when the leader is cut off from its peers, which then stores nothing', async () => {
    const leader = await project.wholeUnder()
    await project.cutOff(leader)
    const [next] = others(leader)
    await project.anotherLeaderThan(leader)
    for (const service of others(leader)) await publish(service, `cut-off-${service}`)
    await until(`${leader} knows that it leads no more`, async () => {
      const stats = await project.clients.get(leader)!.stats()
      return stats.leader_id === null ? stats : null
    })

    const { last_position: cutAt } = await project.clients.get(leader)!.stats()
    const waiting = project.clients
      .get(leader)!
      .publish('{"topic":"orders","event_id":"in-between"}')
    await moreEvents(next!, 100)
    expect((await project.clients.get(leader)!.stats()).last_position).toBe(cutAt)

    // What waited is answered under whoever leads then, or, when its own time was up before that, was not stored.
    await project.reconnect(leader)
    await project.wholeUnder()
    const answer = await waiting
    if (answer.status !== 200) expect(answer.body).toMatchObject({ code: 'no_leader' })
    const again = await publish(leader, 'in-between')
    expect(again.duplicates).toBe(answer.status === 200 ? 1 : 0)
  })

  test('go on as two while the leader is paused, and are three again when it goes on', async () => {
    const leader = await project.wholeUnder()

    await project.strike('pause', leader)
    await project.anotherLeaderThan(leader)
    for (const service of others(leader)) await publish(service, `paused-${service}`)
    await moreEvents(others(leader)[0]!, 100)
    await project.strike('unpause', leader)

    await project.wholeUnder()
    await moreEvents(leader, 100)
  })

  test('end cleanly when asked, and hold every event when they are down and up again', async () => {
    const ended = once(load, 'exit')
    load.kill('SIGINT')
    await ended
    const before = (await project.clients.get('n1')!.stats()).last_position

    await project.compose(['stop'])
    const codes = SERVICES.map((service) => project.inspect(service, '{{.State.ExitCode}}'))
    expect(await Promise.all(codes)).toEqual(['0', '0', '0'])
    await project.compose([...ALL_PROFILES, 'down'])
    await project.compose(['up', '--detach'])
    await project.wholeUnder()

    const after = (await project.clients.get('n1')!.stats()).last_position
    expect(after).toBeGreaterThanOrEqual(before)
    expect((await publish('n3', 'first')).results[0]).toMatchObject({
      outcome: 'duplicate',
      position: 1,
    })
  })

  test('have lost nothing through all of this, and stored nothing twice', async () => {
    const parameters = command('check', '--ledger', ledger, '--nodes', project.urls.join(','))
    const { stdout } = await run(process.execPath, parameters)

    expect(stdout).toMatch(/^lost +0$/m)
    expect(stdout).toMatch(/^stored twice +0$/m)
    expect(stdout).toContain('PROVED')
    process.stdout.write(stdout)
  })

  test('leave nothing behind when they are removed with their volumes', async () => {
    expect(await project.remains()).not.toEqual([])

    await project.remove()

    expect(await project.remains()).toEqual([])
  })
})
