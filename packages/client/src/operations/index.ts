export {
  type OperationCallback,
  type OperationChannel,
  type Operations,
  type OperationsOptions,
  operationsOf,
  type PartCallback,
} from './operations.ts'
