import { FayeSubscriber } from './faye-subscriber.js'

export const todos = new Backbone.Collection()
export const subscriber = new FayeSubscriber(new Faye.Client('/faye'), todos, '/sync/todos')
