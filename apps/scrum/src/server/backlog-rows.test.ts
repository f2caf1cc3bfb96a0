import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type BoardInTest, type Browser, startBoard } from './board.testing.ts'

let board: BoardInTest
let alice: Browser
let olivia: Browser
let bob: Browser
let itemId: number
const api = '/api/projects/1'

beforeAll(async () => {
  board = await startBoard()
  alice = await board.browser('alice@example.com')
  olivia = await board.browser('olivia@example.com')
  bob = await board.browser('bob@example.com')
})
afterAll(() => board.close())

beforeEach(async () => {
  await board.sql`delete from items where project_id = 1`
  await board.sql`delete from tags where project_id = 1`
  await board.sql`delete from planning_markers`
  itemId = (await made('items', { user_story: 'an item' })).id
})

interface Made {
  readonly id: number
  readonly ids?: number[]
  readonly count?: number
}

async function made(path: string, body: object): Promise<Made> {
  const reply = await alice.send('POST', `${api}/${path}`, body)
  expect(reply.status).toBe(201)
  return (await reply.json()) as Made
}

async function faultOf(reply: Response): Promise<string> {
  const { error } = (await reply.json()) as { error: { message: string } }
  return `${reply.status} ${error.message.split(':')[0]}`
}

async function stories(): Promise<string[]> {
  const rows = await board.sql<{ user_story: string }[]>`
    select user_story from items where project_id = 1 and sprint_id is null order by position`
  return rows.map((row) => row.user_story)
}

describe('tags', () => {
  test('are made by naming them on an item, once however they are spelled and whoever is first', async () => {
    const replies = await Promise.all([
      alice.send('POST', `${api}/item_tags`, { item_id: itemId, name: 'Money' }),
      olivia.send('POST', `${api}/item_tags`, { item_id: itemId, name: 'money' }),
    ])
    expect(replies.map(({ status }) => status)).toEqual([201, 201])
    expect((await board.sql`select 1 from tags where project_id = 1`).length).toBe(1)
    const [link] = await board.sql`select id, tag_id from item_tags where item_id = ${itemId}`
    await alice.send('PATCH', `${api}/tags/${link?.tag_id}`, { name: 'till' })
    expect([...(await board.sql`select name from tags where project_id = 1`)]).toEqual([{ name: 'till' }])
    expect((await alice.send('DELETE', `${api}/item_tags/${link?.id}`)).status).toBe(200)
    expect((await alice.send('DELETE', `${api}/item_tags/${link?.id}`)).status).toBe(404)
  })

  test('a deleted tag comes back with its items, and a deleted item with its tags', async () => {
    const { id } = await made('tags', { name: 'again', item_ids: [itemId, itemId + 1000] })
    expect((await board.sql`select 1 from item_tags where tag_id = ${id}`).length).toBe(1)
    const item = await made('items', { user_story: 'back', tags: ['Again', 'new'] })
    const names = await board.sql`
      select name from item_tags join tags on tags.id = tag_id where item_id = ${item.id} order by name`
    expect([...names]).toEqual([{ name: 'again' }, { name: 'new' }])
  })

  test('bad ones are refused by field', async () => {
    const { id } = await made('tags', { name: 'one' })
    await made('tags', { name: 'two' })
    const send = async (method: string, path: string, body: object) =>
      await faultOf(await alice.send(method, `${api}/${path}`, body))
    expect(await send('POST', 'tags', { name: '' })).toBe('400 name')
    expect(await send('POST', 'tags', { name: 'a,b' })).toBe('400 name')
    expect(await send('POST', 'tags', { name: 'x'.repeat(41) })).toBe('400 name')
    expect(await send('PATCH', `tags/${id}`, { name: 'TWO' })).toBe('400 name')
    expect(await send('POST', 'item_tags', { item_id: itemId + 1000, name: 'x' })).toBe(
      '404 This item is gone.',
    )
    for (let i = 0; i < 20; i++) await made('item_tags', { item_id: itemId, name: `tag ${i}` })
    expect(await send('POST', 'item_tags', { item_id: itemId, name: 'one more' })).toBe('400 name')
  })
})

