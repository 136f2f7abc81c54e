import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { aService } from '../core/services/a-service.ts'
import { endpointOf, tell } from './netproxy-cluster.ts'
import { lab, type Place } from './netproxy-lab.ts'

t.test('names resolve in pods with the resolver of glibc', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'netproxy-dns-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const resolvConf = join(folder, 'resolv.conf')
  await writeFile(
    resolvConf,
    'nameserver 10.96.0.10\nsearch default.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5 timeout:1 attempts:5\n',
  )
  /** Addresses of a name as a program in that place sees them. */
  const resolve = async (place: Place, name: string): Promise<readonly string[]> => {
    const { stdout } = await place.run('unshare', [
      '--mount',
      'sh',
      '-c',
      'mount --bind "$1" "$(readlink -f /etc/resolv.conf)" && getent ahostsv4 "$2"',
      'sh',
      resolvConf,
      name,
    ])
    return [...new Set([...stdout.matchAll(/^(\S+)\s+STREAM/gm)].map(match => match[1] ?? ''))].toSorted()
  }

  const world = await lab(t)
  const elsewhere = await world.host('192.168.77.53')
  await elsewhere.serve('dns', '53', 'example.org', '203.0.113.7')
  const one = await world.node(1, { dnsUpstream: ['192.168.77.53'] })
  const two = await world.node(2, { dnsUpstream: ['192.168.77.53'] })
  const a = await one.pod('a')
  const b = await two.pod('b')
  const { clusterIP: _, ...headless } = aService({
    name: 'all',
    endpoints: [endpointOf(one, a), endpointOf(two, b, { hostname: 'b-0' })],
  })
  const many = Array.from({ length: 60 }, (_, index) => endpointOf(two, { ...b, ip: `10.64.5.${index + 1}` }))
  const { clusterIP: __, ...big } = aService({ name: 'big', endpoints: many })
  await tell([one, two], [aService(), headless, big])

  await t.test('a Service by its short, its longer and its full name', async t => {
    for (const pod of [a, b])
      for (const name of ['web', 'web.default', 'web.default.svc', 'web.default.svc.cluster.local'])
        t.strictSame(await resolve(pod, name), ['10.96.1.1'], name)
    t.strictSame(await resolve(one, 'web.default.svc.cluster.local'), ['10.96.1.1'], 'on the node too')
  })

  await t.test('a headless Service is the addresses of its pods, and each by its host name', async t => {
    t.strictSame(await resolve(a, 'all'), [a.ip, b.ip].toSorted())
    t.strictSame(await resolve(a, 'b-0.all'), [b.ip])
  })

  await t.test('an answer too long for UDP comes by TCP', async t => {
    t.equal((await resolve(a, 'big')).length, 60)
  })

  await t.test('a name of elsewhere is asked upstream, and known while upstream is away', async t => {
    t.strictSame(await resolve(a, 'example.org'), ['203.0.113.7'])
    await elsewhere.read('ip', 'link', 'set', 'eth0', 'down')
    t.strictSame(await resolve(a, 'example.org'), ['203.0.113.7'])
    t.strictSame(await resolve(a, 'web'), ['10.96.1.1'])
  })

  await t.test('a name that nobody has is not found', async t => {
    t.strictSame(await resolve(a, 'nobody.default.svc.cluster.local'), [])
  })

  await t.test('after a crash of the node’s process names are there again', async t => {
    await one.crash()
    await one.start()
    await one.proxy.configure(one.network)
    await tell([one, two], [aService(), headless, big])
    t.strictSame(await resolve(a, 'web'), ['10.96.1.1'])
  })
})
