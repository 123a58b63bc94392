// Configuration: what a node starts with, and what it refuses to start with, by the line it prints.

import { describe, expect, test } from 'vitest'
import { encodeCommand } from '../../../node/command/format.ts'
import {
  type Config,
  ConfigError,
  printConfig,
  type ReadSecretFile,
  readConfig,
} from '../../../node/config/config.ts'
import { entryBytesMax } from '../../../node/config/relations.ts'
import { readCloudEvents } from '../../../node/edge/read-cloud-events.ts'
import { readPublish } from '../../../node/edge/read-publish.ts'
import { DEFAULT_LIMITS } from '../../../raft/transport/limits.ts'

const PEERS = 'n1=http://127.0.0.1:9001,n2=http://127.0.0.1:9002,n3=http://127.0.0.1:9003'
const SECRET = 'correct horse battery staple'

type Env = Readonly<Record<string, string>>

const noFile: ReadSecretFile = () => {
  throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
}

const read = (env: Env, file: ReadSecretFile = noFile) =>
  readConfig({ NODE_ID: 'n1', PEERS, ...env }, file)

const config = (env: Env = {}): Config => read(env).config

function faults(env: Env, file?: ReadSecretFile): readonly string[] {
  try {
    read(env, file)
  } catch (error) {
    if (error instanceof ConfigError) return error.lines
    throw error
  }
  throw new Error('the configuration was accepted')
}

describe('what is in force by default', () => {
  test('the three nodes of the contract, on loopback, durable', () => {
    expect(config()).toMatchObject({
      nodeId: 'n1',
      self: { id: 'n1', host: '127.0.0.1', port: 9001, url: 'http://127.0.0.1:9001' },
      host: '127.0.0.1',
      port: 8001,
      peerHost: '127.0.0.1',
      clusterSecret: null,
      fsync: true,
      heartbeatMs: 50,
      electionTimeoutMs: 500,
      readyGraceMs: 5_000,
      publishDeadlineMs: 10_000,
      limits: { bodyBytesMax: 8_388_608, batchEventsMax: 10_000, eventBytesMax: 1_048_576 },
    })
    expect(read({}).warnings).toEqual([])
  })

  test('an empty variable is one that is not set', () => {
    expect(config({ PORT: '', CLUSTER_SECRET: '' })).toEqual(config())
  })

  test('variables of others are nobody’s business', () => {
    expect(config({ PATH: '/bin', NODE_OPTIONS: '', HOSTNAME: 'a', NODE_IP: '10.0.0.1' })).toEqual(
      config(),
    )
  })

  test('a service called sekali in Kubernetes sets variables that are not meant for us', () => {
    const links = { SEKALI_PORT: 'tcp://10.0.0.1:8001', SEKALI_SERVICE_HOST: '10.0.0.1' }

    expect(config(links)).toEqual(config())
  })

  test('the largest entry fits a frame, and a frame fits a file of the log', () => {
    const { limits, segmentBytes } = config()

    expect(entryBytesMax(limits)).toBeLessThan(limits.frameBytesMax)
    expect(limits.frameBytesMax).toBeLessThanOrEqual(segmentBytes)
    expect(limits.frameBytesMax).toBe(DEFAULT_LIMITS.frameBytesMax)
  })

  test('B27: no body makes an entry larger than the arithmetic of the limits says', () => {
    const { limits } = config()
    const bodies = [
      // Everything left to its default: the most that the encoding adds to each event.
      JSON.stringify(Array(10_000).fill({ topic: 'a', event_id: 'b' })),
      JSON.stringify(Array(10_000).fill({ topic: 'a', event_id: '1', payload: {}, source: '' })),
      `${'{"topic":"a","event_id":"b"}\n'.repeat(10_000)}`,
      `{"topic":"a","event_id":"b","payload":{"t":"${'x'.repeat(1_000_000)}"}}`,
    ]

    for (const body of bodies) {
      const format = body.endsWith('\n') ? 'ndjson' : 'json'
      const batch = readPublish(Buffer.from(body), format, limits, Date.now())
      const entry = encodeCommand([batch], Date.now())
      const allowed = entryBytesMax({
        ...limits,
        bodyBytesMax: body.length,
        batchEventsMax: batch.count,
      })
      expect(entry.length).toBeLessThanOrEqual(allowed)
    }
  })

  test('nor do CloudEvents, whose ids are stored twice', () => {
    const { limits } = config()
    const long = 'é'.repeat(255)
    const events = (count: number) =>
      JSON.stringify(
        Array.from({ length: count }, (_, i) => ({
          ...{ specversion: '1.0', id: `${i}`.padStart(255, 'é'), source: long, type: long },
        })),
      )
    const read = (count: number) =>
      readCloudEvents(Buffer.from(events(count)), 'batched', {
        ...{ limits, receivedAtMs: 0, topic: null },
      })

    expect(encodeCommand([read(2_000)], 0).length).toBeLessThan(entryBytesMax(limits))
    expect(events(5_000).length).toBeLessThan(limits.bodyBytesMax)
    expect(() => read(5_000)).toThrow('more than 8388608 bytes')
  })
})

