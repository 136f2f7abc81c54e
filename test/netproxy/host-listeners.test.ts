import { createServer } from 'node:net'
import t from 'tap'
import { hostListeners, listenersIn } from '../../src/netproxy/host-listeners.ts'

const tcp = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1 0 100 0 0 10 0
   2: 0A00600A:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3 1 0 100 0 0 10 0
   3: 0B4DA8C0:0016 644DA8C0:C350 01 00000000:00000000 00:00000000 00000000     0        0 4 1 0 100 0 0 10 0
   4: 0B4DA8C0:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 5 1 0 100 0 0 10 0
`
const tcp6 = `   0: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A 0
   1: 00000000000000000000000001000000:1F92 00000000000000000000000000000000:0000 0A 0
   2: 0000000000000000FFFF00000100007F:1F93 00000000000000000000000000000000:0000 0A 0
`

t.test('who listens for others is found; who listens for this host alone, or at our own address, is not', async t => {
  t.strictSame(listenersIn(tcp, '0A', ['10.96.0.10']), [22, 8081])
  t.strictSame(listenersIn(tcp6, '0A', []), [443])
  t.strictSame(listenersIn('nonsense\n', '0A', []), [])
})

t.test('a real listener is found', async t => {
  const server = createServer()
  t.teardown(() => server.close())
  await new Promise<void>(resolve => server.listen(0, '0.0.0.0', resolve))
  const bound = server.address()
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0
  t.ok((await hostListeners([])).has(`tcp ${port}`))
})