describe('attachments', () => {
  const content = Buffer.from('<script>alert(1)</script>').toString('base64')

  test('are kept as they were sent, and only ever handed out to be saved', async () => {
    const { id } = await made('attachments', { item_id: itemId, name: 'a "b" é.html', content })
    const [row] = await board.sql`select name, size from attachments where id = ${id}`
    expect(row).toEqual({ name: 'a "b" é.html', size: 25 })
    const reply = await alice.get(`${api}/attachments/${id}`)
    expect(await reply.text()).toBe('<script>alert(1)</script>')
    expect(reply.headers.get('content-type')).toBe('application/octet-stream')
    expect(reply.headers.get('content-disposition')).toBe(
      `attachment; filename*=UTF-8''a%20%22b%22%20%C3%A9.html`,
    )
    expect(reply.headers.get('x-content-type-options')).toBe('nosniff')
    expect((await alice.send('DELETE', `${api}/attachments/${id}`)).status).toBe(200)
    expect((await board.sql`select 1 from attachment_contents where attachment_id = ${id}`).length).toBe(0)
    expect((await alice.get(`${api}/attachments/${id}`)).status).toBe(404)
  })

  test('a deleted one comes back as it was, once, and only to an item that is there', async () => {
    const { id } = await made('attachments', { item_id: itemId, name: 'plan.txt', content })
    const [before] = await board.sql`select item_id, user_id, name, size, created_at from attachments`
    expect((await olivia.send('DELETE', `${api}/attachments/${id}`)).status).toBe(200)
    const restore = (browser: Browser, project = 1) =>
      browser.send('POST', `/api/projects/${project}/attachments/restore`, { restores: id })
    expect(await faultOf(await restore(bob))).toBe('404 There is nothing at this address.')
    expect(await faultOf(await restore(bob, 2))).toBe('404 This attachment is gone.')
    const reply = await restore(olivia)
    expect(reply.status).toBe(201)
    const again = (await reply.json()) as Made
    const [after] = await board.sql`select item_id, user_id, name, size, created_at from attachments`
    expect(after).toEqual(before)
    const file = await alice.get(`${api}/attachments/${again.id}`)
    expect(await file.text()).toBe('<script>alert(1)</script>')
    expect((await restore(olivia)).status).toBe(404)

    // What was deleted before its item does not come back with that.
    await alice.send('DELETE', `${api}/attachments/${again.id}`)
    await alice.send('DELETE', `${api}/items/${itemId}`)
    const item = await made('items', { user_story: 'an item', restores: itemId })
    expect((await board.sql`select 1 from attachments where item_id = ${item.id}`).length).toBe(0)
    const late = await alice.send('POST', `${api}/attachments/restore`, { restores: again.id })
    expect(late.status).toBe(404)
  })

  test('bad and large ones are refused', async () => {
    const send = async (body: object) => await faultOf(await alice.send('POST', `${api}/attachments`, body))
    expect(await send({ item_id: itemId, name: '../etc/passwd', content })).toBe('400 name')
    expect(await send({ item_id: itemId, name: 'x', content: 'no base64!' })).toBe('400 content')
    expect(await send({ item_id: itemId + 1000, name: 'x', content })).toBe('404 This item is gone.')
    const large = 'A'.repeat(1_048_576 * 1.5)
    expect(
      (await alice.send('POST', `${api}/attachments`, { item_id: itemId, name: 'x', content: large })).status,
    ).toBe(413)
    const almost = Buffer.alloc(1_048_576, 1).toString('base64')
    expect((await made('attachments', { item_id: itemId, name: 'x', content: almost })).id).toBeGreaterThan(0)
  })

  test('what is in them is in no page and no message', async () => {
    await made('attachments', {
      item_id: itemId,
      name: 'secret.txt',
      content: Buffer.from('s3cr3t').toString('base64'),
    })
    const html = await (await alice.get('/projects/1')).text()
    expect(html).toContain('secret.txt')
    expect(html).not.toContain('s3cr3t')
    expect(html).not.toContain(Buffer.from('s3cr3t').toString('base64'))
  })
})

