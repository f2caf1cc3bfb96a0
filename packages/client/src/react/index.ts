export { type ChannelLike, useChannel, useChannelStatus, useOperation } from './channel.ts'
export { type CollectionView, useCollection, useRow } from './collection.ts'
export { LockstepProvider, useClient } from './provider.ts'
export { usePendingWrites, useStatus } from './status.ts'
