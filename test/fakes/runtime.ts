import { Fault } from '../../src/api/fault.ts'
import type {
  ContainerRef,
  ContainerSpec,
  ContainerUsage,
  ExecResult,
  LogLine,
  ObservedContainer,
  ObservedImage,
  ObservedPod,
  PodRuntime,
  Sandbox,
  SandboxFiles,
  SandboxSpec,
} from '../../src/core/pods/runtime.ts'
import type { Clock } from '../../src/lib/clock.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { fakeContainerStreams } from './container-streams.ts'
import { type TinyProcess, tinyProcess } from './tiny-process.ts'
import { type Act, actsOf } from './tiny-shell.ts'

/** What a test may do to the fake engine that no client of the port can. */
export interface FakeRuntime extends PodRuntime {
  /** Every step that changed something, oldest first, as a sentence: `create UID/web/0`. */
  readonly steps: readonly string[]
  /** The newest spec given for a container, or undefined. */
  spec(id: ContainerRef): ContainerSpec | undefined
  sandboxSpec(uid: string): SandboxSpec | undefined
  sandboxFiles(uid: string): SandboxFiles | undefined
  /** Puts an image there, as if loaded. `user` is what its config names. */
  addImage(reference: string, of?: { readonly user?: string }): ObservedImage
  /** Puts an image in the registry, from where it can be pulled, with these credentials where given. */
  offerImage(reference: string, credentials?: { readonly username: string; readonly password: string }): void
  /** The next pulls of this reference fail with this message; undefined mends it. */
  failPull(reference: string, message: string | undefined): void
  /** The process ends now. */
  exit(
    id: ContainerRef,
    how: {
      readonly exitCode: number
      readonly oomKilled?: boolean
      readonly signal?: number
      readonly terminationMessage?: string
    },
  ): void
  /** Its conmon dies: `lost` from now on. */
  loseMonitor(id: ContainerRef): void
  /** A line of output. */
  write(id: ContainerRef, stream: 'stdout' | 'stderr', text: string): void
  /** Bytes that commands of `openExec` have put out, of all time. */
  outputBytes(): number
  /** What `exec` answers; the default is exit code 0 and no output. */
  answerExec(answer: (id: ContainerRef, command: readonly string[]) => ExecResult | Promise<ExecResult>): void
  /** Every call fails with this until it is undefined again: the engine is stopped, missing or talks nonsense. */
  breakDown(error: Fault | undefined): void
  /** The next step whose sentence starts with `prefix` fails once, before it did anything. */
  failOnce(prefix: string, error: Fault): void
  /** Power loss: all processes and sandboxes are gone; in `disk` mode containers stay, as `created`. */
  reboot(): void
}

interface FakeContainer {
  readonly spec: ContainerSpec
  observed: ObservedContainer
  readonly lines: LogLine[]
  /** Commands that somebody talks to; they end with it. */
  readonly execs: Set<TinyProcess>
  /** What goes in and out beside its log. */
  readonly streams: ReturnType<typeof fakeContainerStreams>
  /** The exit code that SIGTERM brings; undefined when the process is deaf to it. */
  termCode: number | undefined
  cancel: () => void
}

/** Lines kept of one container; the oldest go first. */
const mostLines = 10_000

/**
 * A container engine in memory that obeys test/contract/runtime.ts. Processes are those of `tiny-shell.ts`;
 * whatever it does not know runs until it is stopped.
 *
 * @example const runtime = fakeRuntime({ images: ['localhost/dunlin/hello:1'] })
 */
