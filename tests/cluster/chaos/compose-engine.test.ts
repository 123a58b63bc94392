// What the compose engine tells docker to do, word by word; real containers are for the compose tests.

import { beforeEach, expect, test } from 'vitest'
import { ComposeEngine } from '../../../cluster/chaos/compose-engine.ts'

let said: string[]
let restarts: string
let engine: ComposeEngine

/** Answers like docker; the nodes themselves are not there. */
async function docker(words: readonly string[]): Promise<string> {
  const line = words.join(' ').replace('compose --project-name sekali-chaos', 'compose')
  said.push(line)
  if (line.startsWith('compose ps')) return `container-of-${words.at(-1)}\n`
  if (line.startsWith('compose port')) return '0.0.0.0:18001\n'
  if (line.startsWith('inspect')) return `${restarts}\n`
  return ''
}

beforeEach(async () => {
  said = []
  restarts = '0'
  engine = new ComposeEngine(docker, async () => {})
  await engine.startAll()
  said.splice(0)
})

const without = (prefix: string) => said.filter((line) => !line.startsWith(prefix))

test('a start asks where each node listens', async () => {
  expect(engine.url('n2')).toBe('http://127.0.0.1:18001')
  expect(engine.life('n2')).toBe(1)
})

test('a killed node is started once, as its next life, however often that is asked', async () => {
  await engine.kill('n1')
  await engine.kill('n1')
  expect(engine.condition('n1')).toBe('killed')
  await engine.start('n1')
  await engine.start('n1')

  expect(without('inspect')).toEqual(['kill container-of-n1', 'start container-of-n1'])
  expect([engine.condition('n1'), engine.life('n1')]).toEqual(['up', 2])
})

test('a node that is paused is resumed before it is stopped', async () => {
  await engine.pause('n2')
  await engine.stop('n2')
  await engine.resume('n2')

  expect(without('inspect')).toEqual([
    'pause container-of-n2',
    'unpause container-of-n2',
    'stop container-of-n2',
  ])
})

test('a node is cut off once, and joins again under the name its peers know', async () => {
  const cut = { type: 'cut', direction: 'both', mode: 'drop' } as const
  await engine.setLinks('n3', cut)
  await engine.setLinks('n3', cut)
  await engine.setLinks('n3', { type: 'open' })
  await engine.setLinks('n3', { type: 'open' })

  expect(said).toEqual([
    'network disconnect sekali-chaos_peers container-of-n3',
    'network connect --alias n3-peer sekali-chaos_peers container-of-n3',
  ])
})

test('a container that docker had to start again is told as a crash', async () => {
  expect(await engine.crashes()).toEqual([])
  restarts = '2'

  expect(await engine.crashes()).toContain('n1 was started again 2 times by docker')
})

test('the volumes go with a clean run and stay with one that was not', async () => {
  expect(await engine.close(true)).toContain('volumes')
  expect(said).toEqual(['compose stop'])
  expect(await engine.close(false)).toBe(null)
  expect(said.at(-1)).toBe('compose down --volumes')
})
