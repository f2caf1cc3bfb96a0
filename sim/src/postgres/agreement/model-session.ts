import { DatabaseError, type Row } from '../database.ts'
import type { PostgresModel } from '../model.ts'
import type { ModelTransaction } from '../transaction.ts'
import type { Operation, Outcome } from './operation.ts'

/** A connection to the model: one statement at a time. */
export class ModelSession {
  readonly #model: PostgresModel
  transaction: ModelTransaction | undefined
  /** Under way, or the last that ended. */
  operation: Operation | undefined
  /** Of the last statement; undefined while it is under way. */
  outcome: Outcome | undefined = { gave: null }
  hasFailed = false

  constructor(model: PostgresModel) {
    this.#model = model
  }

  get isBusy(): boolean {
    return this.outcome === undefined
  }

  get isCommitting(): boolean {
    return this.isBusy && this.operation?.kind === 'commit'
  }

  start(operation: Operation): void {
    this.operation = operation
    this.outcome = undefined
    this.#run(operation).then(
      (gave) => {
        this.outcome = { gave: gave ?? null }
      },
      (error: unknown) => {
        if (!(error instanceof DatabaseError)) throw error
        this.hasFailed = this.transaction !== undefined
        this.outcome = { error: error.code }
      },
    )
  }

  async #run(operation: Operation): Promise<unknown> {
    if (operation.kind === 'begin') {
      this.transaction = this.#model.open()
      this.hasFailed = false
      return
    }
    const { transaction } = this
    if (transaction === undefined) throw new Error('no transaction')
    switch (operation.kind) {
      case 'commit':
      case 'rollback':
        await transaction[operation.kind]()
        this.transaction = undefined
        return
      case 'get':
      case 'lock':
        return this.#columns(
          operation.table,
          await transaction[operation.kind](operation.table, operation.key),
        )
      case 'delete':
        return Number(await transaction.delete(operation.table, operation.key))
      case 'insert':
        await transaction.insert(operation.table, operation.row)
        return 1
      case 'update':
        return Number(await transaction.update(operation.table, operation.key, operation.columns))
      case 'emit':
        return transaction.emit(operation.content)
      case 'truncate':
        return transaction.truncate(operation.table)
      case 'addColumn':
        return transaction.addColumn(operation.table, operation.column)
    }
  }

  /** A row with all its columns. */
  #columns(table: string, row: Row | undefined): Row | undefined {
    if (row === undefined) return undefined
    const { columns } = this.#model.instance.table(table).shape
    return Object.fromEntries(columns.map(({ name }) => [name, row[name] ?? null]))
  }
}
