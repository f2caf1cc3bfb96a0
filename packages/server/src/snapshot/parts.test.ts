import { expect, it } from 'vitest'
import { modelSync } from '../routing/model.setup.ts'
import { partsOf } from './parts.ts'

const member = modelSync.viewOf('member') ?? -1
const guest = modelSync.viewOf('guest') ?? -1
const told = (channel: string, view: number) =>
  partsOf(modelSync, channel, view).map(({ collection, columns, where }) => ({
    name: collection.name,
    columns: columns.map((column) => collection.columns[column]),
    where: where.map((all) => all.map(({ column, text }) => `${collection.columns[column]}=${text}`)),
  }))

it('reads the collections of a channel that the view sees, by each template that gives the channel', () => {
  expect(told('project/a%20b', member)).toEqual([
    { name: 'items', columns: ['id', 'title', 'assignee_id', 'notes'], where: [['project_id=a b']] },
    { name: 'links', columns: ['id', 'kind', 'title'], where: [['from_id=a b'], ['to_id=a b']] },
    { name: 'secrets', columns: ['id', 'title'], where: [['project_id=a b']] },
  ])
  expect(told('project/1', guest).map(({ name }) => name)).toEqual(['items', 'links'])
  expect(told('user/1', guest)).toEqual([
    { name: 'items', columns: ['id', 'title'], where: [['assignee_id=1']] },
  ])
  expect(told('project/1/2', member)).toEqual([])
  expect(told('project/%61', member)).toEqual([]) // not the canonical spelling of "a"
})