describe('wrong values are named', () => {
  test('all of them at once, one line each, with what was given', () => {
    const lines = faults({ PORT: 'abc', FSYNC: 'maybe', HEARTBEAT_MS: '-1', LOG_LEVEL: 'loud' })

    expect(lines.toSorted()).toEqual([
      "FSYNC=maybe: must be 'on' or 'off'",
      'HEARTBEAT_MS=-1: must be a whole number from 1 to 60000',
      'LOG_LEVEL=loud: must be one of debug, info, warn, error, silent',
      'PORT=abc: must be a whole number from 0 to 65535',
    ])
  })

  test.each(['0', '-1', '1.5', '1e3', '0x10', ' 5', '999999999999'])(
    'a limit of %j is refused',
    (value) => {
      expect(faults({ BODY_BYTES_MAX: value })).toEqual([
        `BODY_BYTES_MAX=${value}: must be a whole number from 1024 to 33554432`,
      ])
    },
  )

  test('no page of another origin may read, unless its origin is named', () => {
    expect(config().corsOrigins).toEqual([])
    expect(
      config({ CORS_ORIGINS: 'https://a.example, http://localhost:3000' }).corsOrigins,
    ).toEqual(['https://a.example', 'http://localhost:3000'])
    expect(config({ CORS_ORIGINS: '*' }).corsOrigins).toEqual(['*'])
  })

  test.each(['https://a.example/', 'a.example', 'https://a.example,', 'https://A.example', 'null'])(
    '%s is no origin as a browser sends it',
    (origin) => {
      expect(faults({ CORS_ORIGINS: origin })[0]).toContain('must be * or origins')
    },
  )

  test('control characters of a value never reach the terminal', () => {
    expect(faults({ FSYNC: '\u001b[31m\n\u202e' })[0]).toContain(
      'FSYNC=\\u{1b}[31m\\u{a}\\u{202e}:',
    )
  })

  test('B60: a misspelt variable is named with the one that was meant', () => {
    expect(faults({ PEER: 'x' })).toEqual(['PEER is not a variable of sekali; is PEERS meant?'])
    expect(faults({ ELECTION_TIMEOUT: '1', HEARTBEAT_SM: '1', SEKALI_NODE_ID: 'n1' })).toEqual([
      'HEARTBEAT_SM is not a variable of sekali; is HEARTBEAT_MS meant?',
      'SEKALI_NODE_ID is not a variable of sekali; is NODE_ID meant?',
    ])
    expect(faults({ SEKALI_COLOUR: 'red' })).toEqual(['SEKALI_COLOUR is not a variable of sekali'])
  })

  test('B61: clients and peers on one port', () => {
    expect(faults({ PORT: '9001' })[0]).toContain('PORT is the port that PEERS gives this node')
  })

  test('B62: this node is not among the peers, or stands there twice, or two share an address', () => {
    expect(faults({ NODE_ID: 'n4' })).toEqual(['NODE_ID=n4: is not among PEERS'])
    expect(faults({ PEERS: `${PEERS},n1=http://127.0.0.1:9004` })[0]).toContain('names n1 twice')
    expect(faults({ PEERS: 'n1=http://127.0.0.1:9001,n2=http://127.0.0.1:9001' })[0]).toContain(
      'gives two nodes the address 127.0.0.1:9001',
    )
  })

  test.each([
    ['n1=http://127.0.0.1', 'without a port'],
    ['n1=http://127.0.0.1:9001/raft', 'with a path'],
    ['n1=http://user:hunter2@127.0.0.1:9001', 'with credentials'],
    ['n1=gopher://127.0.0.1:9001', 'the scheme gopher:'],
    ['n1=127.0.0.1:9001', 'no valid URL'],
    ['http://127.0.0.1:9001', 'must be written as'],
    ['', 'is not set'],
  ])('B63: PEERS=%s', (peers, reason) => {
    const lines = faults({ PEERS: peers })

    expect(lines.join('\n')).toContain(reason)
    expect(lines.join('\n')).not.toContain('hunter2')
  })

  test.each([
    [{ ELECTION_TIMEOUT_MS: '400' }, ['ELECTION_TIMEOUT_MS', 'HEARTBEAT_MS']],
    [{ PUBLISH_DEADLINE_MS: '3999' }, ['PUBLISH_DEADLINE_MS', 'ELECTION_TIMEOUT_MS']],
    [{ READY_GRACE_MS: '10000' }, ['READY_GRACE_MS', 'PUBLISH_DEADLINE_MS']],
    [{ EVENT_BYTES_MAX: '9000000' }, ['EVENT_BYTES_MAX', 'BODY_BYTES_MAX']],
    [{ PENDING_BYTES_MAX: '20000000' }, ['PENDING_BYTES_MAX', 'target rate']],
    [{ BODY_BYTES_MAX: '16777216' }, ['FRAME_BYTES_MAX', 'BODY_BYTES_MAX']],
    [{ SEGMENT_BYTES: '8388608' }, ['SEGMENT_BYTES', 'FRAME_BYTES_MAX']],
    [{ SUBSCRIBERS_MAX: '4096' }, ['SUBSCRIBERS_MAX', 'CONNECTIONS_MAX']],
  ])('B64: %o breaks a relation, and both names are told', (env, names) => {
    const lines = faults(env)

    for (const name of names) expect(lines.join('\n')).toContain(name)
  })
})

