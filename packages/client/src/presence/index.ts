export {
  type BroadcastListener,
  type ChannelPresence,
  type Person,
  type PresenceOptions,
  presenceOf,
} from './presence.ts'
