import type { Test } from 'tap'
import { isFault } from '../../src/api/fault.ts'
import type { ContainerRef, ObservedContainer, PodRuntime } from '../../src/core/pods/runtime.ts'
import { aContainer, aSandbox } from '../fakes/container-spec.ts'
import { runtimeStreamsContract } from './runtime-streams.ts'

/** An engine under test, with this image there: busybox in a container from scratch. */
export interface RuntimeUnderTest {
  readonly runtime: PodRuntime
  readonly image: string
  /** Kills the container's monitor, as the kernel's OOM killer might. */
  readonly killMonitor: (id: ContainerRef) => Promise<void> | void
}

/**
 * What every container runtime of Dunlin does, in sentences. Each test uses a pod of its own and takes it away.
 * The commands are those that both a shell and the fake's tiny shell understand.
 */
export const runtimeContract = (t: Test, under: () => RuntimeUnderTest): void => {
  let pods = 0

  /** A pod with one container, made and started. */
  const aRunning = async (t: Test, command?: readonly string[], change: Parameters<typeof aContainer>[0] = {}) => {
    const { runtime, image } = under()
    pods += 1
    const uid = `00000000-0000-4000-8000-${String(pods).padStart(12, '0')}`
    const spec = aContainer({ podUid: uid, image, ...(command === undefined ? {} : { command }), ...change })
    t.teardown(async () => {
      for (const one of (await runtime.observePod(uid))?.containers ?? []) {
        await runtime.stopContainer(one, 0)
        await runtime.removeContainer(one)
      }
      await runtime.removeSandbox(uid)
    })
    await runtime.makeSandbox(aSandbox({ uid }))
    await runtime.createContainer(spec)
    await runtime.startContainer(spec)
    return { runtime, uid, spec }
  }

  const observed = async (runtime: PodRuntime, id: ContainerRef): Promise<ObservedContainer | undefined> =>
    (await runtime.observePod(id.podUid))?.containers.find(
      one => one.container === id.container && one.attempt === id.attempt,
    )

  /** Looks when woken, and now and then, until `is` holds; at most ten seconds. */
  const until = async (
    runtime: PodRuntime,
    id: ContainerRef,
    is: (one: ObservedContainer) => boolean,
  ): Promise<ObservedContainer> => {
    for (let tries = 0; tries < 1200; tries += 1) {
      const one = await observed(runtime, id)
      if (one !== undefined && is(one)) return one
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    throw new Error(`${id.container} never became so; last seen: ${JSON.stringify(await observed(runtime, id))}`)
  }

  const refusal = async (deed: Promise<unknown>): Promise<unknown> => {
    try {
      await deed
      return undefined
    } catch (error) {
      return error
    }
  }

  runtimeStreamsContract(t, aRunning)

  t.test('a pod that was never made is not there', async t => {
    t.equal(await under().runtime.observePod('00000000-0000-4000-8000-00000000dead'), undefined)
  })

  t.test('a started container is observed running, with its identity', async t => {
    const { runtime, uid, spec } = await aRunning(t, undefined, { specHash: 'v1:abc', attempt: 2 })
    const pod = await runtime.observePod(uid)
    t.match(pod, { uid, namespace: 'default', name: 'web', sandbox: { uid } })
    t.match(pod?.containers, [
      { podUid: uid, container: 'main', attempt: 2, specHash: 'v1:abc', image: spec.image, state: 'running' },
    ])
    t.type(pod?.containers[0]?.pid, 'number')
    t.match(pod?.containers[0]?.startedAt, /^\d{4}-\d\d-\d\dT/)
    t.ok((await runtime.observe()).some(one => one.uid === uid))
  })

  t.test('every step may be repeated', async t => {
    const { runtime, uid, spec } = await aRunning(t)
    const before = await observed(runtime, spec)
    t.strictSame(await runtime.makeSandbox(aSandbox({ uid })), (await runtime.observePod(uid))?.sandbox)
    await runtime.createContainer(spec)
    await runtime.startContainer(spec)
    t.equal((await observed(runtime, spec))?.engineId, before?.engineId)
    t.equal((await observed(runtime, spec))?.pid, before?.pid)
    await runtime.stopContainer(spec, 5)
    await runtime.stopContainer(spec, 5)
    await runtime.startContainer(spec)
    t.equal((await observed(runtime, spec))?.state, 'exited', 'an ended container is left alone by start')
    await runtime.removeContainer(spec)
    await runtime.removeContainer(spec)
    await runtime.stopContainer(spec, 5)
    await runtime.removeSandbox(uid)
    await runtime.removeSandbox(uid)
    t.equal(await runtime.observePod(uid), undefined)
  })

  t.test('a container is created but not started by create', async t => {
    const { runtime, uid } = await aRunning(t)
    const second = aContainer({ podUid: uid, container: 'second', image: under().image })
    await runtime.createContainer(second)
    t.equal((await observed(runtime, second))?.state, 'created')
  })

  t.test('an exit wakes the listener and shows its code', async t => {
    const woken: string[] = []
    const stop = under().runtime.onExit(uid => woken.push(uid))
    t.teardown(stop)
    const { runtime, uid, spec } = await aRunning(t, ['sh', '-c', 'sleep 0.2; exit 7'])
    const ended = await until(runtime, spec, one => one.state === 'exited')
    t.equal(ended.exitCode, 7)
    t.equal(ended.oomKilled, false)
    t.match(ended.finishedAt, /^\d{4}-/)
    for (let tries = 0; tries < 3000 && !woken.includes(uid); tries += 1)
      await new Promise(resolve => setTimeout(resolve, 20))
    t.ok(woken.includes(uid))
  })

  t.test('SIGTERM ends an obedient container with its own code', async t => {
    const { runtime, spec } = await aRunning(t, [
      'sh',
      '-c',
      "trap 'exit 5' TERM; echo ready; while true; do sleep 0.05; done",
    ])
    await firstLine(runtime, spec)
    await runtime.stopContainer(spec, 10)
    t.match(await observed(runtime, spec), { state: 'exited', exitCode: 5 })
  })

  t.test('a deaf container is killed when its grace is over', async t => {
    const { runtime, spec } = await aRunning(t, [
      'sh',
      '-c',
      "trap '' TERM; echo ready; while true; do sleep 0.05; done",
    ])
    await firstLine(runtime, spec)
    await runtime.stopContainer(spec, 1)
    t.match(await observed(runtime, spec), { state: 'exited', exitCode: 137 })
  })

  t.test('a container whose monitor is gone is lost, and can be removed', async t => {
    const { runtime, spec } = await aRunning(t)
    await under().killMonitor(spec)
    await until(runtime, spec, one => one.state === 'lost')
    await runtime.removeContainer(spec)
    t.equal(await observed(runtime, spec), undefined)
  })

  t.test('output is read line by line, with time and stream', async t => {
    const { runtime, spec } = await aRunning(t, ['sh', '-c', 'echo one; echo two >&2; echo three; exit 0'])
    await until(runtime, spec, one => one.state === 'exited')
    const lines = []
    for await (const line of runtime.logs(spec, { follow: false }, AbortSignal.timeout(60_000))) lines.push(line)
    // Two pipes keep no order between each other.
    t.strictSame(
      lines.filter(line => line.stream === 'stdout').map(line => line.text.toString()),
      ['one\n', 'three\n'],
    )
    t.strictSame(
      lines.filter(line => line.stream === 'stderr').map(line => line.text.toString()),
      ['two\n'],
    )
    t.ok(lines.every(line => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/.test(line.time)))
  })

  t.test('the tail and a limit of bytes are kept to', async t => {
    const { runtime, spec } = await aRunning(t, ['sh', '-c', 'echo one; echo two; echo three; exit 0'])
    await until(runtime, spec, one => one.state === 'exited')
    const texts = async (options: object) => {
      const found = []
      for await (const line of runtime.logs(spec, { follow: false, ...options }, AbortSignal.timeout(60_000)))
        found.push(line.text.toString())
      return found
    }
    t.strictSame(await texts({ tailLines: 2 }), ['two\n', 'three\n'])
    t.strictSame(await texts({ tailLines: 0 }), [])
    t.strictSame(await texts({ limitBytes: 6 }), ['one\n', 'tw'])
    t.strictSame(await texts({ sinceTime: '2999-01-01T00:00:00Z' }), [])
  })

  t.test('following ends when the container has ended', async t => {
    const { runtime, spec } = await aRunning(t, ['sh', '-c', 'echo one; sleep 0.3; echo two; exit 0'])
    const texts = []
    for await (const line of runtime.logs(spec, { follow: true }, AbortSignal.timeout(60_000)))
      texts.push(line.text.toString())
    t.strictSame(texts, ['one\n', 'two\n'])
  })

  t.test('following ends when it is called off', async t => {
    const { runtime, spec } = await aRunning(t, ['sh', '-c', 'echo one; sleep 100'])
    const stop = new AbortController()
    const texts = []
    for await (const line of runtime.logs(spec, { follow: true }, stop.signal)) {
      texts.push(line.text.toString())
      stop.abort()
    }
    t.strictSame(texts, ['one\n'])
  })

  t.test('the usage of a running container is there', async t => {
    const { runtime, spec } = await aRunning(t)
    const own = (await runtime.usage()).find(one => one.podUid === spec.podUid)
    t.match(own, { container: 'main', attempt: 0, oomKills: 0 })
    t.ok((own?.pids ?? 0) >= 1)
    t.ok((own?.memoryBytes ?? 0) > 0)
  })

  t.test('a container of an image that is not there is refused', async t => {
    const { runtime, spec } = await aRunning(t)
    const error = await refusal(
      runtime.createContainer({ ...spec, container: 'other', image: 'localhost/dunlin/nothing:1' }),
    )
    t.ok(isFault(error, 'Runtime') && error.message.includes('localhost/dunlin/nothing:1'), String(error))
  })

  t.test('a container without a sandbox is refused', async t => {
    const { runtime, image } = under()
    const error = await refusal(
      runtime.createContainer(aContainer({ podUid: '00000000-0000-4000-8000-00000000beef', image })),
    )
    t.ok(isFault(error, 'NotFound'), String(error))
  })

  t.test('a container that must not run as root is refused when its image would', async t => {
    const { runtime, spec } = await aRunning(t)
    const error = await refusal(
      runtime.createContainer({ ...spec, container: 'other', security: { ...spec.security, mustRunAsNonRoot: true } }),
    )
    t.ok(isFault(error, 'Invalid'), String(error))
  })

  t.test('a command that does not exist fails the start and says so', async t => {
    const { runtime, spec } = await aRunning(t)
    const bad = { ...spec, container: 'bad', command: ['/no-such-command'] }
    await runtime.createContainer(bad)
    const error = await refusal(runtime.startContainer(bad))
    t.ok(isFault(error, 'Runtime'), String(error))
    t.not((await observed(runtime, bad))?.state, 'running')
  })

  t.test('a sandbox with containers in it is not taken away', async t => {
    const { runtime, uid } = await aRunning(t)
    t.ok(isFault(await refusal(runtime.removeSandbox(uid)), 'Conflict'))
    t.equal((await runtime.observePod(uid))?.containers[0]?.state, 'running')
  })

  t.test('exec of a container that has ended is refused', async t => {
    const { runtime, spec } = await aRunning(t, ['true'])
    await until(runtime, spec, one => one.state === 'exited')
    t.ok(isFault(await refusal(runtime.exec(spec, ['true'], 5000)), 'Conflict'))
  })

  t.test('images are found by reference and by id, and pulled ones that are nowhere are refused', async t => {
    const { runtime, image } = under()
    const found = await runtime.image(image)
    t.ok(found?.names.includes(image))
    t.equal((await runtime.image(found?.id ?? ''))?.id, found?.id)
    t.ok((await runtime.images()).some(one => one.id === found?.id))
    t.equal(await runtime.image('localhost/dunlin/nothing:1'), undefined)
    const error = await refusal(
      runtime.pullImage('127.0.0.1:9/dunlin/nothing:1', undefined, AbortSignal.timeout(30_000)),
    )
    t.ok(isFault(error, 'Runtime'), String(error))
  })

  t.test('an image that a container uses is not removed', async t => {
    const { runtime, spec } = await aRunning(t)
    const imageId = (await observed(runtime, spec))?.imageId ?? ''
    t.ok(isFault(await refusal(runtime.removeImage(imageId)), 'Conflict'))
    t.ok(await runtime.image(spec.image))
  })

  t.test('a sweep takes what nobody keeps, and only that', async t => {
    const kept = await aRunning(t)
    const stray = await aRunning(t)
    const all = (await kept.runtime.observe()).map(pod => pod.uid)
    await kept.runtime.sweep(new Set(all.filter(uid => uid !== stray.uid)))
    t.equal(await stray.runtime.observePod(stray.uid), undefined)
    t.match(await observed(kept.runtime, kept.spec), { state: 'running' })
  })

  t.test('the engine says what it is', async t => {
    const described = await under().runtime.describe()
    t.match(described.containerRuntimeVersion, /^[a-z]+:\/\/\d+\.\d+/)
    t.equal(described.containerRuntimeVersion, `${described.name}://${described.version}`)
  })

  const firstLine = async (runtime: PodRuntime, id: ContainerRef): Promise<void> => {
    for await (const _line of runtime.logs(id, { follow: true }, AbortSignal.timeout(60_000))) return
  }
}
