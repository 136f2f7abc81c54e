import t from 'tap'
import { contains, formatCidr, formatIp, overlaps, parseCidr, parseIp } from '../../../src/core/services/cidr.ts'
import { choosePodAddress, gatewayOf, roomFor } from '../../../src/core/services/pod-addresses.ts'
import fc from '../../support/fast-check.ts'

t.test('an address survives being read and written', async t => {
  fc.assert(fc.property(fc.nat(0xffffffff), value => parseIp(formatIp(value)) === value))
  for (const text of ['1.2.3', '1.2.3.4.5', '01.2.3.4', '256.1.1.1', 'a.b.c.d', '', '1.2.3.-4', '::1'])
    t.equal(parseIp(text), undefined, text)
})

t.test('a range is cut to its first address, and nonsense is no range', async t => {
  t.equal(formatCidr(parseCidr('10.64.0.200/25')!), '10.64.0.128/25')
  t.equal(formatCidr(parseCidr('1.2.3.4/0')!), '0.0.0.0/0')
  for (const text of ['10.0.0.0', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/8/8', '10.0.0/8'])
    t.equal(parseCidr(text), undefined, text)
})

t.test('ranges overlap exactly when one holds the first address of the other', async () => {
  const range = fc
    .tuple(fc.nat(0xffffffff), fc.integer({ min: 0, max: 32 }))
    .map(([ip, bits]) => parseCidr(`${formatIp(ip)}/${bits}`)!)
  fc.assert(fc.property(range, range, (a, b) => overlaps(a, b) === (contains(a, b.base) || contains(b, a.base))))
})

t.test('pods get every address but network, gateway and broadcast, each once', async t => {
  const range = parseCidr('10.64.0.128/25')!
  t.equal(gatewayOf(range), '10.64.0.129')
  const taken = new Set<string>()
  let last: string | undefined
  for (let ip = choosePodAddress({ range, taken }); ip !== undefined; ip = choosePodAddress({ range, taken, last })) {
    taken.add(ip)
    last = ip
  }
  t.equal(taken.size, roomFor(range))
  for (const never of ['10.64.0.128', '10.64.0.129', '10.64.0.255']) t.notOk(taken.has(never), never)
})

t.test('an address just given back is the last to be given again', async t => {
  const range = parseCidr('10.64.0.0/29')!
  const taken = new Set(['10.64.0.2', '10.64.0.3'])
  taken.delete('10.64.0.3')
  t.equal(choosePodAddress({ range, taken, last: '10.64.0.3' }), '10.64.0.4')
  t.equal(
    choosePodAddress({ range, taken: new Set(['10.64.0.4', '10.64.0.5', '10.64.0.6']), last: '10.64.0.6' }),
    '10.64.0.2',
  )
})
