import { combine } from '@atlaskit/pragmatic-drag-and-drop/combine'
import { draggable, dropTargetForElements } from '@atlaskit/pragmatic-drag-and-drop/element/adapter'
import { pointerOutsideOfPreview } from '@atlaskit/pragmatic-drag-and-drop/element/pointer-outside-of-preview'
import { setCustomNativeDragPreview } from '@atlaskit/pragmatic-drag-and-drop/element/set-custom-native-drag-preview'
import { type RefObject, useEffect, useRef, useState } from 'react'
import type { Item } from '../../model/board.ts'
import { useBoard } from './board-context.tsx'
import { isUnnamed } from './pending.ts'

/** On which side of the item under the pointer the dragged one would land. */
export type DropEdge = 'before' | 'after'

/** Only what this list gave out is taken by it. */
const dragKind = 'backlog item'

/** Lets an item be dragged by its handle, and dropped before or after another one. */
export function useItemDragging(
  card: RefObject<HTMLElement | null>,
  handle: RefObject<HTMLElement | null>,
  item: Item,
): { readonly dragged: boolean; readonly edge: DropEdge | undefined } {
  const { actions } = useBoard()
  const [dragged, setDragged] = useState(false)
  const [edge, setEdge] = useState<DropEdge>()
  // The listeners stay for the card's life and read what is current: adding them anew for every change of
  // the list would end a drag that is under way.
  const current = useRef(item)
  current.current = item

  useEffect(() => {
    const element = card.current
    const dragHandle = handle.current
    if (element === null || dragHandle === null) return
    return combine(
      draggable({
        element,
        dragHandle,
        canDrag: () => !isUnnamed(current.current.id),
        getInitialData: () => ({ kind: dragKind, item: current.current }),
        onGenerateDragPreview: ({ nativeSetDragImage }) => {
          setCustomNativeDragPreview({
            nativeSetDragImage,
            getOffset: pointerOutsideOfPreview({ x: '14px', y: '10px' }),
            render: ({ container }) => {
              const preview = document.createElement('div')
              preview.className = 'drag-preview'
              preview.textContent = current.current.user_story
              container.append(preview)
            },
          })
        },
        onDragStart: () => setDragged(true),
        onDrop: () => setDragged(false),
      }),
      dropTargetForElements({
        element,
        canDrop: ({ source }) => source.data.kind === dragKind && source.element !== element,
        // The last target stays while the pointer is between two items or beside the list.
        getIsSticky: () => true,
        onDragEnter: ({ location }) => setEdge(edgeAt(element, location.current.input.clientY)),
        onDrag: ({ location }) => setEdge(edgeAt(element, location.current.input.clientY)),
        onDragLeave: () => setEdge(undefined),
        onDrop: ({ location, source }) => {
          setEdge(undefined)
          // Put there by getInitialData above, as its kind tells.
          const moved = source.data.item as Item
          actions.moveBeside(moved, current.current, edgeAt(element, location.current.input.clientY))
        },
      }),
    )
  }, [card, handle, actions])
  return { dragged, edge }
}

function edgeAt(element: HTMLElement, clientY: number): DropEdge {
  const { top, height } = element.getBoundingClientRect()
  return clientY < top + height / 2 ? 'before' : 'after'
}
