// What the compose engine tells docker to do, order by order; real containers are for the compose tests.

import { afterEach, beforeEach, expect, test } from 'vitest'
import { ComposeEngine, type ComposePorts } from '../../../cluster/chaos/compose-engine.ts'
import { DockerApi } from '../../../cluster/chaos/docker-api.ts'
import { StubDocker } from './stub-docker.ts'

let stub: StubDocker
let composed: string[]
let engine: ComposeEngine

const IDS = ['n1', 'n2', 'n3']

async function started(over: Partial<ComposePorts> = {}): Promise<ComposeEngine> {
  const made = new ComposeEngine({
    docker: await DockerApi.open(stub.host),
    project: 'trial',
    compose: async (...words) => {
      composed.push(words.join(' '))
    },
    urls: new Map(IDS.map((id) => [id, ''])),
    untilWhole: async () => {},
    ...over,
  })
  await made.startAll()
  return made
}

beforeEach(async () => {
  stub = await StubDocker.open()
  stub.containers = IDS.map((service, place) => ({ service, port: 18_001 + place }))
  composed = []
  engine = await started()
})

afterEach(async () => {
  await engine.close(false)
  await stub.close()
})

test('a start makes the project and asks where each node listens', async () => {
  expect(composed).toEqual(['up --build --detach n1 n2 n3'])
  expect(engine.url('n2')).toBe('http://127.0.0.1:18002')
  expect(engine.life('n2')).toBe(1)
})

test('a node without a container of its own is no cluster', async () => {
  stub.containers = stub.containers.slice(1)

  await expect(started()).rejects.toThrow('n1 is not one container of the project trial')
})

test('a killed node is started once, as its next life, however often that is asked', async () => {
  await engine.kill('n1')
  await engine.kill('n1')
  expect(engine.condition('n1')).toBe('killed')
  await engine.start('n1')
  await engine.start('n1')

  expect(stub.said).toEqual([
    'POST /containers/container-of-n1/kill',
    'POST /containers/container-of-n1/start',
  ])
  expect([engine.condition('n1'), engine.life('n1')]).toEqual(['up', 2])
})

test('a node that is paused is resumed before it is stopped', async () => {
  await engine.pause('n2')
  await engine.stop('n2')
  await engine.resume('n2')

  expect(stub.said).toEqual([
    'POST /containers/container-of-n2/pause',
    'POST /containers/container-of-n2/unpause',
    'POST /containers/container-of-n2/stop',
  ])
})

test('a node is cut off once, and joins again under the name its peers know', async () => {
  const cut = { type: 'cut', direction: 'both', mode: 'drop' } as const
  await engine.setLinks('n3', cut)
  await engine.setLinks('n3', cut)
  await engine.setLinks('n3', { type: 'open' })
  await engine.setLinks('n3', { type: 'open' })

  expect(stub.said).toEqual([
    'POST /networks/trial_peers/disconnect {"Container":"container-of-n3"}',
    'POST /networks/trial_peers/connect ' +
      '{"Container":"container-of-n3","EndpointConfig":{"Aliases":["n3-peer"]}}',
  ])
})

test('a container that docker had to start again is told as a crash, and once', async () => {
  expect(await engine.crashes()).toEqual([])
  stub.restarts = 2

  const crashes = IDS.map((id) => `${id} was started again 2 times by docker`)
  expect(await engine.crashes()).toEqual(crashes)
  expect(await engine.crashes()).toEqual(crashes)
})

test('what docker had to start again before the run is no crash of the run', async () => {
  stub.restarts = 5

  expect(await (await started()).crashes()).toEqual([])
})

test('the volumes stay with a run that was not clean', async () => {
  expect(await engine.close(true)).toContain('volumes')

  expect(composed.at(-1)).toBe('stop')
})

test('the volumes go with a clean run', async () => {
  expect(await engine.close(false)).toBe(null)

  expect(composed.at(-1)).toBe('down --volumes')
})

test("somebody else's project is neither made nor removed, and every fault in it is mended", async () => {
  const urls = new Map(IDS.map((id) => [id, `http://${id}:8001`]))
  const guest = await started({ compose: null, urls })
  expect(guest.url('n1')).toBe('http://n1:8001')
  composed.splice(0)

  await guest.kill('n1')
  await guest.pause('n2')
  await guest.setLinks('n3', { type: 'cut', direction: 'both', mode: 'drop' })
  stub.said.splice(0)
  expect(await guest.close(true)).toBe(null)

  expect(composed).toEqual([])
  expect(stub.said.map((line) => line.split(' ')[1])).toEqual([
    '/containers/container-of-n1/start',
    '/containers/container-of-n2/unpause',
    '/networks/trial_peers/connect',
  ])
})
