import t from 'tap'
import { followNames } from '../../src/hub/follow-names.ts'
import { advertised, hostOf, machineAddresses } from '../../src/hub/hub-addresses.ts'
import { silentLog } from '../../src/lib/log.ts'
import { manualClock } from '../fakes/clock.ts'

t.test('the certificate follows the names of the machine, and is left alone while they stay', async t => {
  const clock = manualClock()
  let names = ['a.lan', '192.0.2.1']
  let failures = 0
  const used: (readonly string[])[] = []
  let renewed = 0
  const following = followNames({
    names: () => names,
    keys: {
      useNames: async wanted => {
        if (failures > 0) {
          failures -= 1
          throw new Error('no space')
        }
        used.push(wanted)
        return true
      },
    },
    renewed: () => {
      renewed += 1
    },
    clock,
    log: silentLog,
  })
  await clock.advance(600_000)
  t.strictSame(used, [])
  names = ['a.lan', '192.0.2.2']
  failures = 1
  await clock.advance(60_000)
  t.equal(renewed, 0, 'what failed is tried again')
  await clock.advance(60_000)
  t.strictSame(used, [names])
  t.equal(renewed, 1)
  following.close()
  names = ['b.lan']
  await clock.advance(600_000)
  t.equal(renewed, 1)
})

const address = (text: string, family: 'IPv4' | 'IPv6', internal = false) => ({
  ...{ address: text, netmask: '', mac: '', cidr: null, internal },
  ...(family === 'IPv4' ? { family: 'IPv4' as const } : { family: 'IPv6' as const, scopeid: 0 }),
})

t.test('a machine is reached by its outer addresses, not by those of its pods', async t => {
  const interfaces = {
    lo: [address('127.0.0.1', 'IPv4', true)],
    eth0: [address('fd00::2', 'IPv6'), address('192.0.2.7', 'IPv4'), address('fe80::1', 'IPv6')],
    dunlin0: [address('10.64.0.1', 'IPv4')],
  }
  t.strictSame(machineAddresses(interfaces, ['10.64.0.0/11', '10.96.0.0/16']), ['192.0.2.7', 'fd00::2'])
  t.strictSame(machineAddresses({}, []), [])
})

t.test('a place keeps a port of its own, and gets ours where it has none', async t => {
  t.strictSame(advertised(['hub.lan', 'home.example:7443', 'fd00::2', '[fd00::3]:1'], 6443), [
    'hub.lan:6443',
    'home.example:7443',
    '[fd00::2]:6443',
    '[fd00::3]:1',
  ])
  t.strictSame(['hub.lan', 'a:1', 'fd00::2', '[fd00::3]:1'].map(hostOf), ['hub.lan', 'a', 'fd00::2', 'fd00::3'])
})
