import type { TableDefinition } from './table.ts'

/** The tables of the bank. @see bankSchema */
export const bankTables: readonly TableDefinition[] = [
  {
    name: 'rooms',
    key: 'id',
    identity: 'full',
    columns: [
      { name: 'id', type: 'text' },
      { name: 'version', type: 'int' },
    ],
  },
  {
    name: 'accounts',
    key: 'id',
    identity: 'full',
    columns: [
      { name: 'id', type: 'int' },
      { name: 'room', type: 'text' },
      { name: 'balance', type: 'int' },
      { name: 'memo', type: 'text' },
    ],
  },
  {
    name: 'entries',
    key: 'id',
    identity: 'full',
    columns: [
      { name: 'id', type: 'text' },
      { name: 'room', type: 'text' },
      { name: 'version', type: 'int' },
      { name: 'commit', type: 'text' },
      { name: 'accounts', type: 'jsonb' },
    ],
  },
  {
    name: 'counters',
    key: 'id',
    identity: 'full',
    columns: [
      { name: 'id', type: 'text' },
      { name: 'room', type: 'text' },
      { name: 'n', type: 'int' },
    ],
  },
]
