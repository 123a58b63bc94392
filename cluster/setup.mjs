// Makes a fresh clone ready to run: installs the dependencies once, and makes sure there is a Node.js that can
// run TypeScript files as they are.
//
// Runs before every npm script, on whatever Node.js the machine has (18 or later), so it is plain JavaScript and
// imports nothing that would have to be installed first. Says nothing when there is nothing to do.

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)))

/** The first release that strips types without a flag and has all we use. */
export const NODE_VERSION_MIN = [22, 19]

/** What went wrong and what to do about it, for a person; no stack trace helps here. */
export class SetupError extends Error {}

/** Installs if needed; answers the path of the Node.js to run our files with. */
export async function setUp(root = ROOT) {
  // `npm ci` below runs life-cycle scripts, some of which lead back here.
  if (process.env.SEKALI_SETUP === undefined && !isInstalled(root)) await install(root)
  return chooseNode(root)
}

/** True when node_modules holds what package-lock.json names. Contents are compared: a checkout renews all times. */
export function isInstalled(root) {
  try {
    return holdsAll(
      readJson(path.join(root, 'package-lock.json')),
      readJson(path.join(root, 'node_modules', '.package-lock.json')),
    )
  } catch {
    return false
  }
}

/** Every package the lock asks for stands in the other in the same version; optional ones may be missing. */
export function holdsAll(lock, installed) {
  return Object.entries(lock.packages).every(([place, wanted]) => {
    if (place === '' || wanted.link) return true
    const found = installed.packages[place]
    return found === undefined ? Boolean(wanted.optional) : found.version === wanted.version
  })
}

export function isNewEnough(version) {
  const [major, minor] = version.replace(/^v/, '').split('.').map(Number)
  const [majorMin, minorMin] = NODE_VERSION_MIN
  return major > majorMin || (major === majorMin && minor >= minorMin)
}

function chooseNode(root) {
  const own = path.join(root, 'node_modules', '.bin', 'node')
  const ownVersion = existsSync(own) ? versionOf(own) : null
  if (ownVersion !== null && isNewEnough(ownVersion)) return own
  if (isNewEnough(process.version)) return process.execPath
  throw new SetupError(
    `sekali needs Node.js ${NODE_VERSION_MIN.join('.')} or later and found ${process.version}.\n` +
      'The npm package `node` should have brought one, but node_modules/.bin/node ' +
      `${ownVersion === null ? 'is missing or does not run' : `is ${ownVersion}`}.\n` +
      'If npm is set to ignore install scripts, run: npm rebuild --ignore-scripts=false node\n' +
      'Or install a newer Node.js and try again.',
  )
}

function versionOf(binary) {
  const result = spawnSync(binary, ['--version'], { encoding: 'utf8' })
  return result.status === 0 ? result.stdout.trim() : null
}

async function install(root) {
  const startedAt = Date.now()
  const seconds = () => `${Math.round((Date.now() - startedAt) / 1000)} s`
  const onTerminal = process.stderr.isTTY
  process.stderr.write('Installing dependencies (once) …\n')
  const progress = setInterval(
    () => process.stderr.write(onTerminal ? `\r… ${seconds()}\x1b[K` : `… ${seconds()}\n`),
    onTerminal ? 1000 : 10_000,
  )
  try {
    await run('npm', ['ci', '--loglevel=error', '--no-audit', '--no-fund', '--no-progress'], root)
  } catch (error) {
    throw new SetupError(
      `Installing the dependencies failed after ${seconds()} (${error.message}).\n` +
        'npm needs to reach its registry: check the network, the proxy settings (npm config get proxy)\n' +
        'and the registry (npm config get registry), then run the same command again.\n' +
        'Without a network, copy node_modules from a machine of the same kind.',
    )
  } finally {
    clearInterval(progress)
    if (onTerminal) process.stderr.write('\r\x1b[K')
  }
  process.stderr.write(`Installed in ${seconds()}.\n`)
}

function run(command, parameters, root) {
  // The binaries of node_modules are about to be replaced: npm must not run on one of them.
  const PATH = (process.env.PATH ?? '')
    .split(path.delimiter)
    .filter((folder) => !path.resolve(folder).startsWith(path.join(root, 'node_modules')))
    .join(path.delimiter)
  return new Promise((resolve, reject) => {
    const child = spawn(command, parameters, {
      cwd: root,
      env: { ...process.env, PATH, SEKALI_SETUP: '1' },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      if (code === 0) resolve()
      else reject(new Error(`${command} ended with ${signal ?? `exit code ${code}`}`))
    })
  })
}

function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'))
}

/** Runs `action`; a SetupError is told without a stack trace. */
export async function orExplain(action) {
  try {
    return await action()
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  }
}

if (
  process.argv[1] !== undefined &&
  path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)
) {
  await orExplain(() => setUp())
}
