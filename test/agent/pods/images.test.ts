import t from 'tap'
import { desiredOf } from '../../../src/agent/pods/desired.ts'
import { nodeImages } from '../../../src/agent/pods/images.ts'
import { neededImages } from '../../../src/agent/pods/needed-images.ts'
import { silentLog } from '../../../src/lib/log.ts'
import { aContainer, anAssignment, anObservedContainer, anObservedPod, aPod } from '../../fakes/builders.ts'
import { manualClock } from '../../fakes/clock.ts'
import { fakeRuntime } from '../../fakes/runtime.ts'

const image = 'registry.example/web:1'

const imagesOn = (random = 0) => {
  const clock = manualClock()
  const runtime = fakeRuntime({ clock })
  return { clock, runtime, images: nodeImages({ runtime, clock, random: () => random, log: silentLog }) }
}

t.test('the engine is asked only for what is not known to be there', async t => {
  const { runtime, images } = imagesOn()
  await images.look([image])
  t.equal(images.fact(image).isPresent, false)
  runtime.addImage(image)
  await images.look([image])
  t.equal(images.fact(image).isPresent, true)
  images.doubt(image)
  t.equal(images.fact(image).isPresent, false)
})

t.test('a pull tries each secret, and two asks for one image are one pull', async t => {
  const { runtime, images } = imagesOn()
  runtime.offerImage(image, { username: 'u', password: 'right' })
  const credentials = [
    { username: 'u', password: 'wrong' },
    { username: 'u', password: 'right' },
  ]
  const both = [images.pull(image, credentials), images.pull(image, credentials)]
  t.equal(images.fact(image).pull, 'pulling')
  await Promise.all(both)
  t.strictSame(runtime.steps, [`pull ${image}`])
  t.strictSame(images.fact(image), { isPresent: true })
})

t.test('a failed pull waits longer each time, with jitter, until it is forgiven', async t => {
  for (const { random, waits } of [
    { random: 0, waits: [5, 10, 20, 40, 80, 150, 150] },
    { random: 1, waits: [10, 20, 40, 80, 160, 300, 300] },
  ]) {
    const { clock, images } = imagesOn(random)
    const found: number[] = []
    for (const _ of waits) {
      await t.rejects(images.pull(image, []), { message: /manifest unknown/ })
      const { pull } = images.fact(image)
      found.push(pull === undefined || pull === 'pulling' ? -1 : (pull.retryAtMs - clock.monotonic()) / 1000)
    }
    t.strictSame(found, waits)
    images.forgive()
    t.match(images.fact(image).pull, { retryAtMs: 0 })
  }
})

t.test('no more than two pulls run at once', async t => {
  const { runtime, images } = imagesOn()
  let running = 0
  let most = 0
  const pull = runtime.pullImage
  runtime.pullImage = async (reference, credentials, signal) => {
    running += 1
    most = Math.max(most, running)
    await new Promise(resolve => setImmediate(resolve))
    running -= 1
    return await pull(reference, credentials, signal)
  }
  const all = ['a:1', 'b:1', 'c:1', 'd:1']
  for (const one of all) runtime.offerImage(one)
  await Promise.all(all.map(one => images.pull(one, [])))
  t.equal(most, 2)
})

t.test('collection takes the largest that nothing needs, and stops when there is room', async t => {
  const { runtime, images } = imagesOn()
  for (const one of ['old:1', 'old:2', 'old:3', 'used:1']) runtime.addImage(one)
  let looks = 0
  const removed = await images.collect({
    isNeeded: one => one.names.includes('used:1'),
    hasRoom: async () => {
      looks += 1
      return looks > 2
    },
  })
  t.strictSame(removed, ['old:1', 'old:2'])
  t.strictSame(
    (await runtime.images()).map(one => one.names[0]),
    ['old:3', 'used:1'],
  )
})

t.test('needed are the images of pods, of containers, and those that were replaced last', async t => {
  const of = (reference: string) =>
    desiredOf(anAssignment({ pods: [aPod({ containers: [aContainer({ image: reference })] })] }))
  const needed = neededImages()
  needed.desiredChanged(undefined, of('web:1'))
  needed.desiredChanged(of('web:1'), of('web:2'))
  const observed = [anObservedPod({ containers: [anObservedContainer({ imageId: 'abc', image: 'x' })] })]
  const isNeeded = needed.needed(of('web:2'), observed)
  const image = (name: string, id = 'other') => ({ id, names: [name], digests: [], bytes: 1 })
  t.ok(isNeeded(image('web:2')), 'the current')
  t.ok(isNeeded(image('docker.io/library/web:2')), 'as the engine names it')
  t.ok(isNeeded(image('web:1')), 'the previous')
  t.ok(isNeeded(image('some', 'abc')), 'of a container')
  t.notOk(isNeeded(image('web:3')))
})
