import { basename, dirname } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  bannedNames,
  impureAllowed,
  linesMax,
  packageArrows,
  serverArrows,
  serverGround,
  serverRoots,
} from './tree/arrows.ts'
import { filesUnder, isFile, isSource, isTest, parseFile, readText } from './tree/source-tree.ts'

const ours = ['packages', 'apps', 'bench', 'sim', 'tests', 'scripts'].flatMap(filesUnder)
const sources = ours.filter(isSource)
const packageOf = (path: string): string | undefined =>
  Object.keys(packageArrows).find((name) => path.startsWith(`${name}/`))

describe('the tree', () => {
  it('reads sources: an empty list would let everything pass', () => {
    expect(sources.length).toBeGreaterThan(60)
    expect(parseFile('packages/server/src/log/log.ts').imports.map((i) => i.file)).toContain(
      'packages/server/src/bus/bus.ts',
    )
  })

  it('has packages import only the packages that stand in the table', () => {
    const wrong = sources.flatMap((path) => {
      const name = packageOf(path)
      if (name === undefined) return []
      const allowed = packageArrows[name] ?? []
      return parseFile(path)
        .imports.filter(({ specifier }) => specifier.startsWith('@lockstep/') && !allowed.includes(specifier))
        .map(({ specifier, line }) => `${path}:${line} imports ${specifier}`)
    })
    expect(wrong).toEqual([])
  })

  it('has no file reach into another package by path', () => {
    const wrong = ours
      .filter((path) => /\.tsx?$/.test(path))
      .flatMap((path) =>
        parseFile(path)
          .imports.filter(({ file }) => file !== undefined && packageOf(file) !== packageOf(path))
          .filter(() => packageOf(path) !== undefined)
          .map(({ specifier, line }) => `${path}:${line} imports ${specifier}`),
      )
    expect(wrong).toEqual([])
  })

  it('has the stages of the server point one way', () => {
    const base = 'packages/server/src/'
    const wrong = sources.flatMap((path) => {
      if (!path.startsWith(base)) return []
      const stage = path.slice(base.length).split('/')[0] ?? ''
      if (serverRoots.includes(stage)) return []
      const allowed = [stage, ...serverGround, ...(serverArrows[stage] ?? [])]
      return parseFile(path)
        .imports.filter(({ file }) => file?.startsWith(base))
        .map(({ file, line }) => ({ to: file?.slice(base.length).split('/')[0] ?? '', line }))
        .filter(({ to }) => !allowed.includes(to))
        .map(({ to, line }) => `${path}:${line} imports ${to}`)
    })
    expect(wrong).toEqual([])
  })

  it('has every folder of the server in the table of arrows', () => {
    const base = 'packages/server/src/'
    const folders = sources
      .filter((path) => path.startsWith(base) && path.slice(base.length).includes('/'))
      .map((path) => path.slice(base.length).split('/')[0] ?? '')
    expect([...new Set(folders)].filter((folder) => !(folder in serverArrows))).toEqual([])
  })

  it('has the protocol import nothing, and the client core nothing but the protocol', () => {
    const outside = (folder: string, but: (path: string) => boolean): string[] =>
      sources
        .filter((path) => path.startsWith(folder) && !but(path))
        .flatMap((path) =>
          parseFile(path)
            .imports.filter(
              ({ specifier }) => !specifier.startsWith('.') && specifier !== '@lockstep/protocol',
            )
            .map(({ specifier, line }) => `${path}:${line} imports ${specifier}`),
        )
    expect(outside('packages/protocol/src/', () => false)).toEqual([])
    expect(outside('packages/client/src/', (path) => path.includes('/react/'))).toEqual([])
  })

  it('has only react/ of the client import React, and nothing of Node', () => {
    const wrong = sources
      .filter((path) => path.startsWith('packages/client/src/react/'))
      .flatMap((path) =>
        parseFile(path)
          .imports.filter(({ specifier }) => !/^(\.|@lockstep\/protocol$|react$|react\/)/.test(specifier))
          .map(({ specifier, line }) => `${path}:${line} imports ${specifier}`),
      )
    expect(wrong).toEqual([])
  })

  it('imports only files that are there', () => {
    const wrong = ours
      .filter((path) => /\.tsx?$/.test(path))
      .flatMap((path) =>
        parseFile(path)
          .imports.filter(({ file }) => file !== undefined && !isFile(file.replace(/\?.*$/, '')))
          .map(({ specifier, line }) => `${path}:${line} imports ${specifier}`),
      )
    expect(wrong).toEqual([])
  })

  it('has no cycle among files, but for types that neighbours in a folder have of each other', () => {
    expect(findCycle(sources)).toBeUndefined()
  })

  it('locks the packages of every platform, not only of the one that made the lock', () => {
    const { packages }: { packages: Record<string, { optionalDependencies?: Record<string, string> }> } =
      JSON.parse(readText('package-lock.json'))
    const locked = Object.keys(packages).map((path) => path.slice(path.lastIndexOf('node_modules/') + 13))
    const missing = Object.values(packages)
      .flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}))
      .filter((name) => !locked.includes(name))
    expect(missing).toEqual([])
    expect(readText('package-lock.json')).not.toMatch(/"resolved": "https?:/)
  })

  it('names the concept in every file name', () => {
    expect(ours.filter((path) => path.split('/').some((part) => bannedNames.test(part)))).toEqual([])
  })

  it('uses lower case and hyphens in file names', () => {
    expect(ours.filter((path) => /\.tsx?$/.test(path) && !/^[a-z0-9.-]+$/.test(basename(path)))).toEqual([])
  })

  it(`has no source file over ${linesMax} lines`, () => {
    const lines = (path: string): number => readText(path).split('\n').length - 1
    const long = ours.filter(
      (path) => /\.(tsx?|mjs|css)$/.test(path) && !isTest(path) && lines(path) > linesMax,
    )
    expect(long.map((path) => `${path}: ${lines(path)} lines`)).toEqual([])
  })

  it('takes time, timers and randomness from a runtime', () => {
    const wrong = sources
      .filter((path) => path.startsWith('packages/') || path.startsWith('sim/'))
      .filter((path) => !Object.keys(impureAllowed).some((place) => path.startsWith(place)))
      .flatMap((path) => parseFile(path).impure.map(({ name, line }) => `${path}:${line} uses ${name}`))
    expect(wrong).toEqual([])
  })

  it('lists no place for time and randomness that needs none', () => {
    const idle = Object.keys(impureAllowed).filter(
      (place) => !sources.some((path) => path.startsWith(place) && parseFile(path).impure.length > 0),
    )
    expect(idle).toEqual([])
  })
})

/** The first cycle found, as the files on it; undefined where there is none. */
function findCycle(paths: readonly string[]): string[] | undefined {
  const state = new Map<string, 'open' | 'done'>()
  const way: string[] = []
  const visit = (path: string): string[] | undefined => {
    if (state.get(path) === 'done') return undefined
    if (state.get(path) === 'open') return [...way.slice(way.indexOf(path)), path]
    state.set(path, 'open')
    way.push(path)
    for (const { file, isType } of parseFile(path).imports) {
      if (file === undefined || !/\.tsx?$/.test(file) || !isFile(file)) continue
      if (isType && dirname(file) === dirname(path)) continue
      const cycle = visit(file)
      if (cycle !== undefined) return cycle
    }
    way.pop()
    state.set(path, 'done')
    return undefined
  }
  for (const path of paths) {
    const cycle = visit(path)
    if (cycle !== undefined) return cycle
  }
  return undefined
}
