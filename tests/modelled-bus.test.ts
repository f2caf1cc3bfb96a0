import { runBusTests } from '../packages/server/src/bus/conformance.setup.ts'
import { BusModel } from '../sim/src/bus/model.ts'
import { StepClock } from '../sim/src/postgres/step-clock.ts'

runBusTests('the modelled bus', async () => {
  const clock = new StepClock(1)
  const bus = new BusModel({ clock, seed: 1 }).node()
  let isOpen = true
  const run = async () => {
    while (isOpen) await clock.advance(1)
  }
  const running = run()
  return {
    bus: {
      append: (entry) => bus.append(entry),
      subscribe: (reader) => bus.subscribe(reader),
      close: async () => {
        isOpen = false
        await running
        await bus.close()
      },
    },
    settled: () => clock.advance(100),
  }
})
