/**
 * npm start: a hub and an agent on this machine, the example applied, its Service answering; then a live view until
 * Ctrl-C, which takes everything down again. `--check` verifies all of it and exits 0 or 1.
 */
import { mkdir, readFile, rm } from 'node:fs/promises'
import { get } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describeError, Fault, isFault } from '../src/api/fault.ts'
import { parseYaml } from '../src/api/yaml.ts'
import { type KubeClient, kubeClient } from '../src/cli/kube-client.ts'
import { readContext } from '../src/cli/kubeconfig.ts'
import { runCli } from '../src/cli/main.ts'
import { at, listAt, textAt } from '../src/cli/shown.ts'
import { pause } from '../src/cli/wait.ts'
import { readIfThere, writeDurably } from '../src/lib/durable-file.ts'
import { helloArchive } from './images.ts'
import { type Child, startChild } from './quickstart/child.ts'
import { showLive } from './quickstart/live-view.ts'
import { differences, machineState } from './quickstart/machine-state.ts'

/*
 *  look at the machine ─> hub ─> token ─> agent joins ─> image ─> apply ─> Service answers ─> live view
 *                                                                                   │ Ctrl-C, or --check
 *  compare the machine <─ engine and network taken down <─ agent stopped <─ example deleted
 */

const isCheck = process.argv.includes('--check')
const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(process.cwd(), '.dunlin')
const example = join(root, 'examples', 'hello.yaml')
const runFolder = '/run/dunlin-quickstart'

const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stop.abort())

const began = performance.now()
const say = (text: string): void => {
  process.stdout.write(`${`${((performance.now() - began) / 1000).toFixed(1)}s`.padStart(6)}  ${text}\n`)
}

/** Whether this machine lets us listen there. */
const isFree = (port: number): Promise<boolean> =>
  new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '0.0.0.0', () => server.close(() => resolve(true)))
  })

const freePort = async (wanted: number): Promise<number> => {
  for (let port = wanted; port < wanted + 100; port += 1) if (await isFree(port)) return port
  throw new Fault('Machine', `no port between ${wanted} and ${wanted + 99} is free; stop what listens there`)
}

/** Asks again and again until `ask` gives a value. A child that ends meanwhile ends the waiting. */
const until = async <T>(
  what: string,
  seconds: number,
  ask: () => Promise<T | undefined>,
  child?: Child,
): Promise<T> => {
  const deadline = performance.now() + seconds * 1000
  let last: unknown
  while (performance.now() < deadline) {
    if (stop.signal.aborted) throw new Fault('Timeout', 'interrupted')
    if (child?.hasEnded === true)
      throw new Fault(
        'Machine',
        `the ${child.name} ended. Its last lines (all are in ${child.logPath}):\n${child.tail()}`,
      )
    try {
      const found = await ask()
      if (found !== undefined) return found
    } catch (error) {
      last = error
    }
    await pause(100, stop.signal)
  }
  const why = last === undefined ? '' : `: ${describeError(last)}`
  const tail =
    child === undefined ? '' : `\nLast lines of the ${child.name} (all are in ${child.logPath}):\n${child.tail()}`
  throw new Fault('Timeout', `${what} did not happen within ${seconds} s${why}${tail}`)
}

const readPage = (url: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const request = get(url, { timeout: 2000, agent: false }, answer => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', chunk => {
        if (text.length < 4096) text += chunk
      })
      answer.on('end', () => resolve(text))
      answer.on('error', reject)
    })
    request.on('timeout', () => request.destroy(new Error('no answer within 2 s')))
    request.on('error', reject)
  })

const cli = async (words: readonly string[]): Promise<void> => {
  const code = await runCli([...words, '--kubeconfig', join(folder, 'kubeconfig')], {
    out: {
      write: text => say(String(text).trimEnd()),
      drained: () => Promise.resolve(),
      note: text => say(text),
      isTerminal: false,
      columns: 80,
    },
    env: process.env,
    signal: stop.signal,
  })
  if (code !== 0) throw new Fault('Internal', `dunlin ${words.join(' ')} ended with ${code}`)
}

interface Fleet {
  readonly hub: Child
  readonly agent: Child
  readonly kube: KubeClient
  readonly ports: Ports
  readonly url: string
}

interface Ports {
  readonly api: number
  readonly mqtt: number
}

const startHub = async (ports: Ports): Promise<{ readonly hub: Child; readonly kube: KubeClient }> => {
  say('starting the hub')
  const hub = startChild(
    'hub',
    [
      'hub',
      '--data',
      join(folder, 'hub'),
      '--port',
      String(ports.api),
      '--mqtt-port',
      String(ports.mqtt),
      '--kubeconfig',
      join(folder, 'kubeconfig'),
    ],
    join(folder, 'hub.log'),
  )
  const kube = await until(
    'the hub’s start',
    30,
    async () => {
      const path = join(folder, 'kubeconfig')
      const client = kubeClient(await readContext(parseYaml(await readFile(path, 'utf8'))[0]?.value, path, undefined))
      await client.request('GET', '/api/v1/nodes', { signal: stop.signal })
      return client
    },
    hub,
  )
  return { hub, kube }
}

const startAgent = async (kube: KubeClient): Promise<Child> => {
  const state = join(folder, 'agent')
  const images = join(folder, 'images')
  await mkdir(images, { recursive: true, mode: 0o700 })
  const archive = join(images, 'hello.tar')
  if ((await readIfThere(archive)) === undefined) {
    say('building the example’s image, from scratch')
    await writeDurably(archive, helloArchive())
  }
  const words = ['agent', '--state', state, '--run', runFolder, '--images', images, '--on-exit', 'take-down']
  if ((await readIfThere(join(state, 'identity', 'membership.json'))) === undefined) {
    const made = await kube.request('POST', '/dunlin/v1/join-tokens', {
      body: { ttlSeconds: 600 },
      signal: stop.signal,
    })
    words.push('--join-token', textAt(made, 'token') ?? '')
    say('the agent joins with a token that is good once')
  } else say('starting the agent, which has joined before')
  return startChild('agent', words, join(folder, 'agent.log'))
}

