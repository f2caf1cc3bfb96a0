import type { BenchReport, Row } from '../bench.ts'

const heads = ['metric', 'unit', 'lockstep', 'control', 'limit', 'peers', 'ratio', 'target', 'met'] as const
const rightAligned = new Set(['lockstep', 'control', 'limit', 'ratio'])

const limitNote =
  'limit: the least that must be done in Node, measured in this run, or the fixed bound of the target'

/** The report as a table for people. */
export function formatTable(report: BenchReport): string {
  const lines = report.rows.map(cellsOf)
  const widths = heads.map((head, i) => Math.max(head.length, ...lines.map((cells) => cells[i]?.length ?? 0)))
  const format = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => {
        const width = widths[i] ?? 0
        return rightAligned.has(heads[i] ?? '') ? cell.padStart(width) : cell.padEnd(width)
      })
      .join('  ')
      .trimEnd()
  return [
    `${report.bench}   (${limitNote})`,
    format(heads),
    format(widths.map((width) => '-'.repeat(width))),
    ...lines.map(format),
  ].join('\n')
}

function cellsOf(row: Row): string[] {
  return [
    row.metric,
    row.unit,
    formatNumber(row.lockstep),
    formatNumber(row.control),
    formatNumber(row.limit),
    Object.entries(row.peers)
      .map(([name, value]) => `${name} ${formatNumber(value)}`)
      .join(', '),
    row.ratio === null ? '' : row.ratio.toFixed(2),
    row.target ?? '',
    row.met === null ? '' : row.met ? 'yes' : 'NO',
  ]
}

/** Three significant digits below 1,000, whole numbers above. */
export function formatNumber(value: number | null): string {
  if (value === null || Number.isNaN(value)) return '-'
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en')
  if (Number.isInteger(value)) return String(value)
  return value.toPrecision(3)
}
