import { afterAll, beforeAll, expect, test } from 'vitest'
import { type BoardInTest, type Browser, startBoard } from '../board.testing.ts'

let board: BoardInTest
let alice: Browser
const api = '/api/projects/1'

beforeAll(async () => {
  board = await startBoard()
  alice = await board.browser('alice@example.com')
})
afterAll(() => board.close())

async function made(rows: string, body: object): Promise<{ id: number; user_id?: number }> {
  const reply = await alice.send('POST', `${api}/${rows}`, body)
  expect(reply.status).toBe(201)
  return (await reply.json()) as { id: number }
}

async function faultOf(reply: Response): Promise<string> {
  const { error } = (await reply.json()) as { error: { message: string } }
  return `${reply.status} ${error.message.split(':')[0]}`
}

test('an impediment is written down, described, closed and deleted with what was said about it', async () => {
  const { id } = await made('impediments', { summary: '  no  key\n' })
  const patch = async (body: object) => (await alice.send('PATCH', `${api}/impediments/${id}`, body)).json()
  expect(await patch({ description: 'since\r\nMonday' })).toMatchObject({
    description: 'since\nMonday',
    open: true,
  })
  expect(await patch({ open: false, summary: 'no key' })).toMatchObject({ summary: 'no key', open: false })
  const comment = await made('comments', { impediment_id: id, text: 'I have one', user_id: 2 })
  // Nobody speaks in another's name.
  expect(comment.user_id).toBe(1)
  expect((await alice.send('DELETE', `${api}/impediments/${id}`)).status).toBe(200)
  expect((await board.sql`select 1 from comments where impediment_id = ${id}`).length).toBe(0)
  expect((await alice.send('PATCH', `${api}/impediments/${id}`, { open: true })).status).toBe(404)
  const again = await made('impediments', { summary: 'no key', restores: id })
  const said = await board.sql`select text from comments where impediment_id = ${again.id}`
  expect([...said]).toEqual([{ text: 'I have one' }])
})

test('bad impediments and comments are refused by field', async () => {
  const { id } = await made('impediments', { summary: 'slow' })
  const both = { impediment_id: id, item_id: 1, text: 'x' }
  for (const [rows, body, fault] of [
    ['impediments', { summary: ' ' }, '400 summary'],
    ['impediments', { summary: 'x', description: 'x'.repeat(20_001) }, '400 description'],
    ['impediments', { summary: 'x', open: 'yes' }, '400 open'],
    ['comments', { impediment_id: id, text: ' \n ' }, '400 text'],
    ['comments', { impediment_id: id, text: 'x'.repeat(5001) }, '400 text'],
    ['comments', { text: 'about nothing' }, '400 item_id'],
    ['comments', both, '400 item_id'],
    ['comments', { item_id: 2 ** 31, text: 'x' }, '400 item_id'],
    ['comments', { impediment_id: id + 1000, text: 'x' }, '404 What this is about is gone.'],
  ] as const) {
    expect(await faultOf(await alice.send('POST', `${api}/${rows}`, body))).toBe(fault)
  }
})
