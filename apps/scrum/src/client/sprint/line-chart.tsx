import type { ReactElement } from 'react'
import { figureText } from '../../model/board.ts'
import { dayText } from '../../model/days.ts'

interface Line {
  readonly name: string
  readonly tone: 'main' | 'good' | 'faint'
  /** A value for each day; undefined where it is not known yet. */
  readonly values: readonly (number | undefined)[]
}

const width = 300
const height = 130
const edge = { left: 30, right: 8, top: 8, bottom: 20 }

/** Lines over the days of a sprint. */
export function LineChart({
  title,
  unit,
  days,
  lines,
  ideal,
  now,
}: {
  title: string
  unit: string
  days: readonly string[]
  lines: readonly Line[]
  /** Draws what an even pace would be, from the first value to nothing. */
  ideal?: 'down'
  /** How it stands, in words. */
  now: string
}): ReactElement {
  const values = lines.flatMap((line) => line.values.filter((value) => value !== undefined))
  const top = niceTop(Math.max(...values, 1))
  const x = (index: number): number =>
    edge.left + (days.length < 2 ? 0 : (index / (days.length - 1)) * (width - edge.left - edge.right))
  const y = (value: number): number => edge.top + (1 - value / top) * (height - edge.top - edge.bottom)
  const first = lines[0]?.values.find((value) => value !== undefined)
  const [from, to] = [days[0] ?? '', days.at(-1) ?? '']
  return (
    <figure className="chart">
      <figcaption>
        <h2>{title}</h2>
        <p className="hint">{now}</p>
      </figcaption>
      <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={`${title}: ${now}`}>
        {[0, 0.5, 1].map((part) => (
          <g key={part}>
            <line
              className="chart-grid"
              x1={edge.left}
              x2={width - edge.right}
              y1={y(top * part)}
              y2={y(top * part)}
            />
            <text className="chart-text" x={edge.left - 6} y={y(top * part) + 3.5} textAnchor="end">
              {figureText(top * part)}
            </text>
          </g>
        ))}
        <text className="chart-text" x={edge.left} y={height - 4}>
          {from === '' ? '' : dayText(from)}
        </text>
        <text className="chart-text" x={width - edge.right} y={height - 4} textAnchor="end">
          {to === '' ? '' : dayText(to)}
        </text>
        {ideal === 'down' && first !== undefined && (
          <line className="chart-ideal" x1={x(0)} y1={y(first)} x2={x(days.length - 1)} y2={y(0)} />
        )}
        {lines.map((line) => (
          <Path key={line.name} line={line} x={x} y={y} />
        ))}
      </svg>
      <div className="unseen">
        <table>
          <caption>
            {title}, {unit} at the end of each day
          </caption>
          <thead>
            <tr>
              <th scope="col">Day</th>
              {lines.map(({ name }) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {days.map((day, i) =>
              lines[0]?.values[i] === undefined ? null : (
                <tr key={day}>
                  <th scope="row">{dayText(day)}</th>
                  {lines.map(({ name, values: own }) => (
                    <td key={name}>{figureText(own[i] ?? 0)}</td>
                  ))}
                </tr>
              ),
            )}
          </tbody>
        </table>
      </div>
    </figure>
  )
}

function Path({
  line,
  x,
  y,
}: {
  line: Line
  x: (index: number) => number
  y: (value: number) => number
}): ReactElement | null {
  const points = line.values.flatMap((value, i) => (value === undefined ? [] : [{ x: x(i), y: y(value) }]))
  const last = points.at(-1)
  if (last === undefined) return null
  return (
    <g className={`chart-line chart-${line.tone}`}>
      <polyline points={points.map((point) => `${point.x.toFixed(1)},${point.y.toFixed(1)}`).join(' ')} />
      <circle cx={last.x} cy={last.y} r="3.5" />
    </g>
  )
}

/** A round number that nothing is above. */
function niceTop(value: number): number {
  const size = 10 ** Math.floor(Math.log10(value))
  return ([1, 2, 4, 5, 10].find((step) => step * size >= value) ?? 10) * size
}
