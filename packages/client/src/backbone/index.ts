export type { BackboneCollection, BackboneModel } from './backbone.ts'
export type { Conflict, Edit } from './edits.ts'
export type { Refusal } from './requests.ts'
export { beginEdit, type SyncedCollection, syncCollection } from './sync-collection.ts'
