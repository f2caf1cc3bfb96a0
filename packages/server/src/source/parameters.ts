/**
 * Session settings of every connection whose rows become JSON, so that Postgres writes each value in one
 * way only.
 */
export const pinnedParameters = {
  application_name: 'lockstep',
  client_encoding: 'UTF8',
  bytea_output: 'hex',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'iso_8601',
  TimeZone: 'UTC',
  extra_float_digits: '1',
} as const