const start = async (): Promise<Fleet> => {
  const ports = { api: await freePort(6443), mqtt: await freePort(8883) }
  const { hub, kube } = await startHub(ports)
  children.push(hub)
  const agent = await startAgent(kube)
  children.push(agent)
  const address = await until(
    'the node’s being Ready',
    60,
    async () => {
      const node = listAt(await kube.request('GET', '/api/v1/nodes', { signal: stop.signal }), 'items').find(one =>
        listAt(one, 'status', 'conditions').some(
          condition => at(condition, 'type') === 'Ready' && at(condition, 'status') === 'True',
        ),
      )
      return node === undefined
        ? undefined
        : listAt(node, 'status', 'addresses')
            .map(one => (at(one, 'type') === 'InternalIP' ? textAt(one, 'address') : undefined))
            .find(one => one !== undefined)
    },
    agent,
  )
  say('the node is Ready')
  await cli(['apply', '-f', example, '--wait', '--timeout', '120s'])
  const url = `http://${address}:30080`
  const page = await until('the Service’s answer', 30, () => readPage(url), agent)
  say(`${url} answers: ${page.trim()}`)
  return { hub, agent, kube, ports, url }
}

const children: Child[] = []

const tell = (fleet: Fleet): void => {
  process.stdout.write(`
The fleet is up. In a second terminal:

  export KUBECONFIG=${join(folder, 'kubeconfig')}
  kubectl get pods -o wide                 any kubectl; or without one:
  ${join(root, 'bin/dunlin')} get pods -w
  curl ${fleet.url}
  ${join(root, 'bin/dunlin')} kubeconfig --telemetry me --folder ${join(folder, 'telemetry')}
                                           telemetry: prints the mosquitto_sub line for dunlin/1/FLEET/t/#

Ctrl-C takes everything down again.

`)
}

/** What the check looks at beyond the start itself. */
const verify = async (fleet: Fleet): Promise<void> => {
  const answers = new Set<string>()
  for (let ask = 0; ask < 60 && answers.size < 2; ask += 1) answers.add((await readPage(fleet.url)).trim())
  if (answers.size < 2)
    throw new Fault('Internal', `the Service has two pods but only one of them answers: ${[...answers].join(', ')}`)
  say(`both pods answer: ${[...answers].join(', ')}`)
  const pods = listAt(
    await fleet.kube.request('GET', '/api/v1/namespaces/default/pods', { signal: stop.signal }),
    'items',
  )
  const ready = pods.filter(pod =>
    listAt(pod, 'status', 'conditions').some(one => at(one, 'type') === 'Ready' && at(one, 'status') === 'True'),
  )
  if (ready.length !== 2) throw new Fault('Internal', `expected 2 ready pods, found ${ready.length} of ${pods.length}`)
}

/** Takes down what was started, in the reverse order; goes on where a part of it fails. */
const takeDown = async (kube: KubeClient | undefined): Promise<readonly string[]> => {
  const troubles: string[] = []
  const [hub, agent] = children
  if (kube !== undefined && hub?.hasEnded === false && agent?.hasEnded === false) {
    say('deleting the example')
    for (const path of [
      '/apis/apps/v1/namespaces/default/deployments/hello',
      '/api/v1/namespaces/default/services/hello',
    ]) {
      await kube.request('DELETE', path).catch(error => {
        if (!isFault(error, 'NotFound')) troubles.push(describeError(error))
      })
    }
    const deadline = performance.now() + 20_000
    while (performance.now() < deadline) {
      const pods = await kube.request('GET', '/api/v1/pods').catch(() => undefined)
      if (pods === undefined || listAt(pods, 'items').length === 0) break
      await new Promise(resolve => setTimeout(resolve, 100))
    }
  }
  kube?.close()
  if (agent !== undefined) {
    say('stopping the agent, its containers and its network')
    await agent.stop(30_000)
    if ((await agent.ended) !== 0)
      troubles.push(`the agent ended with ${await agent.ended}; its log is ${agent.logPath}`)
  }
  if (hub !== undefined) {
    say('stopping the hub')
    await hub.stop(15_000)
  }
  return troubles
}

await mkdir(folder, { recursive: true, mode: 0o700 })
const before = await machineState()
let fleet: Fleet | undefined
let failure: unknown
try {
  fleet = await start()
  if (isCheck) await verify(fleet)
  else {
    tell(fleet)
    await showLive(fleet.kube, stop.signal, ms => pause(ms, stop.signal))
  }
} catch (error) {
  failure = error
}
if (failure !== undefined && !stop.signal.aborted) process.stderr.write(`\ndunlin: ${describeError(failure)}\n\n`)
process.stdout.write('\n')
const troubles = await takeDown(fleet?.kube)
const after = await machineState()
const left = differences(before, after)
// What lies in the run folder is of this life only; never removed while something is mounted there.
if (!(after['mounts'] ?? []).some(path => path.startsWith(runFolder)))
  await rm(runFolder, { recursive: true, force: true })
for (const trouble of [...troubles, ...left]) process.stderr.write(`dunlin: ${trouble}\n`)
if (left.length === 0) say('the machine is as it was; .dunlin/ keeps the fleet for the next start')
const isInterrupted = stop.signal.aborted && !isCheck
process.exit((failure === undefined || isInterrupted) && troubles.length === 0 && left.length === 0 ? 0 : 1)
