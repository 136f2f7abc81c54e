/**
 * One node's pod network in a process of its own, inside a network namespace: calls come over the IPC channel.
 * Started by the laboratory with its options as JSON in the first argument.
 */
import { systemClock } from '../../src/lib/clock.ts'
import { jsonLog } from '../../src/lib/log.ts'
import { podNetwork } from '../../src/netproxy/pod-network.ts'
import type { NodeCall, NodeOptions } from './netproxy-lab.ts'

const options = JSON.parse(process.argv[2] ?? '{}') as NodeOptions
const network = podNetwork({
  ...options,
  clock: systemClock,
  random: Math.random,
  log: jsonLog({ write: line => process.stderr.write(line), level: options.level, now: Date.now }),
})

const act = async (call: NodeCall): Promise<unknown> => {
  switch (call.method) {
    case 'configure':
      return network.configure(call.network)
    case 'attach':
      return network.attach(call.pod)
    case 'detach':
      return network.detach(call.uid, { forget: call.forget })
    case 'attached':
      return [...network.attached()]
    case 'setNeighbourhood':
      return network.setNeighbourhood(call.neighbourhood)
    case 'setPodStates':
      return network.setPodStates(new Map(call.states))
    case 'applied':
      return network.applied()
    case 'troubles':
      return network.troubles()
    case 'close':
      return network.close()
    case 'takeDown':
      return network.takeDown()
  }
}

process.on('message', (message: { readonly id: number; readonly call: NodeCall }) => {
  act(message.call).then(
    value => process.send?.({ id: message.id, value }),
    error =>
      process.send?.({ id: message.id, error: { message: error.message, reason: error.reason, about: error.about } }),
  )
})
process.on('disconnect', () => process.exit(0))
process.send?.({ id: 0 })
