import { expect, it } from 'vitest'
import { outwardError } from './faults.ts'

/** What leaves a write whose statement failed in Postgres. */
function said(message: string, statement: string, where = ''): string {
  const fault = { severity: 'ERROR', code: '22023', message, query: statement, where }
  const error = outwardError(Object.assign(new Error(message), fault))
  return error instanceof Error ? error.message : ''
}

const hex = 'invalid hexadecimal digit: "z"'

it.each([
  [hex, 'INSERT INTO t (id, data) VALUES ($1, $2::text::bytea)', 'data'],
  [hex, 'UPDATE t SET title = $1, data = $2::bytea WHERE id = $3', 'data'],
  ['invalid input syntax for type uuid: "x"', 'INSERT INTO t (id, data) VALUES ($1::uuid, $2::bytea)', 'id'],
  [hex, 'UPDATE t SET data = $1', 'data'],
])('W5: %s in "%s" is said of "%s"', (message, statement, column) => {
  expect(said(message, statement)).toBe(`The value of "${column}" does not fit its column.`)
})

it.each([
  [hex, 'INSERT INTO t (a, b) VALUES ($1::bytea, $2::bytea)'],
  [hex, 'INSERT INTO t (a, b) VALUES ($1, $2)'],
  [hex, "INSERT INTO t (a) VALUES ('x')"],
])('W5: %s in "%s" is said of no column, where it may be any', (message, statement) => {
  expect(said(message, statement)).toBe('A value does not fit its column.')
})

it('W5: what Postgres tells of a parameter comes before a guess', () => {
  const statement = 'INSERT INTO t (a, b) VALUES ($1::bytea, $2)'
  expect(said(hex, statement, 'unnamed portal parameter $2')).toContain('"b"')
})
