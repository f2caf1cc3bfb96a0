export class FayeSubscriber {
  constructor(client, collection, channel) {
    this.collection = collection
    this.subscription = client.subscribe(channel, (message) => this.receive(message))
  }

  receive(message) {
    for (const [event, rows] of Object.entries(message)) this[event](rows)
  }

  create(rows) {
    for (const attributes of Object.values(rows)) this.collection.add(new this.collection.model(attributes))
  }

  update(rows) {
    for (const [id, attributes] of Object.entries(rows)) this.collection.get(id).set(attributes)
  }

  destroy(rows) {
    for (const id of Object.keys(rows)) this.collection.remove(this.collection.get(id))
  }
}
