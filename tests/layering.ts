// The rules of the house (DESIGN.md, section 1), as functions over the texts of the source files: who may import
// whom, what the core must not even name, how long a file may be, and that each says first what it is for.
//
// Judges texts only, so that layering.test.ts can plant violations and see them caught.

import path from 'node:path'
import ts from 'typescript'

/** Path from the root of the repository → text. */
export type Sources = ReadonlyMap<string, string>

/** A file longer than this holds two ideas. Tests may list more cases than one idea needs. */
export const SOURCE_LINES_MAX = 500
export const TEST_LINES_MAX = 700

interface Layer {
  readonly folder: string
  /** Folders and files of ours it may import, itself included. */
  readonly mayImport: readonly string[]
  /** 'node:' stands for all that comes with Node.js; null: that, and any dependency that package.json declares. */
  readonly packages: readonly string[] | null
}

/** What a node may load of client/: the index too, as long as nothing but the contract stands behind it. */
const CONTRACT = ['client/contract/', 'client/errors.ts', 'client/index.ts']

/** The first that matches a path is its layer. */
const LAYERS: readonly Layer[] = [
  { folder: 'raft/core/', mayImport: ['raft/core/'], packages: [] },
  { folder: 'raft/', mayImport: ['raft/'], packages: null },
  // What browsers load: its own files and nothing else. (Types in its comments may come from the contract.)
  { folder: 'node/page/', mayImport: ['node/page/'], packages: [] },
  {
    folder: 'node/',
    mayImport: ['node/', 'raft/', ...CONTRACT],
    packages: null,
  },
  {
    folder: 'client/',
    mayImport: ['client/'],
    packages: ['zod', 'undici', 'eventsource-parser', 'node:'],
  },
  { folder: 'cluster/', mayImport: ['cluster/', 'client/'], packages: null },
]

/** Clock, random, waiting and the outside world: the core is handed these or does without. */
const FORBIDDEN_IN_CORE: ReadonlySet<string> = new Set([
  'Date',
  'Intl',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'process',
  'performance',
  'Promise',
  'console',
  'crypto',
  'Buffer',
  'fetch',
  'require',
  'globalThis',
  'structuredClone',
  'eval',
])

/** One sentence for each broken rule; none: the house is in order. */
export function brokenRules(sources: Sources, dependencies: ReadonlySet<string>): string[] {
  const broken: string[] = []
  const imports = new Map<string, Import[]>()
  for (const [file, text] of sources) {
    broken.push(...formFaults(file, text))
    const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
    const found = importsOf(source)
    imports.set(file, found)
    broken.push(...importFaults(file, found, dependencies))
    if (file.startsWith('raft/core/')) broken.push(...coreFaults(file, source))
  }
  return [...broken, ...circles(imports), ...loadedBeyondContract(imports)]
}

interface Import {
  readonly specifier: string
  /** Gone when the types are stripped. */
  readonly typeOnly: boolean
}

