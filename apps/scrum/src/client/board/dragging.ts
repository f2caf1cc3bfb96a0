import { combine } from '@atlaskit/pragmatic-drag-and-drop/combine'
import { draggable, dropTargetForElements } from '@atlaskit/pragmatic-drag-and-drop/element/adapter'
import { pointerOutsideOfPreview } from '@atlaskit/pragmatic-drag-and-drop/element/pointer-outside-of-preview'
import { setCustomNativeDragPreview } from '@atlaskit/pragmatic-drag-and-drop/element/set-custom-native-drag-preview'
import { type RefObject, useEffect, useRef, useState } from 'react'

/** On which side of the row under the pointer the dragged one would land. */
export type DropEdge = 'before' | 'after'

/** The row that is being dragged. */
export interface Dragged {
  readonly collection: 'items' | 'tasks' | 'markers'
  readonly id: number
  /** What is shown under the pointer. */
  readonly name: string
}

interface DraggingOptions {
  readonly element: RefObject<HTMLElement | null>
  readonly handle: RefObject<HTMLElement | null>
  readonly row: Dragged
  readonly disabled: boolean
  /** What may be dropped beside this row. */
  readonly accepts: (dragged: Dragged) => boolean
  readonly drop: (dragged: Dragged, edge: DropEdge) => void
  /** Told when a drag of this row begins and ends. */
  readonly during?: (dragging: boolean) => void
}

/** Lets a row be dragged by its handle, and others be dropped before or after it. */
export function useRowDragging(options: DraggingOptions): {
  readonly dragged: boolean
  readonly edge: DropEdge | undefined
} {
  const [dragged, setDragged] = useState(false)
  const [edge, setEdge] = useState<DropEdge>()
  // The listeners stay for the row's life and read what is current: adding them anew for every change of
  // the list would end a drag that is under way.
  const current = useRef(options)
  current.current = options
  const { element: row, handle } = options

  useEffect(() => {
    const element = row.current
    const dragHandle = handle.current
    if (element === null || dragHandle === null) return
    return combine(
      draggable({
        element,
        dragHandle,
        canDrag: () => !current.current.disabled,
        getInitialData: () => ({ row: current.current.row }),
        onGenerateDragPreview: ({ nativeSetDragImage }) => {
          setCustomNativeDragPreview({
            nativeSetDragImage,
            getOffset: pointerOutsideOfPreview({ x: '14px', y: '10px' }),
            render: ({ container }) => {
              const preview = document.createElement('div')
              preview.className = 'drag-preview'
              preview.textContent = current.current.row.name
              container.append(preview)
            },
          })
        },
        onDragStart: () => {
          setDragged(true)
          current.current.during?.(true)
        },
        onDrop: () => {
          setDragged(false)
          current.current.during?.(false)
        },
      }),
      dropTargetForElements({
        element,
        canDrop: ({ source }) => {
          const dragging = draggedRow(source.data)
          return dragging !== undefined && source.element !== element && current.current.accepts(dragging)
        },
        // The last target stays while the pointer is between two rows or beside the list.
        getIsSticky: () => true,
        onDragEnter: ({ location }) => setEdge(edgeAt(element, location.current.input.clientY)),
        onDrag: ({ location }) => setEdge(edgeAt(element, location.current.input.clientY)),
        onDragLeave: () => setEdge(undefined),
        onDrop: ({ location, source }) => {
          setEdge(undefined)
          const dropped = draggedRow(source.data)
          if (dropped === undefined || location.current.dropTargets[0]?.element !== element) return
          current.current.drop(dropped, edgeAt(element, location.current.input.clientY))
        },
      }),
    )
  }, [row, handle])
  return { dragged, edge }
}

/** Lets rows be dropped on a whole list, where they hit none of its rows: an empty one has none. */
export function useListDrop(
  list: RefObject<HTMLElement | null>,
  accepts: (dragged: Dragged) => boolean,
  drop: (dragged: Dragged) => void,
): boolean {
  const [over, setOver] = useState(false)
  const current = useRef({ accepts, drop })
  current.current = { accepts, drop }
  useEffect(() => {
    const element = list.current
    if (element === null) return
    return dropTargetForElements({
      element,
      canDrop: ({ source }) => {
        const dragging = draggedRow(source.data)
        return dragging !== undefined && current.current.accepts(dragging)
      },
      onDragEnter: () => setOver(true),
      onDragLeave: () => setOver(false),
      onDrop: ({ location, source }) => {
        setOver(false)
        const dropped = draggedRow(source.data)
        if (dropped === undefined || location.current.dropTargets[0]?.element !== element) return
        current.current.drop(dropped)
      },
    })
  }, [list])
  return over
}

function draggedRow(data: Record<string | symbol, unknown>): Dragged | undefined {
  // Put there by getInitialData above; drags from elsewhere have none.
  return data.row as Dragged | undefined
}

function edgeAt(element: HTMLElement, clientY: number): DropEdge {
  const { top, height } = element.getBoundingClientRect()
  return clientY < top + height / 2 ? 'before' : 'after'
}
