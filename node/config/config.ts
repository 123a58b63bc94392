// The configuration of one node, read once from the environment and checked as a whole before anything is opened. Every
// wrong value is named, one line each; nothing here changes what apply computes (that would make replicas differ).
//
// Reads no environment, file or clock by itself: they are passed in.

import { z } from 'zod'
import { showInput } from '../show-input.ts'
import { LIMITS, type LimitName } from './limits.ts'
import { misspeltVariables } from './misspelt.ts'
import { isNodeId, NODE_ID_RULE, type PeerAddress, parsePeers } from './peers.ts'
import { brokenRelations } from './relations.ts'

export interface Config {
  readonly nodeId: string
  /** Every node of the cluster, this one included, as given. */
  readonly peers: readonly PeerAddress[]
  /** This node's own entry in `peers`: its port is the peer port. */
  readonly self: PeerAddress
  /** Where clients are listened to; port 0: any free one. */
  readonly host: string
  readonly port: number
  readonly peerHost: string
  readonly dataDir: string
  /** The client URL told to others; null: http and the address listened on. */
  readonly advertiseUrl: string | null
  /** Whose pages may read here; * stands for all, none: no other's. */
  readonly corsOrigins: readonly string[]
  readonly clusterSecret: string | null
  readonly fsync: boolean
  readonly logLevel: LogLevel
  readonly heartbeatMs: number
  /** The shortest; the longest is double. */
  readonly electionTimeoutMs: number
  readonly readyGraceMs: number
  readonly publishDeadlineMs: number
  readonly checkpointBytes: number
  readonly logKeepBytes: number
  readonly segmentBytes: number
  readonly limits: {
    readonly bodyBytesMax: number
    readonly batchEventsMax: number
    readonly eventBytesMax: number
    readonly pendingRequestsMax: number
    readonly pendingBytesMax: number
    readonly connectionsMax: number
    readonly subscribersMax: number
    readonly entryBytesTarget: number
    readonly frameBytesMax: number
    readonly readyLagEntriesMax: number
  }
}

export type LogLevel = (typeof LOG_LEVELS)[number]

/** The configuration cannot be used; one line for each reason. The process ends with exit code 2. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly lines: readonly string[]

  constructor(lines: readonly string[]) {
    super(lines.join('\n'))
    this.lines = lines
  }
}

/** Reads a secret: its text and permission bits, or throws. */
export type ReadSecretFile = (path: string) => { text: string; mode: number }

/** The configuration and the sentences an operator should see; throws ConfigError with every fault found. */
export function readConfig(
  env: Readonly<Record<string, string | undefined>>,
  readSecretFile: ReadSecretFile,
): { config: Config; warnings: string[] } {
  const faults = misspeltVariables(Object.keys(env), VARIABLE_NAMES)
  const parsed = VARIABLES.safeParse(Object.fromEntries(VARIABLE_NAMES.map(unlessEmpty(env))))
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      const name = String(issue.path[0])
      const value = env[name]
      const shown = value === undefined || SECRET.has(name) ? name : `${name}=${showInput(value)}`
      faults.push(`${shown}: ${issue.message}`)
    }
    throw new ConfigError(faults)
  }
  const values = parsed.data
  const self = values.PEERS.find((peer) => peer.id === values.NODE_ID)
  if (self === undefined) faults.push(`NODE_ID=${values.NODE_ID}: is not among PEERS`)
  const secret = clusterSecret(values, readSecretFile, faults)
  if (self === undefined || faults.length > 0) throw new ConfigError(faults)

  const config = toConfig(values, self, secret)
  const broken = brokenRelations(config)
  if (broken.length > 0) throw new ConfigError(broken)
  return { config, warnings: warningsOf(config) }
}

/** What is in force, as JSON, for --print-config: no secret in it. */
export function printConfig(config: Config): string {
  const clusterSecret = config.clusterSecret === null ? null : '(set)'
  return JSON.stringify({ ...config, clusterSecret }, null, 2)
}

const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
const SECRET = new Set(['CLUSTER_SECRET', 'PEERS', 'ADVERTISE_URL']) // URLs may hold a password by mistake
/** A shorter secret is taken, with a warning: it can be guessed. */
const SECRET_CHARACTERS_ADVISED = 16

const number = (min: number, max: number) => {
  const message = `must be a whole number from ${min} to ${max}`
  return z
    .string()
    .regex(/^(0|[1-9]\d{0,15})$/, message)
    .transform(Number)
    .refine((value) => value >= min && value <= max, message)
}

const limits = Object.fromEntries(
  Object.entries(LIMITS).map(([name, limit]) => [
    name,
    number(limit.min, limit.max).default(limit.default),
  ]),
) as unknown as Record<LimitName, z.ZodType<number>>

const host = z.string().regex(/^[A-Za-z0-9_.:%-]{1,253}$/, 'must be an IP address or a host name')

const peers = z
  .string('is not set; it names every node, as n1=http://host:port,n2=…')
  .transform((text, context) => {
    const found = parsePeers(text)
    for (const message of found.faults) context.addIssue({ code: 'custom', message })
    return found.peers
  })

const advertiseUrl = z
  .string()
  .refine(isPlainUrl, 'must be an http: or https: URL without credentials, query or fragment')
  .transform((text) => text.replace(/\/+$/, ''))

