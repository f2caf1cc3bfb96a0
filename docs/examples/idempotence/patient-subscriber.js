export class PatientSubscriber {
  constructor(client, collection, channel) {
    this.collection = collection
    this.subscription = client.subscribe(channel, (message) => this.receive(message))
  }

  receive({ create = {}, update = {}, destroy = {} }) {
    this.collection.add(Object.values(create), { merge: true })
    for (const [id, attributes] of Object.entries(update)) this.collection.get(id)?.set(attributes)
    this.collection.remove(Object.keys(destroy))
  }
}