export const fakeRuntime = (
  of: { readonly images?: readonly string[]; readonly clock?: Clock; readonly storeMode?: 'disk' | 'memory' } = {},
): FakeRuntime => {
  const clock = of.clock ?? systemClock
  const steps: string[] = []
  const sandboxes = new Map<string, { readonly spec: SandboxSpec; files: SandboxFiles }>()
  const containers = new Map<string, FakeContainer>()
  const images = new Map<string, ObservedImage & { readonly user: string }>()
  const offers = new Map<string, { readonly username: string; readonly password: string } | undefined>()
  const pullFailures = new Map<string, string>()
  const onceFailures = new Map<string, Fault>()
  const wakers = new Set<(uid: string) => void>()
  const lineWaiters = new Set<() => void>()
  let broken: Fault | undefined
  let engineIds = 0
  let outputBytes = 0
  let pid = 1000
  let answer: (id: ContainerRef, command: readonly string[]) => ExecResult | Promise<ExecResult> = () => ({
    exitCode: 0,
    output: '',
    timedOut: false,
  })

  const time = (): string => new Date(clock.now()).toISOString()
  const keyOf = (id: ContainerRef): string => `${id.podUid}/${id.container}/${id.attempt}`
  const need = (): void => {
    if (broken !== undefined) throw broken
  }
  const step = (sentence: string): void => {
    for (const [prefix, error] of onceFailures) {
      if (!sentence.startsWith(prefix)) continue
      onceFailures.delete(prefix)
      throw error
    }
    steps.push(sentence)
  }
  const wakeLogs = (): void => {
    for (const wake of lineWaiters) wake()
  }
  const there = (id: ContainerRef): FakeContainer => {
    const one = containers.get(keyOf(id))
    if (one === undefined) throw new Fault('NotFound', `container ${keyOf(id)} is not there`, { ...id })
    return one
  }

  const runningOne = (id: ContainerRef): FakeContainer => {
    const one = there(id)
    if (one.observed.state !== 'running')
      throw new Fault('Conflict', `container ${keyOf(id)} is ${one.observed.state}, not running`, { ...id })
    return one
  }

  const end = (
    one: FakeContainer,
    how: {
      readonly exitCode: number
      readonly oomKilled?: boolean
      readonly signal?: number
      readonly terminationMessage?: string
    },
  ): void => {
    if (one.observed.state !== 'running') return
    one.cancel()
    one.streams.end(how.exitCode)
    for (const exec of one.execs) exec.kill()
    const { pid: _pid, ...rest } = one.observed
    one.observed = {
      ...rest,
      state: 'exited',
      exitCode: how.exitCode,
      finishedAt: time(),
      oomKilled: how.oomKilled ?? false,
      ...(how.signal === undefined ? {} : { signal: how.signal }),
      ...(how.terminationMessage === undefined ? {} : { terminationMessage: how.terminationMessage.slice(0, 4096) }),
    }
    wakeLogs()
    queueMicrotask(() => {
      for (const wake of wakers) wake(one.spec.podUid)
    })
  }

  const say = (one: FakeContainer, stream: 'stdout' | 'stderr', text: string): void => {
    one.lines.push({ time: time().replace(/Z$/, '000000Z'), stream, text: Buffer.from(text) })
    if (one.lines.length > mostLines) one.lines.shift()
    one.streams.said(stream, text)
    wakeLogs()
  }

  /** Runs what the tiny shell understood, one act after another. */
  const live = (one: FakeContainer, acts: readonly Act[]): void => {
    for (const [at, act] of acts.entries()) {
      if (act.action === 'say') say(one, act.stream, act.text)
      else if (act.action === 'trap') one.termCode = act.code
      else if (act.action === 'exit') {
        end(one, { exitCode: act.code })
        return
      } else {
        if (act.ms !== undefined) one.cancel = clock.after(act.ms, () => live(one, acts.slice(at + 1)))
        return
      }
    }
    end(one, { exitCode: 0 })
  }

  const pod = (uid: string): ObservedPod | undefined => {
    const sandbox = sandboxes.get(uid)
    const own = [...containers.values()].filter(one => one.spec.podUid === uid)
    const first = own[0]
    if (sandbox === undefined && first === undefined) return undefined
    return {
      uid,
      namespace: sandbox?.spec.namespace ?? first?.spec.podNamespace ?? '',
      name: sandbox?.spec.name ?? first?.spec.podName ?? '',
      ...(sandbox === undefined ? {} : { sandbox: sandboxOf(sandbox.spec) }),
      containers: own.map(one => one.observed),
    }
  }

  const sandboxOf = (spec: SandboxSpec): Sandbox => ({
    uid: spec.uid,
    ...(spec.hostNetwork ? {} : { netnsPath: `/run/dunlin/pods/${spec.uid}/net` }),
  })

  const addImage = (reference: string, how: { readonly user?: string } = {}): ObservedImage => {
    const known = images.get(reference)
    if (known !== undefined) return known
    const digest = Buffer.from(reference).toString('hex').padEnd(64, '0').slice(0, 64)
    const image = {
      id: digest,
      names: [reference],
      digests: [`${reference.replace(/:[^:/]*$/, '')}@sha256:${digest}`],
      bytes: 1_000_000,
      user: how.user ?? '',
    }
    images.set(reference, image)
    return image
  }
  for (const reference of of.images ?? []) addImage(reference)

  const runtime: FakeRuntime = {
    steps,
    spec: id => containers.get(keyOf(id))?.spec,
    sandboxSpec: uid => sandboxes.get(uid)?.spec,
    sandboxFiles: uid => sandboxes.get(uid)?.files,
    addImage,
    offerImage: (reference, credentials) => void offers.set(reference, credentials),
    failPull(reference, message) {
      if (message === undefined) pullFailures.delete(reference)
      else pullFailures.set(reference, message)
    },
    exit: (id, how) => end(there(id), how),
    loseMonitor(id) {
      const one = there(id)
      one.cancel()
      one.observed = { ...one.observed, state: 'lost' }
      queueMicrotask(() => {
        for (const wake of wakers) wake(id.podUid)
      })
    },
    write: (id, stream, text) => say(there(id), stream, text),
    outputBytes: () => outputBytes,
    answerExec(next) {
      answer = next
    },
    breakDown(error) {
      broken = error
    },
    failOnce: (prefix, error) => void onceFailures.set(prefix, error),
    reboot() {
      sandboxes.clear()
      for (const [key, one] of containers) {
        one.cancel()
        if (of.storeMode === 'memory') containers.delete(key)
        // An end that nobody saw is lost: the engine says `created`, as it does after a true reboot.
        else if (one.observed.state !== 'exited') {
          const { pid: _pid, startedAt: _startedAt, ...rest } = one.observed
          one.observed = { ...rest, state: 'created' }
        }
      }
      wakeLogs()
    },

    async describe() {
      need()
      return {
        name: 'fake',
        version: '1.0.0',
        containerRuntimeVersion: 'fake://1.0.0',
        storeMode: of.storeMode ?? 'disk',
      }
    },
    async observe() {
      need()
      const uids = new Set([...sandboxes.keys(), ...[...containers.values()].map(one => one.spec.podUid)])
      return [...uids].map(pod).filter(one => one !== undefined)
    },
    async observePod(uid) {
      need()
      return pod(uid)
    },

    async makeSandbox(spec) {
      need()
      const before = sandboxes.get(spec.uid)
      if (before === undefined) {
        step(`sandbox ${spec.uid}`)
        sandboxes.set(spec.uid, { spec, files: {} })
      }
      return sandboxOf(spec)
    },
    async writeSandboxFiles(uid, files) {
      need()
      const sandbox = sandboxes.get(uid)
      if (sandbox === undefined) throw new Fault('NotFound', `the sandbox of pod ${uid} is not there`, { uid })
      sandbox.files = files
    },
    async removeSandbox(uid) {
      need()
      if (!sandboxes.has(uid)) return
      const left = [...containers.values()].filter(one => one.spec.podUid === uid)
      if (left.length > 0)
        throw new Fault('Conflict', `pod ${uid} still has ${left.length} containers: remove them before its sandbox`, {
          uid,
        })
      step(`remove sandbox ${uid}`)
      sandboxes.delete(uid)
    },

    async createContainer(spec) {
      need()
      if (containers.has(keyOf(spec))) return
      if (!sandboxes.has(spec.podUid))
        throw new Fault('NotFound', `the sandbox of pod ${spec.podUid} is not there: make it first`, {
          uid: spec.podUid,
        })
      const image = images.get(spec.image)
      if (image === undefined)
        throw new Fault('Runtime', `image "${spec.image}" is not on this node`, {
          cause: 'image not known',
          image: spec.image,
        })
      if (
        spec.security.mustRunAsNonRoot &&
        (spec.security.user ?? (image.user === '' ? 0 : Number(image.user) || 0)) === 0
      )
        throw new Fault('Invalid', `container ${spec.container} has runAsNonRoot and the image would run as root`, {
          image: spec.image,
        })
      step(`create ${keyOf(spec)}`)
      engineIds += 1
      containers.set(keyOf(spec), {
        spec,
        lines: [],
        execs: new Set(),
        streams: fakeContainerStreams([...(spec.command ?? []), ...(spec.args ?? [])]),
        termCode: 143,
        cancel: () => {},
        observed: {
          podUid: spec.podUid,
          container: spec.container,
          attempt: spec.attempt,
          engineId: engineIds.toString(16).padStart(64, '0'),
          specHash: spec.specHash,
          image: spec.image,
          imageId: image.id,
          state: 'created',
          createdAt: time(),
          oomKilled: false,
        },
      })
    },
    async startContainer(id) {
      need()
      const one = there(id)
      if (one.observed.state !== 'created') return
      const command = [...(one.spec.command ?? []), ...(one.spec.args ?? [])]
      if (command[0]?.includes('no-such-command')) {
        one.observed = { ...one.observed, error: `executable file \`${command[0]}\` not found` }
        throw new Fault('Runtime', `container ${keyOf(id)} did not start: executable file not found`, { ...id })
      }
      step(`start ${keyOf(id)}`)
      pid += 1
      one.observed = { ...one.observed, state: 'running', startedAt: time(), pid }
      live(one, actsOf(command))
    },
    async stopContainer(id, graceSeconds) {
      need()
      const one = containers.get(keyOf(id))
      if (one === undefined || one.observed.state !== 'running') return
      step(`stop ${keyOf(id)} within ${graceSeconds} s`)
      const code = one.termCode
      if (code !== undefined) return end(one, { exitCode: code, ...(code === 143 ? { signal: 15 } : {}) })
      await new Promise<void>(resolve => {
        clock.after(graceSeconds * 1000, resolve)
      })
      end(one, { exitCode: 137, signal: 9 })
    },
    async removeContainer(id) {
      need()
      const one = containers.get(keyOf(id))
      if (one === undefined) return
      step(`remove ${keyOf(id)}`)
      one.cancel()
      containers.delete(keyOf(id))
      wakeLogs()
    },

    async image(reference) {
      need()
      return images.get(reference) ?? [...images.values()].find(image => image.id === reference)
    },
    async images() {
      need()
      return [...images.values()]
    },
    async pullImage(reference, credentials, signal) {
      need()
      signal.throwIfAborted()
      const failure = pullFailures.get(reference)
      if (failure !== undefined) throw new Fault('Runtime', failure, { image: reference })
      if (!offers.has(reference))
        throw new Fault('Runtime', `pull of ${reference}: manifest unknown`, { image: reference })
      const wanted = offers.get(reference)
      if (
        wanted !== undefined &&
        (credentials?.username !== wanted.username || credentials.password !== wanted.password)
      )
        throw new Fault('Runtime', `pull of ${reference}: unauthorized: authentication required`, { image: reference })
      step(`pull ${reference}`)
      return addImage(reference)
    },
    async loadImage(archivePath) {
      need()
      step(`load ${archivePath}`)
      return [
        addImage(
          `localhost/loaded/${
            archivePath
              .split('/')
              .at(-1)
              ?.replace(/\.tar$/, '') ?? 'image'
          }:1`,
        ),
      ]
    },
    async removeImage(id) {
      need()
      const inUse = [...containers.values()].find(one => one.observed.imageId === id)
      if (inUse !== undefined)
        throw new Fault('Conflict', `image ${id} is used by container ${keyOf(inUse.spec)}`, { image: id })
      for (const [reference, image] of images) {
        if (image.id !== id) continue
        step(`remove image ${reference}`)
        images.delete(reference)
      }
    },

    async exec(id, command, timeoutMs) {
      need()
      runningOne(id)
      const result = await Promise.race([
        Promise.resolve(answer(id, command)),
        new Promise<undefined>(resolve => clock.after(timeoutMs, () => resolve(undefined))),
      ])
      return result ?? { exitCode: 124, output: '', timedOut: true }
    },
    async openExec(id, request, signal) {
      need()
      signal.throwIfAborted()
      const one = runningOne(id)
      const process = tinyProcess(request, clock, bytes => {
        outputBytes += bytes
      })
      one.execs.add(process)
      process.exitCode.then(
        () => one.execs.delete(process),
        () => one.execs.delete(process),
      )
      return process
    },
    async attach(id, options, signal) {
      need()
      signal.throwIfAborted()
      const one = runningOne(id)
      return one.streams.attach(options, {
        say: text => say(one, 'stdout', text),
        exit: code => end(one, { exitCode: code }),
      })
    },
    async copyOut(id, path, signal) {
      need()
      signal.throwIfAborted()
      return runningOne(id).streams.copyOut(path)
    },
    async copyIn(id, path, archive, signal) {
      need()
      signal.throwIfAborted()
      await runningOne(id).streams.copyIn(path, archive)
    },
    async connect(podUid, port) {
      need()
      if (!sandboxes.has(podUid)) throw new Fault('NotFound', `the sandbox of pod ${podUid} is not there`)
      for (const one of containers.values()) {
        if (one.spec.podUid !== podUid || one.observed.state !== 'running') continue
        const connection = one.streams.connect(port)
        if (connection !== undefined) return connection
      }
      throw new Fault('Unavailable', `nothing listens in the pod: ECONNREFUSED 127.0.0.1:${port}`)
    },
    async *logs(id, options, signal) {
      need()
      const one = there(id)
      const since = options.sinceTime
      const chosen = one.lines.filter(line => since === undefined || line.time >= since)
      let at = options.tailLines === undefined ? 0 : Math.max(0, chosen.length - options.tailLines)
      let left = options.limitBytes ?? Number.POSITIVE_INFINITY
      let lines: readonly LogLine[] = chosen
      let seen = one.lines.at(-1)
      for (;;) {
        for (; at < lines.length; at += 1) {
          const line = lines[at]
          if (line === undefined || left <= 0) return
          yield line.text.length <= left ? line : { ...line, text: line.text.subarray(0, left) }
          left -= line.text.length
        }
        if (!options.follow || signal.aborted) return
        const isOver = one.observed.state === 'exited' || !containers.has(keyOf(id))
        const fresh = one.lines.slice(seen === undefined ? 0 : one.lines.indexOf(seen) + 1)
        if (fresh.length > 0) {
          lines = fresh
          at = 0
          seen = fresh.at(-1)
          continue
        }
        if (isOver) return
        await new Promise<void>(resolve => {
          const wake = (): void => {
            lineWaiters.delete(wake)
            signal.removeEventListener('abort', wake)
            resolve()
          }
          lineWaiters.add(wake)
          signal.addEventListener('abort', wake)
        })
      }
    },
    async usage(): Promise<readonly ContainerUsage[]> {
      need()
      return [...containers.values()]
        .filter(one => one.observed.state === 'running')
        .map(one => ({
          podUid: one.spec.podUid,
          container: one.spec.container,
          attempt: one.spec.attempt,
          cpuNanos: 1_000_000,
          memoryBytes: 1_048_576,
          pids: 1 + one.execs.size,
          diskReadBytes: 0,
          diskWriteBytes: 0,
          oomKills: 0,
        }))
    },
    onExit(wake) {
      wakers.add(wake)
      return () => void wakers.delete(wake)
    },
    async sweep(keep) {
      need()
      const gone: string[] = []
      for (const [key, one] of containers) {
        if (keep.has(one.spec.podUid)) continue
        one.cancel()
        containers.delete(key)
        gone.push(`container ${key}`)
      }
      for (const uid of sandboxes.keys()) {
        if (keep.has(uid)) continue
        sandboxes.delete(uid)
        gone.push(`sandbox ${uid}`)
      }
      for (const sentence of gone) step(`sweep ${sentence}`)
      return gone
    },
    async takeDown() {
      await runtime.sweep(new Set())
      await runtime.close()
    },
    async close() {
      wakers.clear()
      for (const one of containers.values()) one.cancel()
    },
  }
  return runtime
}