test('what hung on a deleted item comes back with it, once, and only in its own project', async () => {
  await made('comments', { item_id: itemId, text: 'said' })
  for (const name of ['a.txt', 'b.txt']) {
    const content = Buffer.from(`in ${name}`).toString('base64')
    await made('attachments', { item_id: itemId, name, content })
  }
  expect((await alice.send('DELETE', `${api}/items/${itemId}`)).status).toBe(200)
  const stolen = await bob.send('POST', '/api/projects/2/items', { user_story: 'x', restores: itemId })
  const other = ((await stolen.json()) as Made).id
  expect((await board.sql`select 1 from comments where item_id = ${other}`).length).toBe(0)

  const again = await made('items', { user_story: 'an item', restores: itemId })
  const said = await board.sql`select text, user_id from comments where item_id = ${again.id}`
  expect([...said]).toEqual([{ text: 'said', user_id: 1 }])
  const files = await board.sql<{ id: number; name: string }[]>`
    select id, name from attachments where item_id = ${again.id} order by name`
  expect(files.map(({ name }) => name)).toEqual(['a.txt', 'b.txt'])
  const file = await alice.get(`${api}/attachments/${files[1]?.id}`)
  expect(await file.text()).toBe('in b.txt')

  const twice = await made('items', { user_story: 'an item', restores: itemId })
  expect((await board.sql`select 1 from comments where item_id = ${twice.id}`).length).toBe(0)
})

describe('markers', () => {
  test('cut the backlog by velocity, are moved, removed, and put back as they were', async () => {
    for (const estimate of [5, 5, 8, 3, 13])
      await made('items', { user_story: `${estimate} points`, estimate })
    expect(await made('markers/distribute', { velocity: 10 })).toMatchObject({ count: 3 })
    const positions = async () => {
      const rows = await board.sql<
        { position: string }[]
      >`select position from planning_markers order by position`
      return rows.map(({ position }) => position)
    }
    const cut = await positions()
    const parts = await board.sql`
      select sum(estimate) as points from items i where project_id = 1 and sprint_id is null
      group by (select count(*) from planning_markers m where m.position < i.position) order by min(position)`
    expect(parts.map(({ points }) => points)).toEqual([10, 8, 3, 13])
    const { id } = await made('markers', { position: 'zV' })
    await alice.send('PATCH', `${api}/markers/${id}`, { position: 'zW' })
    expect(await positions()).toEqual([...cut, 'zW'])
    await alice.send('DELETE', `${api}/markers/${id}`)
    const gone = await alice.send('DELETE', `${api}/markers`)
    expect(await gone.json()).toEqual({ count: 3 })
    await made('markers/replace', { positions: cut })
    expect(await positions()).toEqual(cut)
  })

  test('bad ones are refused by field', async () => {
    for (const [path, body, fault] of [
      ['markers', { position: '0' }, '400 position'],
      ['markers/distribute', { velocity: 0 }, '400 velocity'],
      ['markers/distribute', { velocity: 'many' }, '400 velocity'],
      ['markers/distribute', {}, '400 velocity'],
      ['markers/replace', { positions: ['V', ''] }, '400 positions.1'],
    ] as const) {
      expect(await faultOf(await alice.send('POST', `${api}/${path}`, body))).toBe(fault)
    }
  })
})

