import type { Sql } from 'postgres'
import { arrayEncoder } from './array.ts'
import { type Encoder, encoderOfBuiltin } from './encoder.ts'

export interface TypeFacts {
  readonly oid: number
  /** Of a domain: the type it is made of. Otherwise 0. */
  readonly base: number
  /** Of a true array: the type of its elements. Otherwise 0. */
  readonly element: number
  /** What stands between the elements of an array of this type. */
  readonly delimiter: string
}

/** Domains nest; more than this is a loop in a broken catalog. */
const depthMax = 32

/** What pg_type knows of types, as far as encoding needs it. One per database. */
export class TypeCatalog {
  readonly #types = new Map<number, TypeFacts>()
  readonly #encoders = new Map<number, Encoder>()

  /** Reads all of pg_type. */
  async load(sql: Sql): Promise<void> {
    const rows = await sql<TypeFacts[]>`
      SELECT t.oid::int8::float8 AS oid,
        CASE WHEN t.typtype = 'd' THEN t.typbasetype::int8::float8 ELSE 0 END AS base,
        CASE WHEN t.typoutput = 'pg_catalog.array_out'::regproc THEN t.typelem::int8::float8 ELSE 0 END AS element,
        t.typdelim::text AS delimiter
      FROM pg_catalog.pg_type t`
    this.learn(rows)
  }

  /** Takes these for all types that there are. */
  learn(types: readonly TypeFacts[]): void {
    this.#types.clear()
    this.#encoders.clear()
    for (const type of types) this.#types.set(type.oid, type)
  }

  knows(oid: number): boolean {
    return this.#types.has(oid)
  }

  /** Types that are not known are text. */
  encoder(oid: number): Encoder {
    let encoder = this.#encoders.get(oid)
    if (encoder === undefined) {
      encoder = this.#make(oid, 0)
      this.#encoders.set(oid, encoder)
    }
    return encoder
  }

  #make(oid: number, depth: number): Encoder {
    const facts = this.#types.get(oid)
    if (facts === undefined || depth > depthMax) return encoderOfBuiltin(oid)
    if (facts.base !== 0) return this.#make(facts.base, depth + 1)
    if (facts.element === 0) return encoderOfBuiltin(oid)
    const element = this.#make(facts.element, depth + 1)
    const delimiter = this.#types.get(facts.element)?.delimiter ?? ','
    return arrayEncoder(element, delimiter)
  }
}
