// How an engine is found, and what is made of its answers.

import { afterEach, beforeEach, expect, test } from 'vitest'
import { CommandError } from '../../../cluster/args.ts'
import { DockerApi } from '../../../cluster/chaos/docker-api.ts'
import { StubDocker } from './stub-docker.ts'

let stub: StubDocker
let docker: DockerApi

beforeEach(async () => {
  stub = await StubDocker.open()
  docker = await DockerApi.open(stub.host)
})

afterEach(async () => {
  await docker.close()
  await stub.close()
})

test('an engine that does not answer is told with the place where it was looked for', async () => {
  const opening = DockerApi.open('unix:///nowhere/docker.sock')

  await expect(opening).rejects.toThrow(CommandError)
  await expect(opening).rejects.toThrow(/unix:\/\/\/nowhere\/docker\.sock/)
})

test('an engine on another machine is refused, not mistaken for the one on this', async () => {
  await expect(DockerApi.open('tcp://10.0.0.1:2375')).rejects.toThrow(/tcp:\/\/10\.0\.0\.1:2375/)
})

test('containers come with their service and the ports that are published', async () => {
  stub.containers = [{ service: 'n1', port: 18_001 }]

  expect(await docker.containersOf('p')).toEqual([
    { id: 'container-of-n1', service: 'n1', published: new Map([[8001, 18_001]]) },
  ])
})

test('who asks for what is so already is told that it is done', async () => {
  stub.statuses.set('start', 304).set('stop', 304).set('kill', 409)

  for (const order of ['start', 'stop', 'kill'] as const) await docker.order('n1', order)

  expect(stub.said).toHaveLength(3)
})

test('an order that is refused rejects with the words of the engine', async () => {
  stub.statuses.set('pause', 409).set('connect', 404)

  await expect(docker.order('n1', 'pause')).rejects.toThrow('No such luck.')
  await expect(docker.connect('peers', 'n1', 'n1-peer')).rejects.toThrow(CommandError)
})

test('a container is asked for its project by its host name; a machine has none', async () => {
  expect(await docker.projectOf('0a1b2c3d4e5f')).toBe(null)
  stub.project = 'trial'

  expect(await docker.projectOf('0a1b2c3d4e5f')).toBe('trial')
})
