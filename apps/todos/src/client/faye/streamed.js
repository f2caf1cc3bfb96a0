import Backbone from 'backbone'
import { List, Lists, Todo, Todos } from '../models.ts'

// Models whose rows come over Faye. A reply to a save may be older than what Faye has brought meanwhile, so
// replies say only yes or no: what the row is, and whether it is there, the stream says.

const unprocessable = 422

/**
 * @template {new (...args: any[]) => import('backbone').Model<any>} Base
 * @param {Base} Base
 */
function streamed(Base) {
  return class extends Base {
    /** @param {any[]} args */
    constructor(...args) {
      super(...args)
      /** Attributes as the stream last had them: what the model goes back to when a save is refused. */
      this.confirmed = { ...this.attributes }
      this.on('error', this.refused, this)
    }

    /**
     * @param {object} attributes
     * @param {object} options
     */
    confirm(attributes, options) {
      Object.assign(this.confirmed, attributes)
      this.set(attributes, options)
    }

    /** @override */
    parse() {
      return undefined
    }

    /**
     * @override
     * @param {object} [options]
     */
    destroy(options) {
      return super.destroy({ ...options, wait: true })
    }

    /**
     * @param {unknown} _model
     * @param {any} reply
     */
    refused(_model, reply) {
      if (!this.isNew()) this.set(this.confirmed)
      if (reply.status !== unprocessable) return
      this.validationError = reply.responseJSON
      this.trigger('invalid', this, this.validationError)
    }
  }
}

/**
 * @template {new (...args: any[]) => import('backbone').Collection<any>} Base
 * @param {Base} Base
 */
function streamedCollection(Base) {
  return class extends Base {
    /** @type {WeakMap<object, string>} of each model made here, what tells its request from others */
    requestKeys = new WeakMap()

    /**
     * Sends a new row; the stream brings it back, and adds it for everybody alike. A model that was made here
     * is sent again, as the same request: the server may have taken it, and only the answer was lost.
     * @override
     * @param {object} given
     */
    create(given) {
      const isAgain = given instanceof Backbone.Model
      const model = isAgain ? given : this.made(given)
      const headers = { 'Idempotency-Key': this.requestKeys.get(model) }
      model.save(null, /** @type {object} */ ({ headers }))
      return model
    }

    /** @param {object} attributes */
    made(attributes) {
      const Model = /** @type {new (...args: object[]) => import('backbone').Model} */ (this.model)
      const model = new Model(attributes, { collection: this })
      this.requestKeys.set(model, crypto.getRandomValues(new Uint32Array(4)).join('-'))
      for (const event of ['error', 'invalid']) {
        this.listenTo(model, event, (/** @type {unknown[]} */ ...args) => this.trigger(event, ...args))
      }
      return model
    }
  }
}

export const StreamedTodo = /** @type {typeof Todo} */ (streamed(Todo))
export const StreamedList = /** @type {typeof List} */ (streamed(List))
export const StreamedTodos = /** @type {typeof Todos} */ (streamedCollection(Todos))
export const StreamedLists = /** @type {typeof Lists} */ (streamedCollection(Lists))
