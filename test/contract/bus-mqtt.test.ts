import { connect, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { mqttBus } from '../../src/agent/link/mqtt-bus.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { silentLog } from '../../src/lib/log.ts'
import { aBroker, whenConnected } from '../hub/broker/a-broker.ts'
import { busContract } from './bus-contract.ts'

/** A cable that can be cut: bytes go through until it is, and then both ends are reset. */
const aCable = async (t: Test, port: number) => {
  const sockets = new Set<Socket>()
  let isCut = false
  const server = createServer(near => {
    const far = connect(port, '127.0.0.1')
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => sockets.delete(socket))
    }
    if (isCut) {
      near.resetAndDestroy()
      far.resetAndDestroy()
      return
    }
    near.pipe(far).pipe(near)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  return {
    port: address !== null && typeof address === 'object' ? address.port : 0,
    cut() {
      isCut = true
      for (const socket of sockets) socket.resetAndDestroy()
    },
    mend() {
      isCut = false
    },
  }
}

busContract(t, async t => {
  const broker = await aBroker(t)
  const cables = new Map<string, Awaited<ReturnType<typeof aCable>>>()
  return {
    hub: broker.broker.bus,
    async agent(node) {
      const cable = await aCable(t, broker.port)
      cables.set(node, cable)
      const material = broker.material(`system:node:${node}`, ['system:nodes'])
      const bus = mqttBus({
        addresses: () => [`127.0.0.1:${cable.port}`],
        tls: () => material,
        node,
        fleet: broker.fleet,
        will: connection => Buffer.from(`gone ${connection}`),
        clock: systemClock,
        random: () => 0.02,
        log: silentLog,
      })
      t.teardown(() => bus.close())
      await whenConnected(bus)
      return bus
    },
    cut: async node => cables.get(node)?.cut(),
    restore: async node => cables.get(node)?.mend(),
  }
})
