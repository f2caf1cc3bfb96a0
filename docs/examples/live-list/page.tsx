import { createClient } from '@lockstep/client'
import { LockstepProvider, useChannel, useCollection, useStatus } from '@lockstep/client/react'
import { createRoot } from 'react-dom/client'
import type { sync } from './server.ts'

function List() {
  const { todos } = useChannel<typeof sync>('list/1')
  const rows = useCollection(todos)
  return (
    <form action={(form) => void todos.create({ title: String(form.get('title')) })}>
      {rows.map((row) => (
        <p key={todos.keyOf(row)}>{row.title}</p>
      ))}
      <input name="title" aria-label="New" /> {useStatus().state}
    </form>
  )
}

const client = createClient<typeof sync>({ url: '/lockstep' })
createRoot(document.body).render(
  <LockstepProvider client={client}>
    <List />
  </LockstepProvider>,
)