describe('the cluster secret', () => {
  test('may come from a file, without its newline', () => {
    const file: ReadSecretFile = () => ({ text: `${SECRET}\n`, mode: 0o100600 })

    expect(read({ CLUSTER_SECRET_FILE: '/run/secret' }, file).config.clusterSecret).toBe(SECRET)
  })

  test('B66: a file that is missing, readable by everybody, or empty is refused', () => {
    const path = { CLUSTER_SECRET_FILE: '/run/secret' }

    expect(faults(path)).toEqual(['CLUSTER_SECRET_FILE=/run/secret: cannot be read (ENOENT)'])
    expect(faults(path, () => ({ text: SECRET, mode: 0o100644 }))[0]).toContain('by everybody')
    expect(faults(path, () => ({ text: '\n', mode: 0o100600 }))[0]).toContain('is empty')
  })

  test('given twice is a doubt, not a choice', () => {
    const both = { CLUSTER_SECRET: SECRET, CLUSTER_SECRET_FILE: '/run/secret' }

    expect(faults(both)[0]).toContain('are both set')
  })

  test('is never shown, neither when it is wrong nor by --print-config', () => {
    const short = read({ CLUSTER_SECRET: 'hunter2' })
    expect(short.warnings.join()).toContain('can be guessed')
    expect(short.warnings.join() + printConfig(short.config)).not.toContain('hunter2')

    const printed = printConfig(config({ CLUSTER_SECRET: SECRET }))
    expect(printed).not.toContain(SECRET)
    expect(JSON.parse(printed)).toMatchObject({ clusterSecret: '(set)', nodeId: 'n1' })
  })
})

describe('what is allowed but worth a word', () => {
  test('listening to other machines without a secret', () => {
    expect(read({ HOST: '0.0.0.0' }).warnings[0]).toContain('no CLUSTER_SECRET')
    expect(read({ HOST: '0.0.0.0', CLUSTER_SECRET: SECRET }).warnings).toEqual([])
  })

  test('FSYNC=off, and an even number of nodes', () => {
    expect(read({ FSYNC: 'off' }).warnings[0]).toContain('FSYNC=off')
    expect(
      read({ PEERS: 'n1=http://127.0.0.1:9001,n2=http://127.0.0.1:9002' }).warnings[0],
    ).toContain('2 nodes survive no more crashes than 1')
  })
})
