import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs'
import type { Test } from 'tap'
import { helloArchive } from '../../scripts/images.ts'
import { Fault, isFault } from '../../src/api/fault.ts'
import type { ContainerSpec, LogLine, ObservedContainer, SandboxSpec } from '../../src/core/pods/runtime.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { silentLog } from '../../src/lib/log.ts'
import { rotateLog } from '../../src/runtime-podman/logs/rotate-log.ts'
import { podmanRuntime } from '../../src/runtime-podman/podman-runtime.ts'
import { aContainer, aSandbox } from '../fakes/container-spec.ts'
import { ownWorld } from '../fleet/own-world.ts'
import { until } from '../support/until.ts'

const world = ownWorld(import.meta.filename)
const { default: t } = await import('tap')

writeFileSync(`${world.folder}/hello.tar`, helloArchive())
for (const storeMode of ['disk', 'memory'] as const)
  t.test(`Podman, its store on ${storeMode}`, { timeout: 240_000 }, async t => {
    const settings = {
      engine: { stateFolder: `${world.folder}/engine`, cgroupParent: world.cgroupParent },
      runFolder: '/run/dunlin',
      logFolder: `${world.folder}/logs`,
      storeMode,
      clock: systemClock,
      log: silentLog,
    } as const
    const runtime = podmanRuntime(settings)
    t.teardown(() => runtime.close())
    await runtime.loadImage(`${world.folder}/hello.tar`)
    const graphRoot = storeMode === 'disk' ? `${settings.engine.stateFolder}/store-overlay` : '/run/dunlin/store/graph'
    const isV1 = existsSync('/sys/fs/cgroup/memory')

    let pods = 0
    /** A sandbox that the test takes away at its end, whatever happened in it. */
    const aPod = async (t: Test, change: Partial<SandboxSpec> = {}) => {
      pods += 1
      const uid = `pod-${pods}`
      t.teardown(() => takeAway(uid))
      await runtime.makeSandbox(aSandbox({ uid, ...change }))
      return uid
    }

    const takeAway = async (uid: string): Promise<void> => {
      for (const one of (await runtime.observePod(uid))?.containers ?? []) {
        await runtime.stopContainer(one, 0)
        await runtime.removeContainer(one)
      }
      await runtime.removeSandbox(uid)
    }

    const run = async (uid: string, change: Partial<ContainerSpec>): Promise<ContainerSpec> => {
      const spec = aContainer({ podUid: uid, ...change })
      await runtime.createContainer(spec)
      await runtime.startContainer(spec)
      return spec
    }

    const find = async (spec: ContainerSpec): Promise<ObservedContainer | undefined> =>
      (await runtime.observePod(spec.podUid))?.containers.find(one => one.container === spec.container)

    const ended = async (spec: ContainerSpec): Promise<ObservedContainer> => {
      for (let tries = 0; tries < 2400; tries += 1) {
        const one = await find(spec)
        if (one?.state === 'exited') return one
        await new Promise(resolve => setTimeout(resolve, 25))
      }
      throw new Error(`${spec.container} did not end: ${JSON.stringify(await find(spec))}`)
    }

    /** Runs a command as a container of its own and gives all that it wrote. */
    const outputOf = async (uid: string, command: string, change: Partial<ContainerSpec> = {}): Promise<string> => {
      pods += 1
      const spec = await run(uid, { container: `c${pods}`, command: ['sh', '-c', `{ ${command}; } 2>&1`], ...change })
      await ended(spec)
      return await textOf(spec)
    }

    const textOf = async (spec: ContainerSpec, follow = false): Promise<string> => {
      const texts: Buffer[] = []
      for await (const line of runtime.logs(spec, { follow }, AbortSignal.timeout(60_000))) texts.push(line.text)
      return Buffer.concat(texts).toString()
    }

    const security = (change: Partial<ContainerSpec['security']>): Partial<ContainerSpec> => ({
      security: { ...aContainer().security, ...change },
    })

    t.test(
      'the containers of a pod share localhost, IPC, /dev/shm, the host name and volumes, and no other pod does',
      async t => {
        const uid = await aPod(t, { hostname: 'shared' })
        const volume = `${world.folder}/volume-${storeMode}`
        mkdirSync(volume)
        const mounts = [{ source: volume, destination: '/data', readOnly: false, propagation: 'private' as const }]
        await run(uid, {
          container: 'server',
          mounts,
          command: [
            'sh',
            '-c',
            'echo from-shm > /dev/shm/x; echo from-volume > /data/x; ipcs -m > /dev/null; cd /tmp; echo from-web > index.html; httpd -f -p 127.0.0.1:8080',
          ],
        })
        const look =
          'for i in 1 2 3 4 5 6 7 8 9; do wget -qO- http://127.0.0.1:8080/ && break; sleep 0.2; done; cat /dev/shm/x /data/x; hostname; cat /etc/hostname; echo $HOSTNAME; stat -L -c %i /proc/self/ns/ipc'
        const [web, shm, data, ...rest] = (await outputOf(uid, look, { mounts })).trim().split('\n')
        t.strictSame([web, shm, data], ['from-web', 'from-shm', 'from-volume'])
        t.strictSame(rest.slice(0, 3), ['shared', 'shared', 'shared'])
        const other = await aPod(t)
        const [ipc] = (await outputOf(other, 'stat -L -c %i /proc/self/ns/ipc; cat /dev/shm/x')).trim().split('\n')
        t.not(ipc, rest[3], 'another pod has another IPC namespace')
        const others = await outputOf(other, 'wget -qO- http://127.0.0.1:8080/; cat /dev/shm/x')
        t.match(others, /can't connect/)
        t.match(others, /No such file/)
      },
    )

    t.test('hosts and resolv.conf are ours, and a new text is seen by what runs', async t => {
      const uid = await aPod(t)
      await runtime.writeSandboxFiles(uid, { hosts: '10.0.0.9 first\n', resolvConf: 'nameserver 10.96.0.10\n' })
      const spec = await run(uid, {})
      t.match(await runtime.exec(spec, ['cat', '/etc/hosts', '/etc/resolv.conf'], 5000), {
        exitCode: 0,
        output: '10.0.0.9 first\nnameserver 10.96.0.10\n',
      })
      await runtime.writeSandboxFiles(uid, { hosts: '10.0.0.9 second\n', resolvConf: 'nameserver 10.96.0.10\n' })
      t.match(await runtime.exec(spec, ['cat', '/etc/hosts'], 5000), { output: '10.0.0.9 second\n' })
    })

    t.test('limits are in the cgroup', async t => {
      const uid = await aPod(t)
      const spec = await run(uid, {
        resources: { memoryLimit: 64 * 1024 * 1024, cpuShares: 512, cpuQuota: 50_000, pidsLimit: 40 },
      })
      const id = (await find(spec))?.engineId
      const path = `${world.cgroupParent}/pod${uid}/libpod-${id}`
      const read = (file: string): string => readFileSync(`/sys/fs/cgroup/${file}`, 'utf8').trim()
      if (isV1) {
        t.equal(read(`memory${path}/memory.limit_in_bytes`), '67108864')
        t.equal(read(`memory${path}/memory.memsw.limit_in_bytes`), '67108864')
        t.equal(read(`cpu${path}/cpu.shares`), '512')
        t.equal(read(`cpu${path}/cpu.cfs_quota_us`), '50000')
        t.equal(read(`pids${path}/pids.max`), '40')
      } else {
        t.equal(read(`${path}/memory.max`), '67108864')
        t.equal(read(`${path}/cpu.max`), '50000 100000')
        t.equal(read(`${path}/pids.max`), '40')
      }
    })

    t.test('a container that the kernel killed for memory says so', async t => {
      const uid = await aPod(t)
      const spec = await run(uid, {
        resources: { memoryLimit: 16 * 1024 * 1024, cpuShares: 2 },
        command: ['sh', '-c', 'exec tail /dev/zero'],
      })
      t.match(await ended(spec), { exitCode: 137, signal: 9, oomKilled: true })
      const calm = await run(uid, { container: 'calm', command: ['sh', '-c', 'exit 137'] })
      t.match(await ended(calm), { exitCode: 137, oomKilled: false })
      const late = await run(uid, {
        container: 'late',
        resources: { memoryLimit: 16 * 1024 * 1024, cpuShares: 2 },
        command: ['sh', '-c', 'sleep 1; exec tail /dev/zero'],
      })
      const cgroup = `${world.cgroupParent}/pod${uid}/libpod-${(await find(late))?.engineId}`
      const folder = isV1 ? `/sys/fs/cgroup/memory${cgroup}` : `/sys/fs/cgroup${cgroup}`
      t.ok(existsSync(folder))
      await until('the cgroup to leave', () => (existsSync(folder) ? undefined : true))
      t.match(await find(late), { exitCode: 137, oomKilled: true }, 'its cgroup left before anybody looked')
      t.notOk(existsSync('oom'), 'the monitor leaves no file where we were started')
    })

    t.test(
      'what a container writes to its termination message file is observed, the last 4096 bytes of it',
      async t => {
        const uid = await aPod(t)
        const short = await run(uid, { command: ['sh', '-c', 'echo -n it broke > /dev/termination-log; exit 1'] })
        t.equal((await ended(short)).terminationMessage, 'it broke')
        const long = await run(uid, {
          container: 'long',
          terminationMessagePath: '/tmp/why',
          command: ['sh', '-c', 'yes a | head -c 6000 > /tmp/why; echo -n end >> /tmp/why'],
        })
        const message = (await ended(long)).terminationMessage ?? ''
        t.equal(message.length, 4096)
        t.ok(message.endsWith('end'))
      },
    )

    t.test("command, arguments, environment and working folder are the spec's", async t => {
      const uid = await aPod(t)
      const spec = await run(uid, {
        command: ['sh', '-c', 'echo "$0 $1 $A $(pwd)"'],
        args: ['zero', 'one $NOT_EXPANDED'],
        env: { A: 'x=y "z"' },
        workingDir: '/tmp',
      })
      await ended(spec)
      t.equal(await textOf(spec), 'zero one $NOT_EXPANDED x=y "z" /tmp\n')
    })

    t.test('users, groups, a read-only root and capabilities are kept to', async t => {
      const uid = await aPod(t)
      t.equal(
        await outputOf(
          uid,
          'id -u; id -g; id -G',
          security({ user: 1000, group: 2000, supplementalGroups: [3000, 4000] }),
        ),
        '1000\n2000\n2000 3000 4000\n',
      )
      t.match(
        await outputOf(uid, 'touch /x; touch /tmp/x; touch /dev/shm/x && echo shm', security({ readOnlyRoot: true })),
        /touch: \/x: Read-only file system\ntouch: \/tmp\/x: Read-only file system\nshm/,
      )
      const effective = async (change: Partial<ContainerSpec['security']>): Promise<bigint> =>
        BigInt(`0x${/CapEff:\s*([0-9a-f]+)/.exec(await outputOf(uid, 'cat /proc/self/status', security(change)))?.[1]}`)
      const has = (set: bigint, bit: number): boolean => ((set >> BigInt(bit)) & 1n) === 1n
      const [netAdmin, netRaw] = [12, 13]
      t.strictSame([has(await effective({}), netAdmin), has(await effective({}), netRaw)], [false, true])
      t.ok(has(await effective({ capAdd: ['NET_ADMIN'] }), netAdmin))
      t.equal(await effective({ capDrop: ['ALL'] }), 0n)
      t.equal(await effective({ capDrop: ['ALL'], capAdd: ['NET_RAW'] }), 1n << 13n)
      t.match(
        await outputOf(uid, 'cat /proc/self/status', security({ allowPrivilegeEscalation: false })),
        /NoNewPrivs:\s*1/,
      )
    })

    t.test('a privileged container has what the machine has', async t => {
      const uid = await aPod(t)
      const output = await outputOf(
        uid,
        'mkdir /tmp/m; mount -t tmpfs x /tmp/m && echo mounted; cat /proc/self/status',
        security({ privileged: true }),
      )
      t.match(output, /mounted/)
      t.match(output, /Seccomp:\s*0/)
    })

    t.test('a read-only mount is read-only, and propagation reaches in', async t => {
      const uid = await aPod(t)
      const shared = `${world.folder}/shared-${storeMode}`
      mkdirSync(`${shared}/inner`, { recursive: true })
      execFileSync('mount', ['-t', 'tmpfs', 'x', shared])
      execFileSync('mount', ['--make-shared', shared])
      mkdirSync(`${shared}/inner`)
      t.teardown(() => execFileSync('umount', ['--lazy', shared]))
      const spec = await run(uid, {
        mounts: [
          { source: shared, destination: '/ro', readOnly: true, propagation: 'private' },
          { source: shared, destination: '/slave', readOnly: false, propagation: 'rslave' },
        ],
      })
      t.match((await runtime.exec(spec, ['touch', '/ro/x'], 5000)).output, /Read-only/)
      execFileSync('mount', ['-t', 'tmpfs', 'x', `${shared}/inner`])
      writeFileSync(`${shared}/inner/late`, '')
      t.match(await runtime.exec(spec, ['sh', '-c', 'ls /slave/inner; ls /ro/inner'], 5000), {
        output: 'late\n',
      })
    })

    t.test('sysctls of the pod are set in it, and those of the host are refused', async t => {
      const uid = await aPod(t, { sysctls: { 'net.core.somaxconn': '321', 'kernel.msgmax': '9000' } })
      t.equal(await outputOf(uid, 'cat /proc/sys/net/core/somaxconn /proc/sys/kernel/msgmax'), '321\n9000\n')
      await t.rejects(
        runtime.makeSandbox(aSandbox({ uid: 'pod-bad', sysctls: { 'vm.swappiness': '1' } })),
        /vm.swappiness/,
      )
      await runtime.removeSandbox('pod-bad')
    })

    t.test('a pod on the host network is on it, by name and by interface', async t => {
      const uid = await aPod(t, { hostNetwork: true })
      t.equal((await runtime.observePod(uid))?.sandbox?.netnsPath, undefined)
      const ns = execFileSync('stat', ['-L', '-c', '%i', '/proc/self/ns/net'], { encoding: 'utf8' })
      t.equal(await outputOf(uid, 'stat -L -c %i /proc/self/ns/net'), ns)
    })

    t.test('a shared process namespace has one holder as PID 1, which nobody sees as a container', async t => {
      const uid = await aPod(t, { shareProcessNamespace: true })
      const first = await run(uid, { command: ['sh', '-c', 'exec sleep 1234'] })
      const second = await run(uid, { container: 'second' })
      t.match((await runtime.exec(second, ['ps'], 5000)).output, /sleep 1234/)
      t.strictSame((await runtime.observePod(uid))?.containers.map(one => one.container).toSorted(), ['main', 'second'])
      await runtime.stopContainer(first, 0)
      t.equal((await find(second))?.state, 'running', 'the end of one is not the end of the other')
      t.ok((await runtime.observePod(uid))?.sandbox)
      t.notOk((await runtime.images()).some(one => one.names.some(name => name.includes('pause'))))
    })

    t.test('a command runs in a container with its output, code and time limit, and leaves no process', async t => {
      const uid = await aPod(t)
      const spec = await run(uid, { env: { A: 'b' }, ...security({ user: 1000 }) })
      t.match(await runtime.exec(spec, ['sh', '-c', 'echo $A; id -u; exit 4'], 5000), {
        exitCode: 4,
        timedOut: false,
        output: 'b\n1000\n',
      })
      t.match(await runtime.exec(spec, ['/no-such-command'], 5000), { timedOut: false, output: /no-such-command/ })
      t.match(await runtime.exec(spec, ['sh', '-c', 'echo wrong >&2; exit 1'], 5000), {
        exitCode: 1,
        output: 'wrong\n',
      })
      const flood = await runtime.exec(spec, ['sh', '-c', 'yes | head -c 100000'], 5000)
      t.equal(flood.output.length, 16 * 1024)
      const late = await runtime.exec(spec, ['sh', '-c', 'sleep 777 & sleep 777'], 300)
      t.match(late, { timedOut: true })
      for (let tries = 0; tries < 500 && (await runtime.exec(spec, ['ps'], 5000)).output.includes('777'); tries += 1)
        await new Promise(resolve => setTimeout(resolve, 50))
      t.notMatch((await runtime.exec(spec, ['ps'], 5000)).output, '777')
      t.strictSame(
        readdirSync('/run/dunlin').filter(name => name.startsWith('exec-')),
        [],
      )
    })

    t.test(
      'rotation loses no line and repeats none, for a reader that follows and for one that comes later',
      async t => {
        const uid = await aPod(t)
        const spec = await run(uid, {
          command: [
            'sh',
            '-c',
            'i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); [ $((i%50)) = 0 ] && sleep 0.02; done; echo -n no newline',
          ],
        })
        const pod = await runtime.observePod(uid)
        const path = `${settings.logFolder}/${pod?.namespace}_${pod?.name}_${uid}/main/0.log`
        const controlPipe = `${graphRoot}/overlay-containers/${pod?.containers[0]?.engineId}/userdata/ctl`
        let rotations = 0
        const rotating = (async () => {
          while ((await find(spec))?.state === 'running') {
            if (await rotateLog({ path, mostBytes: 30_000, controlPipe })) rotations += 1
            await new Promise(resolve => setTimeout(resolve, 10))
          }
        })()
        const lines: LogLine[] = []
        for await (const line of runtime.logs(spec, { follow: true }, AbortSignal.timeout(60_000))) lines.push(line)
        await rotating
        t.ok(rotations >= 2, `${rotations} rotations`)
        const text = Buffer.concat(lines.map(line => line.text)).toString()
        t.equal(text, `${Array.from({ length: 3000 }, (_, i) => `line ${i}\n`).join('')}no newline`)
        // The last rotation may have come when there was no monitor left to open a new file.
        t.ok((statSync(path, { throwIfNoEntry: false })?.size ?? 0) < 31_000 + 30_000)
        const later = (await textOf(spec)).split('\n')
        t.equal(later.at(-1), 'no newline')
        t.ok(
          later.length > 400 &&
            later.every(
              (line, at) =>
                at === 0 || line === 'no newline' || Number(line.slice(5)) === Number(later[at - 1]?.slice(5)) + 1,
            ),
        )
        t.equal(await textOf(spec, true), later.join('\n'), 'following what has ended ends')
      },
    )

    t.test("the engine's service may be killed at any moment: every step ends well when it is made again", async t => {
      const ownMounts = readlinkSync('/proc/self/ns/mnt')
      /** Those of this world; others on the machine are none of ours. */
      const servicePids = (): readonly number[] =>
        readdirSync('/proc')
          .filter(name => /^\d+$/.test(name))
          .map(Number)
          .filter(pid => {
            try {
              const isService = readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('\0system\0service\0')
              return isService && readlinkSync(`/proc/${pid}/ns/mnt`) === ownMounts
            } catch {
              return false
            }
          })
      let kills = 0
      let isDone = false
      const killing = (async () => {
        // So many and no more: where the machine is slow, no service would ever live long enough.
        while (!isDone && kills < 80) {
          for (const pid of servicePids()) {
            process.kill(pid, 'SIGKILL')
            kills += 1
          }
          await new Promise(resolve => setTimeout(resolve, 60 + ((kills * 97) % 400)))
        }
      })()
      /** As the agent does: the same step until it ends well. */
      const insist = async <T>(step: () => Promise<T>): Promise<T> => {
        for (let tries = 0; ; tries += 1) {
          try {
            return await step()
          } catch (error) {
            if (tries > 100 || !isFault(error, 'Unavailable', 'Runtime')) throw error
            await new Promise(resolve => setTimeout(resolve, 20))
          }
        }
      }
      const rounds = async (): Promise<void> => {
        for (let round = 0; round < 6; round += 1) {
          const uid = `killed-${round}`
          const spec = aContainer({ podUid: uid })
          await insist(() => runtime.makeSandbox(aSandbox({ uid })))
          // A container that was half started is removed, and made anew by who looks again.
          await insist(async () => {
            await runtime.createContainer(spec)
            await runtime.startContainer(spec)
            // Its monitor may have gone with the service that was starting it: it is told as lost, and made anew.
            if ((await runtime.observePod(uid))?.containers[0]?.state !== 'lost') return
            await runtime.removeContainer(spec)
            throw new Fault('Unavailable', 'the container is lost')
          })
          t.match(await insist(() => runtime.observePod(uid)), { containers: [{ state: 'running' }] })
          await insist(() => runtime.stopContainer(spec, 5))
          await insist(() => runtime.removeContainer(spec))
          await insist(() => runtime.removeSandbox(uid))
          t.equal(await insist(() => runtime.observePod(uid)), undefined)
        }
      }
      await rounds().finally(() => {
        isDone = true
      })
      await killing
      t.ok(kills > 3, `${kills} kills`)
      await runtime.sweep(new Set((await runtime.observe()).map(pod => pod.uid)))
      t.strictSame(
        (await runtime.observe()).filter(pod => pod.uid.startsWith('killed')),
        [],
      )
      t.strictSame(readdirSync('/run/runc'), [], 'no state of the OCI runtime is left')
    })

    t.test('an agent that starts again adopts what runs', async t => {
      const uid = await aPod(t)
      const spec = await run(uid, {})
      const before = await find(spec)
      const second = podmanRuntime(settings)
      t.teardown(() => second.close())
      const woken: string[] = []
      second.onExit(pod => woken.push(pod))
      t.strictSame((await second.observePod(uid))?.containers, before === undefined ? [] : [before])
      t.match(
        (await second.usage()).map(one => one.podUid),
        [uid],
      )
      await second.stopContainer(spec, 5)
      for (let tries = 0; tries < 3000 && !woken.includes(uid); tries += 1)
        await new Promise(resolve => setTimeout(resolve, 20))
      t.ok(woken.includes(uid))
    })

    t.test('nothing is left when all pods are gone', async t => {
      t.strictSame(await runtime.observe(), [])
      t.strictSame(readdirSync('/run/dunlin/pods'), [])
      t.notMatch(readFileSync('/proc/self/mountinfo', 'utf8'), '/run/dunlin/pods/')
      const parent = isV1 ? `/sys/fs/cgroup/pids${world.cgroupParent}` : `/sys/fs/cgroup${world.cgroupParent}`
      t.strictSame(
        readdirSync(parent, { withFileTypes: true })
          .filter(one => one.isDirectory() && one.name.startsWith('pod'))
          .map(one => one.name),
        [],
      )
      t.strictSame(readdirSync(settings.logFolder), [])
    })

    t.test('taken down, it leaves no service, mount, folder or cgroup behind, and keeps the images', async t => {
      const spec = aContainer({ podUid: 'last' })
      await runtime.makeSandbox(aSandbox({ uid: 'last' }))
      await runtime.createContainer(spec)
      await runtime.startContainer(spec)
      await runtime.takeDown()
      t.notMatch(readFileSync('/proc/self/mountinfo', 'utf8'), /dunlin\/(pods|store|engine)|dunlin-world-\S+\/engine/)
      t.strictSame(readdirSync('/run/dunlin'), [])
      t.notOk(existsSync(isV1 ? `/sys/fs/cgroup/pids${world.cgroupParent}` : `/sys/fs/cgroup${world.cgroupParent}`))
      const processes = execFileSync('ps', ['-e', '-o', 'args'], { encoding: 'utf8' })
      t.notMatch(processes, /^\S*bin\/(podman|conmon)\b/m)
      const again = podmanRuntime(settings)
      t.ok(await again.image('localhost/dunlin/hello:1'))
      await again.takeDown()
    })
  })
