import { type ReactElement, useEffect, useState } from 'react'

/** When something was: in the reader's own time zone, which the server does not know. */
export function Moment({ at }: { at: string }): ReactElement {
  const [text, setText] = useState(at.slice(0, 10))
  useEffect(() => {
    const date = new Date(at)
    const today = date.toDateString() === new Date().toDateString()
    setText(
      today
        ? date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
        : date.toLocaleDateString([], { day: 'numeric', month: 'short', year: 'numeric' }),
    )
  }, [at])
  return <time dateTime={at}>{text}</time>
}
