/** Said with every change that the stream brings, for views that show whose it is. */
const byOthers = /** @type {object} */ ({ origin: 'remote' })

/**
 * Keeps a Backbone collection in step with a channel's messages: `{create: {id: attributes}}`, `update` and
 * `destroy` likewise. Every message may come twice, and changes nothing the second time.
 */
export class FayeSubscriber {
  /**
   * @param {import('backbone').Collection<any>} collection
   * @param {object} options
   * @param {Pick<import('./faye-client.ts').FayeClient, 'subscribe'>} options.client
   * @param {import('./position-extension.js').PositionExtension} options.extension
   * @param {string} options.channel such as `list/1/todos`
   */
  constructor(collection, { client, extension, channel }) {
    this.collection = collection
    this.channel = `/sync/${channel}`
    /** @type {object[] | undefined} messages that wait until the rows have been fetched anew */
    this.waiting = undefined
    extension.resets.set(this.channel, () => this.begin())
    this.subscribed = client.subscribe(this.channel, (message) => this.receive(message))
  }

  /** @param {any} message */
  receive(message) {
    if (this.waiting !== undefined) {
      this.waiting.push(message)
      return
    }
    if (message.create) this.create(message.create)
    if (message.update) this.update(message.update)
    if (message.destroy) this.destroy(message.destroy)
  }

  /** @param {Record<string, object>} params */
  create(params) {
    for (const [id, attributes] of Object.entries(params)) {
      if (this.collection.get(id)) this.update({ [id]: attributes })
      else this.collection.add({ ...attributes }, byOthers)
    }
  }

  /** @param {Record<string, object>} params */
  update(params) {
    for (const [id, attributes] of Object.entries(params)) {
      this.collection.get(id)?.confirm(attributes, byOthers)
    }
  }

  /** @param {Record<string, object>} params */
  destroy(params) {
    for (const id of Object.keys(params)) {
      const model = this.collection.get(id)
      if (model) this.collection.remove(model, byOthers)
    }
  }

  /** Bayeux has no snapshots: where the messages cannot go on, the rows are fetched, and then what came since. */
  async begin() {
    if (this.waiting !== undefined) return
    this.waiting = []
    const [, channel = '', name = ''] = /^\/sync\/(.*)\/([^/]+)$/.exec(this.channel) ?? []
    let rows = await rowsOf(channel, name)
    while (rows === undefined) {
      await new Promise((resolve) => setTimeout(resolve, retryMs))
      rows = await rowsOf(channel, name)
    }
    const known = new Set(rows.map(({ id }) => id))
    this.collection.remove(this.collection.filter((model) => !known.has(model.id)))
    for (const row of rows) this.create({ [row.id]: row })
    const messages = this.waiting
    this.waiting = undefined
    for (const message of messages) this.receive(message)
  }
}

/** Time until rows are asked for again, in ms. */
const retryMs = 2_000

/**
 * The rows of a channel's collection; undefined where the server did not answer.
 * @param {string} channel
 * @param {string} name
 * @returns {Promise<{ id: number }[] | undefined>}
 */
async function rowsOf(channel, name) {
  const reply = await fetch(`/lockstep/snapshot/${channel}`).catch(() => undefined)
  if (reply === undefined || reply.status >= 500) return undefined
  if (!reply.ok) return []
  const { columns, rows } = (await reply.json()).collections[name]
  return rows.map((/** @type {unknown[]} */ row) =>
    Object.fromEntries(
      columns.map((/** @type {string} */ column, /** @type {number} */ i) => [column, row[i]]),
    ),
  )
}
