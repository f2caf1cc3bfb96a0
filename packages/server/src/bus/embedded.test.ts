import { runBusTests } from './conformance.setup.ts'
import { EmbeddedBus } from './embedded.ts'

runBusTests('the embedded bus', () =>
  Promise.resolve({ bus: new EmbeddedBus(), settled: () => Promise.resolve() }),
)
