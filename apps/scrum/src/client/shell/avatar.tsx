import type { ReactElement } from 'react'

/** The first letters of somebody's name on their colour. Decoration: the name stands beside it or is read out. */
export function Avatar({
  name,
  hue,
  label,
  initialsOf = name,
}: {
  name: string
  hue: number
  label?: boolean
  /** Where more than the name is read out. */
  initialsOf?: string
}): ReactElement {
  const initials = initialsOf
    .split(/\s+/)
    .slice(0, 2)
    .map((word) => [...word][0]?.toUpperCase() ?? '')
    .join('')
  const classes = `avatar hue-${hue}`
  if (!label) {
    return (
      <span className={classes} aria-hidden="true">
        {initials}
      </span>
    )
  }
  return (
    <span className={classes} role="img" aria-label={name} title={name}>
      {initials}
    </span>
  )
}