describe('many items at once', () => {
  test('are added by lines in their order, and taken back but for what went on meanwhile', async () => {
    const { ids = [] } = await made('items/bulk', { lines: ['one', 'two', ' three '] })
    expect(await stories()).toEqual(['an item', 'one', 'two', 'three'])
    const sprint = await made('sprints', { name: 'S', from_date: '2026-01-01', to_date: '2026-01-02' })
    await alice.send('PATCH', `${api}/items/${ids[1]}`, { sprint_id: sprint.id })
    expect(await made('items/destroy', { ids: [...ids, 999_999] })).toMatchObject({ count: 2 })
    expect(await stories()).toEqual(['an item'])
    await board.sql`delete from sprints where id = ${sprint.id}`
    expect(await stories()).toEqual(['an item', 'two'])
  })

  test('go out as CSV and come in again the same, all or none', async () => {
    const description = '=1+1\n"quoted", and more'
    await made('items', {
      user_story: '=cmd()',
      description,
      estimate: 0.5,
      tags: ['a', 'b'],
      tasks: [{ summary: '-x' }],
    })
    const file = await alice.get(`${api}/items/backlog.csv`)
    expect(file.headers.get('content-disposition')).toBe('attachment; filename="backlog.csv"')
    const csv = await file.text()
    expect(csv).toContain("'=cmd()")
    const { ids = [] } = await made('items/import', { csv })
    expect(await stories()).toEqual(['an item', '=cmd()', 'an item', '=cmd()'])
    const [copy] = await board.sql`
      select description, estimate, (select array_agg(summary) from tasks where item_id = i.id) as tasks,
        (select array_agg(name order by name) from item_tags join tags on tags.id = tag_id where item_id = i.id) as tags
      from items i where id = ${ids[1] ?? 0}`
    expect(copy).toEqual({ description, estimate: 0.5, tasks: ['-x'], tags: ['a', 'b'] })

    const faulty = await alice.send('POST', `${api}/items/import`, { csv: 'title,points\nfine,1\nbad,many' })
    expect(await faultOf(faulty)).toBe('400 csv')
    expect((await stories()).length).toBe(4)
  })

  test('5,000 come in by one request', async () => {
    const csv = `user story,tags\n${Array.from({ length: 5000 }, (_, i) => `line ${i},bulk`).join('\n')}`
    const { ids = [] } = await made('items/import', { csv })
    expect(new Set(ids).size).toBe(5000)
    expect((await board.sql`select 1 from item_tags where project_id = 1`).length).toBe(5000)
    const shown = await stories()
    expect([shown[1], shown[5000]]).toEqual(['line 0', 'line 4999'])
    const more = await alice.send('POST', `${api}/items/import`, { csv: `${csv}\none more,` })
    expect(await faultOf(more)).toBe('400 csv')
  }, 60_000)
})

test('G9: who is not a member gets the 404 of what does not exist, also through a project of their own', async () => {
  const tag = await made('tags', { name: 'secret' })
  const link = await made('item_tags', { item_id: itemId, name: 'secret' })
  const file = await made('attachments', { item_id: itemId, name: 'x', content: 'AAAA' })
  const marker = await made('markers', { position: 'V' })
  const missing = await faultOf(await bob.send('POST', '/api/projects/999/tags', { name: 'x' }))
  for (const [method, path, body] of [
    ['PATCH', `tags/${tag.id}`, { name: 'x' }],
    ['DELETE', `tags/${tag.id}`, undefined],
    ['POST', 'item_tags', { item_id: itemId, name: 'x' }],
    ['DELETE', `item_tags/${link.id}`, undefined],
    ['POST', 'attachments', { item_id: itemId, name: 'x', content: 'AAAA' }],
    ['GET', `attachments/${file.id}`, undefined],
    ['DELETE', `attachments/${file.id}`, undefined],
    ['PATCH', `markers/${marker.id}`, { position: 'W' }],
    ['DELETE', `markers/${marker.id}`, undefined],
  ] as const) {
    expect(await faultOf(await bob.send(method, `${api}/${path}`, body))).toBe(missing)
    expect((await bob.send(method, `/api/projects/2/${path}`, body)).status).toBe(404)
  }
  for (const [method, path, body] of [
    ['POST', 'markers/distribute', { velocity: 5 }],
    ['DELETE', 'markers', undefined],
    ['POST', 'items/bulk', { lines: ['x'] }],
    ['POST', 'items/import', { csv: 'title\nx' }],
    ['POST', 'items/destroy', { ids: [itemId] }],
    ['GET', 'items/backlog.csv', undefined],
  ] as const) {
    expect(await faultOf(await bob.send(method, `${api}/${path}`, body))).toBe(missing)
  }
  const own = await bob.send('POST', '/api/projects/2/items/destroy', { ids: [itemId] })
  expect(await own.json()).toEqual({ count: 0 })
  expect(await stories()).toEqual(['an item'])
})
