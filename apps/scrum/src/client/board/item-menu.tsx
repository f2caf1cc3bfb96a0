import { useCollection } from '@lockstep/client/react'
import {
  type FormEvent,
  type ReactElement,
  type ReactNode,
  type RefObject,
  useCallback,
  useEffect,
  useId,
  useRef,
  useState,
} from 'react'
import type { Item } from '../../model/board.ts'
import { sprintsInOrder } from '../rows.ts'
import {
  ArrowIcon,
  CutIcon,
  DownIcon,
  GripIcon,
  HashIcon,
  ToBottomIcon,
  ToTopIcon,
  TrashIcon,
  UpIcon,
} from '../shell/icons.tsx'
import { useBoard } from './board-context.tsx'
import { useDestroying } from './destroying.ts'
import { moveFocus, useFloating } from './floating.ts'
import { itemKey } from './highlights.ts'
import { isUnnamed } from './pending.ts'

/** The handle: to drag by, and a menu that does by keyboard and touch what dragging does. */
export function ItemMenu({
  item,
  index,
  count,
  handle,
  disabled,
}: {
  item: Item
  index: number
  count: number
  handle: RefObject<HTMLDivElement | null>
  disabled: boolean
}): ReactElement {
  const { actions, focus } = useBoard()
  const destroy = useDestroying(item)
  const [shown, setShown] = useState<'none' | 'menu' | 'position'>('none')
  const around = useRef<HTMLDivElement>(null)
  const menu = useRef<HTMLDivElement>(null)
  const menuId = useId()
  const close = useCallback(
    (returnFocus: boolean) => {
      setShown('none')
      if (returnFocus) handle.current?.focus()
    },
    [handle],
  )
  useFloating(shown !== 'none', around, close)
  useEffect(() => {
    if (shown === 'menu') menu.current?.querySelector<HTMLButtonElement>('button:not(:disabled)')?.focus()
  }, [shown])

  const toggle = (): void => {
    if (!disabled) setShown(shown === 'none' ? 'menu' : 'none')
  }
  const move = (target: number): void => {
    close(true)
    focus.key = itemKey(item.id)
    actions.items.move(item, target)
  }
  const moveTo = (sprintId: number | null): void => {
    close(false)
    // Where both lists are on the page the focus goes along; else it goes to what takes the item's place.
    const stays = document.querySelector(`[data-list="${sprintId ?? 'backlog'}"]`) !== null
    const next = stays ? item : actions.items.neighbourOf(item)
    focus.key = next && itemKey(next.id)
    actions.items.moveTo(item, sprintId)
  }
  const entry = (
    label: string,
    icon: ReactNode,
    keys: string,
    enabled: boolean,
    run: () => void,
  ): ReactElement => (
    <button type="button" role="menuitem" className="menu-entry" disabled={!enabled} onClick={run}>
      {icon}
      <span>{label}</span>
      {keys !== '' && <span className="menu-keys">{keys}</span>}
    </button>
  )
  return (
    <div className="item-menu" ref={around}>
      {/* Firefox starts no drag from a button element: this is one in all but name. */}
      {/* biome-ignore lint/a11y/useSemanticElements: see above */}
      <div
        ref={handle}
        data-handle=""
        role="button"
        tabIndex={0}
        className="item-handle"
        aria-label={`Move ${item.user_story}`}
        aria-haspopup="menu"
        aria-expanded={shown !== 'none'}
        aria-controls={shown === 'none' ? undefined : menuId}
        aria-keyshortcuts="Alt+ArrowUp Alt+ArrowDown Alt+Home Alt+End"
        aria-disabled={disabled}
        title="Drag to move, or click for more"
        onClick={toggle}
        onKeyDown={(event) => {
          if (event.altKey || (event.key !== 'Enter' && event.key !== ' ')) return
          event.preventDefault()
          toggle()
        }}
      >
        <GripIcon />
      </div>
      {shown === 'menu' && (
        <div
          ref={menu}
          id={menuId}
          className="menu"
          role="menu"
          tabIndex={-1}
          aria-label={`Move ${item.user_story}`}
          onKeyDown={(event) => moveFocus(menu.current, event)}
        >
          {entry('Move up', <UpIcon />, 'Alt ↑', index > 0, () => move(index - 1))}
          {entry('Move down', <DownIcon />, 'Alt ↓', index < count - 1, () => move(index + 1))}
          {entry('Move to the top', <ToTopIcon />, 'Alt Home', index > 0, () => move(0))}
          {entry('Move to the bottom', <ToBottomIcon />, 'Alt End', index < count - 1, () => move(count - 1))}
          {entry('Move to position …', <HashIcon />, '', count > 1, () => setShown('position'))}
          {item.sprint_id === null &&
            entry('Cut the backlog below', <CutIcon />, '', true, () => {
              close(true)
              actions.markers.createBelow(item)
            })}
          <Targets item={item} choose={moveTo} />
          <hr />
          {entry('Delete', <TrashIcon />, '', true, destroy)}
        </div>
      )}
      {shown === 'position' && (
        <PositionForm id={menuId} index={index} count={count} choose={(position) => move(position - 1)} />
      )}
    </div>
  )
}

/** Sprints that the menu offers. */
const targetsMax = 5

/** The other lists that an item can go to: the backlog, and sprints that have not ended. */
function Targets({
  item,
  choose,
}: {
  item: Item
  choose: (sprintId: number | null) => void
}): ReactElement | null {
  const { project, today } = useBoard()
  const sprints = useCollection(project.sprints, inTime)
  const open = sprints
    .filter(({ id, to_date }) => id !== item.sprint_id && to_date >= today && !isUnnamed(id))
    .slice(0, targetsMax)
  const targets = item.sprint_id === null ? open : [{ id: null, name: 'the backlog' }, ...open]
  if (targets.length === 0) return null
  return (
    <>
      <hr />
      {targets.map(({ id, name }) => (
        <button
          key={id ?? 'backlog'}
          type="button"
          role="menuitem"
          className="menu-entry"
          onClick={() => choose(id)}
        >
          <ArrowIcon />
          <span>Move to {name}</span>
        </button>
      ))}
    </>
  )
}

const inTime = { select: sprintsInOrder }

function PositionForm({
  id,
  index,
  count,
  choose,
}: {
  id: string
  index: number
  count: number
  choose: (position: number) => void
}): ReactElement {
  const field = useRef<HTMLInputElement>(null)
  const fieldId = useId()
  useEffect(() => field.current?.select(), [])
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    const position = field.current?.valueAsNumber ?? Number.NaN
    if (Number.isInteger(position)) choose(Math.min(Math.max(position, 1), count))
  }
  return (
    <form id={id} className="menu position-form" onSubmit={submit}>
      <label htmlFor={fieldId}>Position, 1 to {count}</label>
      <div>
        <input
          ref={field}
          id={fieldId}
          className="field"
          type="number"
          min={1}
          max={count}
          required
          defaultValue={index + 1}
        />
        <button type="submit" className="button">
          Move
        </button>
      </div>
    </form>
  )
}
