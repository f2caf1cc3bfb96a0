import { useCollection } from '@lockstep/client/react'
import type { ReactElement } from 'react'
import { figureText, type Sprint } from '../../model/board.ts'
import { useBoard } from '../board/board-context.tsx'
import { historyOf } from './history.ts'
import { LineChart } from './line-chart.tsx'
import type { Work } from './work.ts'
import { Workload } from './workload.tsx'

/** The four charts of a sprint; they move with every change of it. */
export function Charts({ sprint, work }: { sprint: Sprint; work: Work }): ReactElement {
  const { project, today } = useBoard()
  const { days, noted } = historyOf(sprint, useCollection(project.sprint_days), today)
  const last = noted.findLast((day) => day !== undefined)
  return (
    <section className="charts" aria-label="Charts">
      <LineChart
        title="Burndown"
        unit="hours left"
        days={days}
        ideal="down"
        lines={[{ name: 'hours left', tone: 'main', values: noted.map((day) => day?.hours_left) }]}
        now={`${figureText(work.hours)} hours left`}
      />
      <LineChart
        title="Burnup"
        unit="points"
        days={days}
        lines={[
          { name: 'points in the sprint', tone: 'faint', values: noted.map((day) => day?.points) },
          { name: 'points done', tone: 'good', values: noted.map((day) => day?.points_done) },
        ]}
        now={`${figureText(work.pointsDone)} of ${figureText(work.points)} points done`}
      />
      <Workload work={work} />
      <LineChart
        title="Items burndown"
        unit="items left"
        days={days}
        ideal="down"
        lines={[
          {
            name: 'items left',
            tone: 'main',
            values: noted.map((day) => (day === undefined ? undefined : day.items - day.items_done)),
          },
        ]}
        now={`${figureText((last?.items ?? 0) - (last?.items_done ?? 0))} items left`}
      />
    </section>
  )
}
