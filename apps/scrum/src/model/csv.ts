import Papa from 'papaparse'
import {
  descriptionLengthMax,
  estimateMax,
  itemsPerImportMax,
  readEstimate,
  summaryLengthMax,
  tagNameLengthMax,
  tagsPerItemMax,
  tasksPerCreateMax,
  userStoryLengthMax,
} from './board.ts'

/** An item as it stands in a CSV file. */
export interface CsvItem {
  readonly user_story: string
  readonly description: string
  readonly estimate: number | null
  readonly tags: readonly string[]
  /** Summaries. */
  readonly tasks: readonly string[]
}

export interface CsvFault {
  /** Row of the file as a spreadsheet counts: the heads are 1. */
  readonly row: number
  readonly message: string
}

const heads = ['user story', 'description', 'estimate', 'tags', 'tasks'] as const
type Head = (typeof heads)[number]

/** Other words for the heads, as other programs write them. */
const synonyms: ReadonlyMap<string, Head> = new Map<string, Head>([
  ...heads.map((head): [string, Head] => [head, head]),
  ['user_story', 'user story'],
  ['story', 'user story'],
  ['title', 'user story'],
  ['summary', 'user story'],
  ['points', 'estimate'],
  ['story points', 'estimate'],
  ['labels', 'tags'],
])

/** A backlog as CSV (RFC 4180) with heads; tasks are lines of one cell, tags stand between commas. */
export function writeCsv(items: readonly CsvItem[]): string {
  const data = items.map(({ user_story, description, estimate, tags, tasks }) => [
    guard(user_story),
    guard(description),
    estimate === null ? '' : String(estimate),
    guard(tags.join(', ')),
    guard(tasks.join('\n')),
  ])
  return Papa.unparse({ fields: [...heads], data }, { newline: '\r\n' })
}

/**
 * Reads a backlog from CSV whose first row has heads, in any order; only `user story` must be there, and
 * others are passed over. Rows without anything in them are, too.
 */
export function readCsv(text: string): {
  readonly items: readonly CsvItem[]
  readonly faults: readonly CsvFault[]
} {
  const { data } = Papa.parse<string[]>(text.replace(/^\uFEFF/, ''), { skipEmptyLines: false })
  const [first = [], ...rows] = data
  const columns = new Map<Head, number>()
  for (const [i, head] of first.entries()) {
    const known = synonyms.get(head.trim().toLowerCase())
    if (known !== undefined && !columns.has(known)) columns.set(known, i)
  }
  if (!columns.has('user story')) {
    return { items: [], faults: [{ row: 1, message: 'There is no column “user story”.' }] }
  }
  const items: CsvItem[] = []
  const faults: CsvFault[] = []
  for (const [i, cells] of rows.entries()) {
    if (cells.every((cell) => cell.trim() === '')) continue
    if (items.length >= itemsPerImportMax) {
      faults.push({ row: i + 2, message: `A file has at most ${itemsPerImportMax} items.` })
      break
    }
    const read = readRow((head) => unguard(cells[columns.get(head) ?? -1] ?? ''))
    if (typeof read === 'string') faults.push({ row: i + 2, message: read })
    else items.push(read)
  }
  return { items, faults }
}

/** The item of a row, or what is wrong with it. */
function readRow(cell: (head: Head) => string): CsvItem | string {
  const user_story = lineOf(cell('user story'))
  const description = cell('description').replaceAll('\r\n', '\n').replaceAll('\0', '')
  const estimate = readEstimate(cell('estimate'))
  const tags = [...new Set(cell('tags').split(',').map(lineOf))].filter((tag) => tag !== '')
  const tasks = cell('tasks')
    .split('\n')
    .map(lineOf)
    .filter((task) => task !== '')
  if (user_story === '') return 'The user story is missing.'
  if (user_story.length > userStoryLengthMax) return tooLong('user story', userStoryLengthMax)
  if (description.length > descriptionLengthMax) return tooLong('description', descriptionLengthMax)
  if (estimate === undefined) return `The estimate is not a number from 0 to ${estimateMax}.`
  if (tags.length > tagsPerItemMax) return `An item has at most ${tagsPerItemMax} tags.`
  if (tags.some((tag) => tag.length > tagNameLengthMax)) return tooLong('tag', tagNameLengthMax)
  if (tasks.length > tasksPerCreateMax) return `An item has at most ${tasksPerCreateMax} tasks.`
  if (tasks.some((task) => task.length > summaryLengthMax)) return tooLong('task', summaryLengthMax)
  return { user_story, description, estimate, tags, tasks }
}

function lineOf(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ').trim()
}

function tooLong(what: string, max: number): string {
  return `The ${what} is longer than ${max} characters.`
}

/**
 * Spreadsheets run what looks like a formula, whoever wrote it: an apostrophe before it makes it text.
 * What looks guarded already gets one more, so that reading gives back exactly what was written.
 */
function guard(text: string): string {
  return /^'*[=+\-@\t\r\n]/.test(text) ? `'${text}` : text
}

function unguard(text: string): string {
  return /^'+[=+\-@\t\r\n]/.test(text) ? text.slice(1) : text
}
