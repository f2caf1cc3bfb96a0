import { byPosition, type Item, type Marker } from '../../model/board.ts'
import { itemsBySprint } from '../rows.ts'
import type { Doing } from './doing.ts'
import { rankAt, rankBeside } from './rank-at.ts'
import { changeFields } from './row-fields.ts'

interface Ranked {
  readonly position: string
  readonly id: number
}

/** What the viewer can do to the lines that cut the backlog. */
export class MarkerActions {
  readonly #doing: Doing

  constructor(doing: Doing) {
    this.#doing = doing
  }

  /** A line directly below an item. */
  createBelow(item: Item): void {
    const { project, projectId } = this.#doing
    const position = rankBeside(this.#entries(), item, 'after')
    const write = project.markers.create({ project_id: projectId, position })
    this.#doing.announce(`Cut the backlog below “${item.user_story}”.`)
    this.#doing.run({ failure: 'The backlog was not cut', write })
    this.#doing.undoCreation('cutting the backlog', write, (id) =>
      this.#doing.run({ failure: 'Not undone', write: project.markers.destroy(id) }),
    )
  }

  /** Over as many items: -1 is one up. */
  move(marker: Marker, by: 1 | -1): void {
    const entries = this.#entries().filter((entry) => entry !== marker)
    const at = entries.findIndex((entry) => byPosition(entry, marker) > 0)
    const index = (at < 0 ? entries.length : at) + by
    if (index < 0 || index > entries.length) return
    this.#doing.announce(by < 0 ? 'Moved the marker up.' : 'Moved the marker down.')
    this.#change(marker, rankAt(entries, index))
  }

  moveBeside(marker: Marker, other: Ranked, side: 'before' | 'after'): void {
    const entries = this.#entries().filter((entry) => entry !== marker)
    this.#change(marker, rankBeside(entries, other, side))
  }

  destroy(marker: Marker): void {
    const { project } = this.#doing
    const { project_id, position } = marker
    const write = project.markers.destroy(marker.id)
    this.#doing.run({
      failure: 'The marker was not removed',
      write,
      undo: {
        label: 'removing a marker',
        run: () => {
          const again = write.then(
            () => project.markers.create({ project_id, position }),
            () => undefined,
          )
          this.#doing.run({ failure: 'Not undone', write: again })
          return undefined
        },
      },
    })
  }

  destroyAll(): void {
    const undo = this.#putBack('removing all markers')
    const write = this.#doing.send('markers', {
      method: 'DELETE',
      optimistic: (shown) => {
        for (const { id } of this.#doing.project.markers.all()) shown.destroy('markers', id)
      },
    })
    this.#doing.run({ failure: 'The markers were not removed', write, undo })
    this.#doing.offerUndo('Removed all markers', undo)
  }

  /** Cuts the whole backlog anew; the server counts, so that everyone's last change is in it. */
  distribute(velocity: number): void {
    const undo = this.#putBack('cutting the backlog by velocity')
    const write = this.#doing.send('markers/distribute', { body: { velocity } })
    this.#doing.run({ failure: 'The backlog was not cut', write, undo })
    this.#doing.announce(`Cut the backlog into sprints of ${velocity} points.`)
  }

  #putBack(label: string): { readonly label: string; run(): undefined } {
    const positions = this.#doing.project.markers.all().map(({ position }) => position)
    return {
      label,
      run: () => {
        const write = this.#doing.send('markers/replace', { body: { positions } })
        this.#doing.run({ failure: 'Not undone', write })
      },
    }
  }

  #entries(): readonly Ranked[] {
    const { items, markers } = this.#doing.project
    const backlog = itemsBySprint(items.all()).of(null)
    return [...backlog, ...markers.all()].sort(byPosition)
  }

  #change(marker: Marker, position: string): void {
    changeFields(this.#doing, {
      rows: this.#doing.project.markers,
      row: marker,
      change: { position },
      failure: 'The marker was not moved',
      label: 'moving a marker',
    })
  }
}