const corsOrigins = z
  .string()
  .transform((text) => text.split(',').map((origin) => origin.trim()))
  .refine(
    (origins) => origins.every((origin) => origin === '*' || isOrigin(origin)),
    'must be * or origins, as http://localhost:3000,https://example.org',
  )

const VARIABLES = z.object({
  NODE_ID: z
    .string('is not set; it says which node of PEERS this is')
    .refine(isNodeId, NODE_ID_RULE),
  PEERS: peers,
  PORT: number(0, 65_535).default(8001),
  HOST: host.default('127.0.0.1'),
  PEER_HOST: host.default('127.0.0.1'),
  DATA_DIR: z
    .string()
    .refine((path) => !path.includes('\0'), 'must be a path')
    .optional(),
  ADVERTISE_URL: advertiseUrl.optional(),
  CORS_ORIGINS: corsOrigins.default([]),
  CLUSTER_SECRET: z.string().optional(),
  CLUSTER_SECRET_FILE: z.string().optional(),
  FSYNC: z.enum(['on', 'off'], "must be 'on' or 'off'").default('on'),
  LOG_LEVEL: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`).default('info'),
  ...limits,
})

type Values = z.infer<typeof VARIABLES>

const VARIABLE_NAMES = Object.keys(VARIABLES.shape)

/** An empty variable is one that is not set, as `NAME=${NAME:-}` in a compose file leaves it. */
function unlessEmpty(env: Readonly<Record<string, string | undefined>>) {
  return (name: string): [string, string | undefined] => [name, env[name] || undefined]
}

/** In the form in which a browser sends it. */
function isOrigin(text: string): boolean {
  return /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text
}

function isPlainUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  const plain = url.username === '' && url.password === '' && url.search === '' && url.hash === ''
  return plain && (url.protocol === 'http:' || url.protocol === 'https:')
}

function clusterSecret(values: Values, read: ReadSecretFile, faults: string[]): string | null {
  const path = values.CLUSTER_SECRET_FILE
  if (path === undefined) return values.CLUSTER_SECRET ?? null
  if (values.CLUSTER_SECRET !== undefined) {
    faults.push('CLUSTER_SECRET and CLUSTER_SECRET_FILE are both set; give one')
    return null
  }
  const wrong = (reason: string): null => {
    faults.push(`CLUSTER_SECRET_FILE=${showInput(path)}: ${reason}`)
    return null
  }
  let file: ReturnType<ReadSecretFile>
  try {
    file = read(path)
  } catch (error) {
    return wrong(`cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`)
  }
  if ((file.mode & 0o004) !== 0) return wrong('can be read by everybody; take that right away')
  const secret = file.text.replace(/\r?\n$/, '')
  if (secret === '') {
    return wrong('is empty')
  }
  return secret
}

function toConfig(values: Values, self: PeerAddress, secret: string | null): Config {
  return {
    nodeId: values.NODE_ID,
    peers: values.PEERS,
    self,
    host: values.HOST,
    port: values.PORT,
    peerHost: values.PEER_HOST,
    dataDir: values.DATA_DIR ?? `./data/${values.NODE_ID}`,
    advertiseUrl: values.ADVERTISE_URL ?? null,
    corsOrigins: values.CORS_ORIGINS,
    clusterSecret: secret,
    fsync: values.FSYNC === 'on',
    logLevel: values.LOG_LEVEL,
    heartbeatMs: values.HEARTBEAT_MS,
    electionTimeoutMs: values.ELECTION_TIMEOUT_MS,
    readyGraceMs: values.READY_GRACE_MS,
    publishDeadlineMs: values.PUBLISH_DEADLINE_MS,
    checkpointBytes: values.CHECKPOINT_BYTES,
    logKeepBytes: values.LOG_KEEP_BYTES,
    segmentBytes: values.SEGMENT_BYTES,
    limits: {
      bodyBytesMax: values.BODY_BYTES_MAX,
      batchEventsMax: values.BATCH_EVENTS_MAX,
      eventBytesMax: values.EVENT_BYTES_MAX,
      pendingRequestsMax: values.PENDING_REQUESTS_MAX,
      pendingBytesMax: values.PENDING_BYTES_MAX,
      connectionsMax: values.CONNECTIONS_MAX,
      subscribersMax: values.SUBSCRIBERS_MAX,
      entryBytesTarget: values.ENTRY_BYTES_TARGET,
      frameBytesMax: values.FRAME_BYTES_MAX,
      readyLagEntriesMax: values.READY_LAG_ENTRIES_MAX,
    },
  }
}

function warningsOf(config: Config): string[] {
  const warnings: string[] = []
  const open = ['HOST', 'PEER_HOST'].filter(
    (name) => !isLoopback(name === 'HOST' ? config.host : config.peerHost),
  )
  if (open.length > 0 && config.clusterSecret === null) {
    warnings.push(
      `${open.join(' and ')} can be reached from other machines and there is no CLUSTER_SECRET: anyone there can speak as a peer`,
    )
  }
  if (config.clusterSecret !== null && config.clusterSecret.length < SECRET_CHARACTERS_ADVISED) {
    warnings.push(
      `CLUSTER_SECRET has fewer than ${SECRET_CHARACTERS_ADVISED} characters and can be guessed`,
    )
  }
  if (!config.fsync) warnings.push('FSYNC=off: acknowledged events can be lost in a power cut')
  if (config.peers.length % 2 === 0) {
    warnings.push(
      `${config.peers.length} nodes survive no more crashes than ${config.peers.length - 1}`,
    )
  }
  return warnings
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}
