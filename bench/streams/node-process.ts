import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { helloArchive } from '../../scripts/images.ts'
import { podLogs } from '../../src/agent/pods/pod-logs.ts'
import { podServices } from '../../src/agent/sessions/pod-services.ts'
import { serveSessions } from '../../src/agent/sessions/serve-sessions.ts'
import { describeError } from '../../src/api/fault.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { silentLog } from '../../src/lib/log.ts'
import { engineEnvironment } from '../../src/runtime-podman/engine/configuration.ts'
import { podmanRuntime } from '../../src/runtime-podman/podman-runtime.ts'
import { cardStore, enginePaths } from '../../src/runtime-podman/settings.ts'
import { aContainer, aSandbox } from '../../test/fakes/container-spec.ts'

/*
 * The node of bench/streams.ts, a process of its own in a network namespace of its own: real Podman with one pod, and the
 * agent's end of the sessions. Its parent gives the commands over IPC.
 */
interface Asked {
  readonly id: number
  readonly ask: 'start' | 'dial' | 'usage' | 'podman-logs' | 'end'
  readonly with?: unknown
}

const [folder = '', cgroupParent = ''] = process.argv.slice(2)
const uid = '00000000-0000-4000-8000-0000000000bb'
const image = 'localhost/dunlin/hello:1'
const settings = {
  engine: { stateFolder: `${folder}/engine`, cgroupParent },
  runFolder: '/run/dunlin',
  logFolder: `${folder}/logs`,
  storeMode: 'disk' as const,
  clock: systemClock,
  log: silentLog,
}
const runtime = podmanRuntime(settings)
const spec = aContainer({
  podUid: uid,
  image,
  command: ['sh', '-c', 'echo first line; busybox nc -ll -p 7002 -e head -c 1000000000 /dev/zero; exec sleep 100000'],
})
let sessions: ReturnType<typeof serveSessions> | undefined

const firstByte = (words: readonly string[], env: NodeJS.ProcessEnv): Promise<number> =>
  new Promise((resolve, reject) => {
    const began = performance.now()
    const [program = '', ...args] = words
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    let errors = ''
    child.stderr.on('data', chunk => {
      errors += chunk
    })
    child.stdout.once('data', () => resolve(performance.now() - began))
    child.on('error', reject)
    child.on('exit', () => reject(new Error(errors)))
  })

const deeds: { readonly [Ask in Asked['ask']]: (given: unknown) => Promise<unknown> } = {
  async start(given) {
    const tls = given as ReturnType<Parameters<typeof serveSessions>[0]['tls']>
    const archive = `${folder}/hello.tar`
    writeFileSync(archive, helloArchive(image))
    await runtime.loadImage(archive)
    await runtime.makeSandbox(aSandbox({ uid }))
    await runtime.createContainer(spec)
    await runtime.startContainer(spec)
    sessions = serveSessions({
      tls: () => tls,
      addresses: () => [],
      serve: podServices({
        runtime,
        logs: (request, signal) => podLogs(runtime, request, signal, Date.now),
        podAddress: () => undefined,
      }),
      clock: systemClock,
      log: silentLog,
    })
    return uid
  },
  dial: async given => await sessions?.dial(given as Parameters<NonNullable<typeof sessions>['dial']>[0]),
  usage: async () => ({ pid: process.pid, cpu: process.cpuUsage() }),
  async 'podman-logs'() {
    const store = cardStore(settings, 'overlay')
    const env = engineEnvironment(store, enginePaths(settings), process.env)
    const one = (await runtime.observePod(uid))?.containers[0]
    return await firstByte(['podman', '--tmpdir', store.tmpDir, 'logs', one?.engineId ?? ''], env)
  },
  async end() {
    sessions?.close()
    await runtime.stopContainer(spec, 0)
    await runtime.removeContainer(spec)
    await runtime.removeSandbox(uid)
    await runtime.takeDown()
    process.disconnect()
  },
}

process.on('message', (asked: Asked) => {
  deeds[asked.ask](asked.with).then(
    answer => process.connected && process.send?.({ id: asked.id, answer }),
    error => process.connected && process.send?.({ id: asked.id, error: describeError(error) }),
  )
})
