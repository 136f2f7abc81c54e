import { createSocket } from 'node:dgram'
import { writeFileSync } from 'node:fs'
import { decode, encode } from 'dns-packet'
import { systemClock } from '../../src/lib/clock.ts'
import { silentLog } from '../../src/lib/log.ts'
import { podmanRuntime } from '../../src/runtime-podman/podman-runtime.ts'
import { mustRun } from '../../src/runtime-podman/run-program.ts'
import { aContainer, aSandbox } from '../fakes/container-spec.ts'
import { libcArchive } from '../fleet/images.ts'
import { ownWorld } from '../fleet/own-world.ts'

const world = ownWorld(import.meta.filename)
const { default: t } = await import('tap')

t.test("a program with the C library resolves names as the pod's resolv.conf says", async t => {
  // getaddrinfo(3), AI_ADDRCONFIG: no IPv4 answers where the only address is that of the loopback.
  await mustRun(['ip', 'address', 'add', '192.168.77.1/24', 'dev', 'lo'])
  const server = createSocket('udp4')
  server.on('message', (bytes, from) => {
    const { id = 0, questions = [] } = decode(bytes)
    const [question] = questions
    const answers =
      question?.type === 'A' && question.name === 'web.default.svc.cluster.local'
        ? [{ type: 'A' as const, name: question.name, ttl: 5, data: '10.96.1.2' }]
        : []
    const flags = 0x0400 | (question?.name === 'web.default.svc.cluster.local' ? 0 : 3)
    server.send(encode({ type: 'response', id, flags, questions, answers }), from.port, from.address)
  })
  await new Promise<void>(resolve => server.bind(53, '127.0.0.1', resolve))
  t.teardown(() => server.close())

  const runtime = podmanRuntime({
    engine: { stateFolder: `${world.folder}/engine`, cgroupParent: world.cgroupParent },
    runFolder: '/run/dunlin',
    logFolder: `${world.folder}/logs`,
    storeMode: 'disk',
    clock: systemClock,
    log: silentLog,
  })
  t.teardown(() => runtime.close())
  writeFileSync(`${world.folder}/libc.tar`, libcArchive())
  const [image] = await runtime.loadImage(`${world.folder}/libc.tar`)
  t.match(image, { names: ['localhost/dunlin/libc:1'] })
  await runtime.makeSandbox(aSandbox({ hostNetwork: true }))
  await runtime.writeSandboxFiles('uid-1', {
    hosts: '127.0.0.1 localhost\n10.0.0.7 neighbour\n',
    resolvConf:
      'nameserver 127.0.0.1\nsearch default.svc.cluster.local svc.cluster.local\noptions ndots:5 timeout:1 attempts:5\n',
  })
  const spec = aContainer({ image: 'localhost/dunlin/libc:1' })
  await runtime.createContainer(spec)
  await runtime.startContainer(spec)
  const ask = async (name: string): Promise<string> =>
    (await runtime.exec(spec, ['getent', 'ahostsv4', name], 10_000)).output
  t.match(await ask('web'), /^10\.96\.1\.2 /)
  t.match(await ask('web.default.svc.cluster.local'), /^10\.96\.1\.2 /)
  t.match(await ask('neighbour'), /^10\.0\.0\.7 /)
  t.equal(await ask('nobody'), '')
  await runtime.stopContainer(spec, 5)
  await runtime.removeContainer(spec)
  await runtime.removeSandbox('uid-1')
})