function formFaults(file: string, text: string): string[] {
  const faults: string[] = []
  const withoutShebang = text.replace(/^#!.*\n/, '')
  if (!withoutShebang.startsWith('// ')) faults.push(`${file} does not begin with a header comment`)
  const lines = text.split('\n').length - 1
  const linesMax = file.startsWith('tests/') ? TEST_LINES_MAX : SOURCE_LINES_MAX
  if (lines > linesMax) faults.push(`${file} has ${lines} lines, more than ${linesMax}`)
  return faults
}

function importsOf(source: ts.SourceFile): Import[] {
  const found: Import[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      const typeOnly = node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword
      found.push({ specifier: node.moduleSpecifier.text, typeOnly })
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
      const specifier = (node.moduleSpecifier as ts.StringLiteral).text
      found.push({ specifier, typeOnly: node.isTypeOnly })
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      found.push({ specifier: textOf(node.argument.literal), typeOnly: true })
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      found.push({ specifier: textOf(node.arguments[0]), typeOnly: false })
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

/** Of what is no plain string nobody can tell where it leads; only tests may do that. */
function textOf(node: ts.Node | undefined): string {
  return node !== undefined && ts.isStringLiteralLike(node) ? node.text : 'a computed name'
}

function importFaults(
  file: string,
  imports: readonly Import[],
  dependencies: ReadonlySet<string>,
): string[] {
  const layer = LAYERS.find(({ folder }) => file.startsWith(folder))
  if (layer === undefined) return []
  return imports.flatMap(({ specifier }) => {
    if (specifier.startsWith('.')) {
      const target = resolved(file, specifier)
      return isAmong(layer.mayImport, target)
        ? []
        : [`${file} imports ${target}, which ${layer.folder} may not`]
    }
    const name = packageOf(specifier)
    const allowed =
      layer.packages === null
        ? name === 'node:' || dependencies.has(name)
        : layer.packages.includes(name)
    return allowed ? [] : [`${file} imports ${specifier}, which ${layer.folder} may not`]
  })
}

function coreFaults(file: string, source: ts.SourceFile): string[] {
  const faults: string[] = []
  const blame = (node: ts.Node, what: string): void => {
    const { line } = source.getLineAndCharacterOfPosition(node.getStart())
    faults.push(`${file}:${line + 1} names ${what}, which the core must not know`)
  }
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && FORBIDDEN_IN_CORE.has(node.text)) blame(node, node.text)
    if (ts.isPropertyAccessExpression(node) && node.getText() === 'Math.random') {
      blame(node, 'Math.random')
    }
    if (node.kind === ts.SyntaxKind.AwaitKeyword || ts.isAwaitExpression(node)) blame(node, 'await')
    if (node.kind === ts.SyntaxKind.AsyncKeyword) blame(node, 'async')
    ts.forEachChild(node, visit)
  }
  visit(source)
  return faults
}

/** Parts of client/ other than the contract that a node would load, through whatever leads there. */
function loadedBeyondContract(imports: ReadonlyMap<string, readonly Import[]>): string[] {
  const reached = new Set([...imports.keys()].filter((file) => file.startsWith('node/')))
  for (const file of reached) {
    for (const { specifier, typeOnly } of imports.get(file) ?? []) {
      if (!typeOnly && specifier.startsWith('.')) reached.add(resolved(file, specifier))
    }
  }
  return [...reached]
    .filter((file) => file.startsWith('client/') && !isAmong(CONTRACT, file))
    .map((file) => `node/ loads ${file}, which is more than the contract`)
}

/** Circles of imports that are still there when the types are stripped. */
function circles(imports: ReadonlyMap<string, readonly Import[]>): string[] {
  const found: string[] = []
  const done = new Set<string>()
  const walk = (file: string, trail: readonly string[]): void => {
    const start = trail.indexOf(file)
    if (start !== -1) {
      found.push(`a circle of imports: ${[...trail.slice(start), file].join(' → ')}`)
      return
    }
    if (done.has(file)) return
    for (const { specifier, typeOnly } of imports.get(file) ?? []) {
      if (!typeOnly && specifier.startsWith('.')) walk(resolved(file, specifier), [...trail, file])
    }
    done.add(file)
  }
  for (const file of imports.keys()) walk(file, [])
  return found
}

/** `places`: folders, which end with a slash, and files. */
function isAmong(places: readonly string[], file: string): boolean {
  return places.some((place) => (place.endsWith('/') ? file.startsWith(place) : file === place))
}

function resolved(file: string, specifier: string): string {
  return path.posix.join(path.posix.dirname(file), specifier)
}

/** `@scope/name`, `name`, or `node:` for all that comes with Node.js. */
function packageOf(specifier: string): string {
  if (specifier.startsWith('node:')) return 'node:'
  const parts = specifier.split('/')
  return parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
}
