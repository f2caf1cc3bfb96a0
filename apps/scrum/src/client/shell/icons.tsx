import type { ReactElement } from 'react'

/** Line icons on a 20 x 20 grid; always beside or inside something that has a name. */

function Icon({ d, fill = false }: { d: string; fill?: boolean }): ReactElement {
  return (
    <svg
      width="20"
      height="20"
      viewBox="0 0 20 20"
      fill={fill ? 'currentColor' : 'none'}
      stroke={fill ? 'none' : 'currentColor'}
      strokeWidth="1.6"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={d} />
    </svg>
  )
}

const dot = (x: number, y: number): string => `M${x - 1.4} ${y}a1.4 1.4 0 1 0 2.8 0a1.4 1.4 0 1 0 -2.8 0`

export const GripIcon = () => (
  <Icon fill d={[5, 10, 15].flatMap((y) => [dot(7.2, y), dot(12.8, y)]).join('')} />
)
export const ChevronIcon = () => <Icon d="M7.5 4.5 13 10l-5.5 5.5" />
export const PlusIcon = () => <Icon d="M10 4v12M4 10h12" />
export const TrashIcon = () => (
  <Icon d="M3.5 5.5h13M8 5.5V3.5h4v2M5 5.5l.8 11h8.4l.8-11M8.4 8.8v4.6M11.6 8.8v4.6" />
)
export const CloseIcon = () => <Icon d="m5 5 10 10M15 5 5 15" />
export const SunIcon = () => (
  <Icon d="M13.2 10a3.2 3.2 0 1 1-6.4 0 3.2 3.2 0 0 1 6.4 0ZM10 2.5v1.6M10 15.9v1.6M2.5 10h1.6M15.9 10h1.6M4.7 4.7l1.1 1.1M14.2 14.2l1.1 1.1M4.7 15.3l1.1-1.1M14.2 5.8l1.1-1.1" />
)
export const MoonIcon = () => <Icon d="M16.5 11.6A6.8 6.8 0 0 1 8.4 3.5a6.8 6.8 0 1 0 8.1 8.1Z" />
export const DeviceIcon = () => <Icon d="M3 4.5h14v9H3zM7.5 16.5h5M10 13.5v3" />
export const PenIcon = () => <Icon d="m4 16 .8-3.2L13.4 4.2a1.7 1.7 0 0 1 2.4 2.4L7.2 15.2 4 16Z" />
export const UpIcon = () => <Icon d="M10 16V4.5M5 9.5l5-5 5 5" />
export const DownIcon = () => <Icon d="M10 4v11.5M5 10.5l5 5 5-5" />
export const ToTopIcon = () => <Icon d="M4 4h12M10 16.5V8M5.5 12l4.5-4.5L14.5 12" />
export const ToBottomIcon = () => <Icon d="M4 16h12M10 3.5V12M5.5 8l4.5 4.5L14.5 8" />
export const HashIcon = () => <Icon d="M8 3.5 6.5 16.5M13.5 3.5 12 16.5M4 7.5h13M3 12.5h13" />
export const CutIcon = () => <Icon d="M2.5 10h3M8.5 10h3M14.5 10h3M6 5.5h8M6 14.5h8" />
export const FileIcon = () => <Icon d="M5.5 2.5h6l4 4v11h-10zM11.5 2.5v4h4" />
export const ListIcon = () => <Icon d="M4 5.5h12M4 10h12M4 14.5h7" />
export const InIcon = () => <Icon d="M10 3v9M6 8.5l4 4 4-4M3.5 16.5h13" />
export const OutIcon = () => <Icon d="M10 12.5v-9M6 7l4-4 4 4M3.5 16.5h13" />
export const UndoIcon = () => <Icon d="M4 8h8.5a4 4 0 0 1 0 8H8M4 8l3.5-3.5M4 8l3.5 3.5" />
export const ArrowIcon = () => <Icon d="M4 10h12M11 5l5 5-5 5" />

/** Three bars in step. */
export const Logo = () => (
  <svg width="28" height="28" viewBox="0 0 32 32" aria-hidden="true">
    <rect className="logo-tile" width="32" height="32" rx="8" />
    <rect x="6" y="8" width="13" height="4.5" rx="2.25" fill="#ffd43b" />
    <rect x="9.5" y="14" width="13" height="4.5" rx="2.25" fill="#ffd43b" />
    <rect x="13" y="20" width="13" height="4.5" rx="2.25" fill="#ffd43b" />
  </svg>
)
