import { type KeyboardEvent, memo, type ReactElement, useRef } from 'react'
import { figureText, type Marker } from '../../model/board.ts'
import { useBoard } from '../board/board-context.tsx'
import { useRowDragging } from '../board/dragging.ts'
import { focusBeside } from '../board/focus-beside.ts'
import { litClass, markerKey } from '../board/highlights.ts'
import { useKeyed } from '../board/keyed.ts'
import { isUnnamed } from '../board/pending.ts'
import { CloseIcon, GripIcon } from '../shell/icons.tsx'

/** A line across the backlog: what is above it, up to the line before, is one future sprint. */
export const MarkerLine = memo(function MarkerLine({
  marker,
  sprint,
  points,
  items,
}: {
  marker: Marker
  sprint: number
  points: number
  items: number
}): ReactElement {
  const { actions, focus, highlights, project } = useBoard()
  const line = useRef<HTMLDivElement>(null)
  const handle = useRef<HTMLDivElement>(null)
  const key = markerKey(marker.id)
  const lit = useKeyed(highlights, key)
  const unnamed = isUnnamed(marker.id)
  const name = `Future sprint ${sprint}`
  const { dragged, edge } = useRowDragging({
    element: line,
    handle,
    row: { collection: 'markers', id: marker.id, name },
    disabled: unnamed,
    accepts: ({ collection }) => collection === 'items' || collection === 'markers',
    drop: (dropped, side) => {
      if (dropped.collection === 'markers') {
        const moved = project.markers.get(dropped.id)
        if (moved !== undefined) actions.markers.moveBeside(moved, marker, side)
        return
      }
      const item = project.items.get(dropped.id)
      if (item !== undefined) actions.items.moveBesideMarker(item, marker, side)
    },
  })
  const onKeyDown = (event: KeyboardEvent): void => {
    const by = event.altKey ? { ArrowUp: -1 as const, ArrowDown: 1 as const }[event.key] : undefined
    if (by === undefined || unnamed) return
    event.preventDefault()
    focus.key = key
    actions.markers.move(marker, by)
  }
  const sum = `${figureText(points)} ${points === 1 ? 'point' : 'points'} in ${figureText(items)} ${
    items === 1 ? 'item' : 'items'
  }`
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for fields
    <div
      ref={line}
      role="group"
      data-row={key}
      aria-label={`${name}: ${sum}`}
      className={`marker${dragged ? ' item-dragged' : ''}${edge === undefined ? '' : ` drop-${edge}`}${litClass(lit)}`}
    >
      {/* Firefox starts no drag from a button element: this is one in all but name. */}
      {/* biome-ignore lint/a11y/useSemanticElements: see above */}
      <div
        ref={handle}
        data-handle=""
        role="button"
        tabIndex={0}
        className="marker-handle"
        aria-label={`Move the marker of ${name}`}
        aria-description="Alt and the arrow keys move it."
        aria-keyshortcuts="Alt+ArrowUp Alt+ArrowDown"
        aria-disabled={unnamed}
        title="Drag to move, or press Alt and an arrow key"
        onKeyDown={onKeyDown}
      >
        <GripIcon />
      </div>
      <p>
        <strong>{name}</strong> {sum}
      </p>
      <button
        type="button"
        className="icon-button"
        aria-label={`Remove the marker of ${name}`}
        title="Remove the marker"
        disabled={unnamed}
        onClick={({ currentTarget }) => {
          focusBeside(currentTarget)
          actions.markers.destroy(marker)
        }}
      >
        <CloseIcon />
      </button>
    </div>
  )
})
