import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ConfigError } from './config-error.ts'
import type { LockstepConfig } from './lockstep-config.ts'
import { dataDirOf, settingsOf } from './settings.ts'

const secret = (name: string): string => `${name}-${'x'.repeat(32)}`
const sync = { channels: {}, collections: {} }
const config: LockstepConfig = {
  sync,
  database: 'postgres://config',
  port: 1,
  host: 'config',
  path: '/config',
  slot: 'config',
  publish: { secret: [secret('config')] },
  callbacks: { url: 'http://config', method: 'POST', secret: secret('config-callbacks') },
  juggernaut: { port: 2, channel: 'project/:id' },
}
const environment = {
  DATABASE_URL: 'postgres://environment',
  PORT: '11',
  LOCKSTEP_PUBLISH_SECRET: secret('environment'),
  LOCKSTEP_CALLBACKS: 'http://environment',
  LOCKSTEP_CALLBACK_SECRET: `${secret('new')},${secret('old')}`,
  LOCKSTEP_JUGGERNAUT_PORT: '12',
}
const flags = {
  database: 'postgres://flag',
  port: '21',
  host: 'flag',
  path: '/flag',
  slot: 'flag',
  'publish-secret': secret('flag'),
  callbacks: 'http://flag',
  'callback-method': 'GET',
  'callback-secret': secret('flag-callbacks'),
  'juggernaut-port': '22',
}

it('takes a flag before its variable, that before the config, and that before the default', () => {
  expect(settingsOf({}, {}, { sync })).toMatchObject({ database: undefined, port: 4000, path: '/lockstep' })
  expect(settingsOf({}, {}, { sync })).toMatchObject({ callbacks: undefined, juggernaut: undefined })
  expect(settingsOf({}, { DATABASE_URL: '', PORT: '' }, config)).toMatchObject({
    database: 'postgres://config',
    port: 1,
    host: 'config',
    path: '/config',
    slot: 'config',
    publishSecrets: [secret('config')],
    callbacks: config.callbacks,
    juggernaut: { port: 2, channel: 'project/:id', host: 'config', openSessions: true },
  })
  expect(settingsOf({}, environment, config)).toMatchObject({
    database: 'postgres://environment',
    port: 11,
    publishSecrets: [secret('environment')],
    callbacks: { url: 'http://environment', method: 'POST', secret: [secret('new'), secret('old')] },
    juggernaut: { port: 12, channel: 'project/:id' },
  })
  expect(settingsOf(flags, environment, config)).toMatchObject({
    database: 'postgres://flag',
    port: 21,
    host: 'flag',
    path: '/flag',
    slot: 'flag',
    publishSecrets: [secret('flag')],
    callbacks: { url: 'http://flag', method: 'GET', secret: [secret('flag-callbacks')] },
    juggernaut: { port: 22, host: 'flag' },
  })
  expect(dataDirOf({ data: '/flag' }, { LOCKSTEP_DATA: '/environment' })).toBe('/flag')
  expect(dataDirOf({}, { LOCKSTEP_DATA: '/environment' })).toBe('/environment')
  expect(dataDirOf({}, {})).toBe(join(process.cwd(), '.lockstep'))
})

it('A2, J2: signs callbacks with the publishers’ secret where they have no other, and opens sessions only with callbacks', () => {
  const { callbacks, juggernaut } = settingsOf(
    { callbacks: 'http://flag', 'juggernaut-port': '0' },
    { LOCKSTEP_PUBLISH_SECRET: secret('one') },
    { sync },
  )
  expect(callbacks?.secret).toEqual([secret('one')])
  expect(juggernaut).toEqual({ port: 0, openSessions: true })
  expect(settingsOf({ 'juggernaut-port': '0' }, {}, { sync }).juggernaut).toEqual({
    port: 0,
    openSessions: false,
  })
  expect(() => settingsOf({ callbacks: 'http://flag' }, {}, { sync })).toThrow(ConfigError)
})
