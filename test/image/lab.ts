import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { helloArchive } from '../../scripts/images.ts'
import { type Child, startChild } from '../../scripts/quickstart/child.ts'
import { Fault } from '../../src/api/fault.ts'
import { parseYaml } from '../../src/api/yaml.ts'
import { type KubeClient, kubeClient } from '../../src/cli/kube-client.ts'
import { readContext } from '../../src/cli/kubeconfig.ts'
import { textAt } from '../../src/cli/shown.ts'
import { fetchKubectl } from '../kubectl/fetch-kubectl.ts'
import { armBusybox } from './arm-busybox.ts'

/** A hub of this checkout on this machine, a kubectl that talks to it, and a folder for cards and logs. */
export interface Lab {
  readonly folder: string
  readonly hub: Child
  readonly kube: KubeClient
  readonly kubectlVersion: string
  readonly keyPath: string
  readonly publicKey: string
  /** What kubectl prints. @throws Error with its complaint */
  kubectl(words: readonly string[], seconds?: number): Promise<string>
  /** Tokens by the name of their device. */
  readonly tokens: ReadonlyMap<string, string>
  /** A token for a device of this name. */
  token(name: string): Promise<string>
  /** A card: the image, grown to `bytes`, with what its owner puts on the FAT partition. Returns its path. */
  card(of: { readonly image: string; readonly name: string; readonly join: unknown; readonly bytes: number }): string
  close(): Promise<void>
}

const run = promisify(execFile)

export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })

/** Asks once a second until `ask` gives a value; what it throws meanwhile is told at the end. */
export const until = async <T>(what: string, seconds: number, ask: () => Promise<T | undefined>): Promise<T> => {
  const deadline = performance.now() + seconds * 1000
  let last: unknown
  while (performance.now() < deadline) {
    try {
      const found = await ask()
      if (found !== undefined) return found
    } catch (error) {
      last = error
    }
    await pause(1000)
  }
  throw new Fault('Timeout', `${what} did not happen within ${seconds} s`, {}, last)
}

/** @param folder is emptied first */
export const openLab = async (folder: string): Promise<Lab> => {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const keyPath = join(folder, 'key')
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'dunlin test', '-f', keyPath])
  const kubectl = await fetchKubectl('trixie')
  const kubeconfig = join(folder, 'kubeconfig')
  const words = [
    'hub',
    '--data',
    join(folder, 'hub'),
    '--kubeconfig',
    join(folder, 'kubeconfig.hub'),
    '--advertise',
    '10.0.2.2',
  ]
  const ports = ['--port', String(await freePort()), '--mqtt-port', String(await freePort())]
  const hub = startChild('hub', [...words, ...ports], join(folder, 'hub.log'))
  const kube = await until('the hub’s start', 120, async () => {
    // The device reaches this machine by another address than this machine itself.
    const written = readFileSync(join(folder, 'kubeconfig.hub'), 'utf8')
    writeFileSync(kubeconfig, written.replaceAll('https://10.0.2.2:', 'https://127.0.0.1:'), { mode: 0o600 })
    const client = kubeClient(
      await readContext(parseYaml(readFileSync(kubeconfig, 'utf8'))[0]?.value, kubeconfig, undefined),
    )
    await client.request('GET', '/api/v1/nodes')
    return client
  }).catch(async error => {
    await hub.stop(5000)
    throw error
  })
  const tokens = new Map<string, string>()
  return {
    folder,
    hub,
    tokens,
    kube,
    kubectlVersion: kubectl.version,
    keyPath,
    publicKey: readFileSync(`${keyPath}.pub`, 'utf8').trim(),
    async kubectl(words, seconds = 60) {
      const options = { timeout: seconds * 1000, maxBuffer: 16 * 1024 * 1024 }
      return (await run(kubectl.path, ['--kubeconfig', kubeconfig, ...words], options)).stdout
    },
    async token(name) {
      const made = await kube.request('POST', '/dunlin/v1/join-tokens', { body: { ttlSeconds: 3600, node: name } })
      const token = textAt(made, 'token') ?? ''
      tokens.set(name, token)
      return token
    },
    card(of) {
      const path = join(folder, `${of.name}.img`)
      execFileSync('cp', ['--sparse=always', of.image, path])
      truncateSync(path, of.bytes)
      writeFileSync(join(folder, 'join.json'), JSON.stringify(of.join))
      writeFileSync(join(folder, 'hello.tar'), helloArchive(undefined, { arch: 'arm64', busybox: armBusybox() }))
      // The FAT partition begins after the first mebibyte.
      for (const [file, into] of [
        ['join.json', ''],
        ['hello.tar', 'images/'],
      ] as const)
        execFileSync('mcopy', ['-o', '-i', `${path}@@1M`, join(folder, file), `::/dunlin/${into}${file}`])
      return path
    },
    async close() {
      kube.close()
      await hub.stop(15_000)
    },
  }
}
