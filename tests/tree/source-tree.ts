import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseAst } from 'vite'

/** Root of the checkout. */
export const root: string = fileURLToPath(new URL('../..', import.meta.url))

const left = new Set([
  'node_modules',
  'dist',
  'build',
  'artifacts',
  'coverage',
  '.git',
  '.lockstep',
  '.lockstep-todos',
])

/** All files below a folder that are ours, as paths from the root with `/`. */
export function filesUnder(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => !left.has(entry.name))
    .flatMap((entry) => {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`
      return entry.isDirectory() ? filesUnder(path) : [path]
    })
    .sort()
}

export const readText = (path: string): string => readFileSync(join(root, path), 'utf8')

/** Tests, and what stands in a package's `test` folder for them. */
export const isTest = (path: string): boolean =>
  /\.(test|testing|setup)\.tsx?$|\/harness\.ts$|^packages\/[^/]+\/test\//.test(path)

export const isSource = (path: string): boolean =>
  /\.tsx?$/.test(path) && !path.endsWith('.d.ts') && !isTest(path)

/** One import or re-export, of values or of types only. */
export interface Import {
  /** As written. */
  readonly specifier: string
  /** File it means, from the root, where it is relative. */
  readonly file: string | undefined
  readonly line: number
  /** `import type`: gone when it runs. */
  readonly isType: boolean
}

/** A use of something that is not a function of its input, e.g. `Date.now` or `setTimeout`. */
export interface ImpureUse {
  readonly name: string
  readonly line: number
}

export interface SourceFile {
  readonly path: string
  readonly imports: readonly Import[]
  readonly impure: readonly ImpureUse[]
}

const impureNames = new Set([
  'setTimeout',
  'setInterval',
  'setImmediate',
  'requestAnimationFrame',
  'queueMicrotask',
  'randomUUID',
  'randomBytes',
  'randomInt',
  'getRandomValues',
])
const impureModules = new Set(
  ['timers', 'timers/promises', 'perf_hooks'].flatMap((name) => [name, `node:${name}`]),
)
const impureMembers = new Set([
  'AbortSignal.timeout',
  'Date.now',
  'Math.random',
  'performance.now',
  'process.hrtime',
  'process.nextTick',
])

const parsed = new Map<string, SourceFile>()

/** Reads and parses a TypeScript file; each only once. */
export function parseFile(path: string): SourceFile {
  const known = parsed.get(path)
  if (known !== undefined) return known
  const text = readText(path)
  const lineOf = (offset: number): number => text.slice(0, offset).split('\n').length
  const imports: Import[] = []
  const impure: ImpureUse[] = []
  visit(parseAst(text, { lang: path.endsWith('x') ? 'tsx' : 'ts' }), (node) => {
    const specifier = specifierOf(node)
    if (specifier !== undefined)
      imports.push({
        specifier,
        file: fileOf(path, specifier),
        line: lineOf(node.start),
        isType: isTypeOnly(node),
      })
    const name = impureName(node)
    if (name !== undefined) impure.push({ name, line: lineOf(node.start) })
  })
  const file = { path, imports, impure }
  parsed.set(path, file)
  return file
}

interface Node {
  readonly type: string
  readonly start: number
  readonly [field: string]: unknown
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
}

function visit(value: unknown, see: (node: Node) => void): void {
  if (Array.isArray(value)) for (const item of value) visit(item, see)
  else if (isNode(value)) {
    see(value)
    for (const child of Object.values(value)) if (typeof child === 'object') visit(child, see)
  }
}

function specifierOf(node: Node): string | undefined {
  switch (node.type) {
    case 'ImportDeclaration':
    case 'ExportAllDeclaration':
    case 'ExportNamedDeclaration':
    case 'ImportExpression':
    case 'TSImportType':
      return isNode(node['source']) && typeof node['source']['value'] === 'string'
        ? node['source']['value']
        : undefined
    default:
      return undefined
  }
}

function isTypeOnly(node: Node): boolean {
  return node.type === 'TSImportType' || node['importKind'] === 'type' || node['exportKind'] === 'type'
}

function impureName(node: Node): string | undefined {
  const specifier = specifierOf(node)
  if (specifier !== undefined) return impureModules.has(specifier) ? `import ${specifier}` : undefined
  // Also where it is only named, to be handed on.
  if (node.type === 'Identifier')
    return impureNames.has(String(node['name'])) ? String(node['name']) : undefined
  if (node.type === 'CallExpression' && isNode(node['callee'])) {
    const { callee } = node
    return callee['type'] === 'Identifier' && callee['name'] === 'Date' ? 'Date()' : undefined
  }
  if (node.type === 'NewExpression' && isNode(node['callee'])) {
    const isDate = node['callee']['type'] === 'Identifier' && node['callee']['name'] === 'Date'
    const empty = Array.isArray(node['arguments']) && node['arguments'].length === 0
    return isDate && empty ? 'new Date()' : undefined
  }
  if (node.type === 'MemberExpression' && isNode(node['object']) && isNode(node['property'])) {
    const property = String(node['property']['name'])
    const member = `${String(node['object']['name'])}.${property}`
    if (impureMembers.has(member)) return member
    return impureNames.has(property) ? property : undefined
  }
  return undefined
}

function fileOf(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined
  return relative(root, resolve(root, dirname(from), specifier))
    .split(sep)
    .join('/')
}

export function isFile(path: string): boolean {
  return statSync(join(root, path), { throwIfNoEntry: false })?.isFile() ?? false
}

export function exists(path: string): boolean {
  return statSync(join(root, path), { throwIfNoEntry: false }) !== undefined
}
