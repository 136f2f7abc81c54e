import { writeFileSync } from 'node:fs'
import { helloArchive } from '../../scripts/images.ts'
import type { ContainerRef } from '../../src/core/pods/runtime.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { jsonLog } from '../../src/lib/log.ts'
import { podmanRuntime } from '../../src/runtime-podman/podman-runtime.ts'
import { runProgram } from '../../src/runtime-podman/run-program.ts'
import { runtimeContract } from '../contract/runtime.ts'
import { ownWorld } from '../fleet/own-world.ts'

const world = ownWorld(import.meta.filename)
const { default: t } = await import('tap')

const image = 'localhost/dunlin/hello:1'
const archive = `${world.folder}/hello.tar`
writeFileSync(archive, helloArchive(image))

for (const storeMode of ['disk', 'memory'] as const) {
  const runtime = podmanRuntime({
    engine: { stateFolder: `${world.folder}/engine`, cgroupParent: world.cgroupParent },
    runFolder: '/run/dunlin',
    logFolder: `${world.folder}/logs`,
    storeMode,
    clock: systemClock,
    log: jsonLog({ write: line => process.stderr.write(line), level: 'info', now: Date.now }),
  })

  t.test(`Podman with its store on ${storeMode}`, async t => {
    t.teardown(() => runtime.close())
    await runtime.loadImage(archive)
    const killMonitor = async (id: ContainerRef): Promise<void> => {
      const one = (await runtime.observePod(id.podUid))?.containers.find(one => one.container === id.container)
      await runProgram(['pkill', '-9', '-f', `conmon .*-c ${one?.engineId}`])
    }
    runtimeContract(t, () => ({ runtime, image, killMonitor }))
  })
}
