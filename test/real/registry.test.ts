import { writeFileSync } from 'node:fs'
import { helloArchive } from '../../scripts/images.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { silentLog } from '../../src/lib/log.ts'
import { openEngine } from '../../src/runtime-podman/engine/open-engine.ts'
import { registryAuth } from '../../src/runtime-podman/images.ts'
import { podmanRuntime } from '../../src/runtime-podman/podman-runtime.ts'
import { aContainer, aSandbox } from '../fakes/container-spec.ts'
import { ownWorld } from '../fleet/own-world.ts'
import { startRegistry } from '../fleet/registry.ts'

const world = ownWorld(import.meta.filename)
const { default: t } = await import('tap')

const registry = await startRegistry({ folder: `${world.folder}/registry`, address: '127.0.0.1' })
t.teardown(() => registry.close())
const credentials = { username: registry.username, password: registry.password }
const pushed = `${registry.host}/dunlin/hello:1`

const settingsOf = (storeMode: 'disk' | 'memory', certsFolder?: string) => ({
  engine: {
    stateFolder: `${world.folder}/${storeMode}`,
    cgroupParent: world.cgroupParent,
    ...(certsFolder === undefined ? {} : { certsFolder }),
  },
  runFolder: `/run/${storeMode}`,
  logFolder: `${world.folder}/logs`,
  storeMode,
  clock: systemClock,
  log: silentLog,
})

t.test('an image is pushed to a registry with TLS and a password', async t => {
  const settings = settingsOf('disk', registry.certsFolder)
  const runtime = podmanRuntime(settings)
  writeFileSync(`${world.folder}/hello.tar`, helloArchive())
  const [image] = await runtime.loadImage(`${world.folder}/hello.tar`)
  const engine = await openEngine(settings)
  const answer = await engine.images.call({
    method: 'POST',
    path: `/images/${encodeURIComponent('localhost/dunlin/hello:1')}/push`,
    query: { destination: pushed },
    headers: { 'x-registry-auth': registryAuth(credentials) },
    timeoutMs: 60_000,
    doing: 'push',
  })
  t.notMatch(answer.text, /"error":"[^"]/)
  await runtime.removeImage(image?.id ?? '')
  t.equal(await runtime.image('localhost/dunlin/hello:1'), undefined)
  engine.close()
  await runtime.close()
})

for (const storeMode of ['disk', 'memory'] as const)
  t.test(`with its store on ${storeMode}, the image is pulled and runs`, async t => {
    const runtime = podmanRuntime(settingsOf(storeMode, registry.certsFolder))
    t.teardown(() => runtime.close())
    const pull = (reference: string, password: string) =>
      runtime.pullImage(reference, { ...credentials, password }, AbortSignal.timeout(60_000))
    await t.rejects(pull(pushed, 'wrong'), /unauthorized|authentication required/)
    await t.rejects(pull(`${registry.host}/dunlin/other:1`, registry.password), /manifest unknown|unknown/)
    await t.rejects(
      runtime.pullImage(pushed, undefined, AbortSignal.timeout(60_000)),
      /unauthorized|authentication required|no basic auth/,
    )
    t.equal(await runtime.image(pushed), undefined)

    const image = await pull(pushed, registry.password)
    t.strictSame(image.names, [pushed])
    t.match(image.digests[0], /^127\.0\.0\.1:5443\/dunlin\/hello@sha256:[0-9a-f]{64}$/)
    await pull(image.digests[0] ?? '', registry.password)

    await runtime.makeSandbox(aSandbox())
    const spec = aContainer({ image: pushed })
    await runtime.createContainer(spec)
    await runtime.startContainer(spec)
    t.match(await runtime.observePod(spec.podUid), {
      containers: [{ state: 'running', image: pushed, imageId: image.id }],
    })
    await t.rejects(runtime.removeImage(image.id), /used by container/)
    await runtime.stopContainer(spec, 5)
    await runtime.removeContainer(spec)
    await runtime.removeSandbox(spec.podUid)
    await runtime.removeImage(image.id)
    t.equal(await runtime.image(pushed), undefined)
  })

t.test('a registry whose CA nobody named is refused, with the reason', async t => {
  const runtime = podmanRuntime(settingsOf('disk'))
  t.teardown(() => runtime.close())
  await t.rejects(
    runtime.pullImage(pushed, credentials, AbortSignal.timeout(60_000)),
    /certificate signed by unknown authority/,
  )
})

t.test('a pull that is called off ends at once', async t => {
  const runtime = podmanRuntime(settingsOf('disk', registry.certsFolder))
  t.teardown(() => runtime.close())
  await t.rejects(runtime.pullImage(pushed, credentials, AbortSignal.abort()), /abort/i)
})
