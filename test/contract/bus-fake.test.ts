import t from 'tap'
import { fakeBus } from '../fakes/bus.ts'
import { busContract } from './bus-contract.ts'

busContract(t, async () => {
  const bus = fakeBus()
  return {
    hub: bus.hub,
    async agent(node) {
      bus.agent(node).connect()
      return bus.agent(node)
    },
    cut: async node => bus.agent(node).disconnect({ reset: true }),
    restore: async node => bus.agent(node).connect(),
  }
})
