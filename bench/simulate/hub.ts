import { openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseYaml } from '../../src/api/yaml.ts'
import { type KubeClient, kubeClient } from '../../src/cli/kube-client.ts'
import { readContext } from '../../src/cli/kubeconfig.ts'
import { type AskedProcess, askedProcess } from './asked-process.ts'
import type { AskHub, LoopMeter } from './hub-process.ts'
import { mqttPort } from './own-network.ts'

/** The hub under load: a process of its own on one core. */
export interface SimulatedHub {
  readonly pid: number
  readonly kube: KubeClient
  readonly folder: string
  /** Starts it, and resolves when it answers. */
  start(): Promise<void>
  kill(): Promise<void>
  moveClock(of: { readonly jumpMs: number; readonly passMs: number }): Promise<void>
  meter(): Promise<LoopMeter>
  beginProfile(): Promise<void>
  endProfile(path: string): Promise<void>
  close(): Promise<void>
}

export const hubWords = (folder: string): readonly string[] => [
  '--data',
  folder,
  '--host',
  '0.0.0.0',
  '--advertise',
  '127.0.0.1',
  '--mqtt-port',
  String(mqttPort),
  '--kubeconfig',
  join(folder, 'admin.kubeconfig'),
]

const program = fileURLToPath(new URL('./hub-process.ts', import.meta.url))

/** @example const hub = simulatedHub({ folder, core: 0 }); await hub.start() */
export const simulatedHub = (of: { readonly folder: string; readonly core: number }): SimulatedHub => {
  let running: AskedProcess<AskHub> | undefined
  let kube: KubeClient | undefined
  const log = openSync(join(of.folder, '..', 'hub.log'), 'a')

  const hub = (): AskedProcess<AskHub> => {
    if (running === undefined) throw new Error('the hub does not run')
    return running
  }
  const client = (): KubeClient => {
    if (kube === undefined) throw new Error('the hub was not started')
    return kube
  }

  const answers = async (): Promise<boolean> => {
    const path = join(of.folder, 'admin.kubeconfig')
    try {
      kube?.close()
      kube = kubeClient(await readContext(parseYaml(await readFile(path, 'utf8'))[0]?.value, path, undefined))
      await kube.request('GET', '/version')
      return true
    } catch {
      // Not yet; a hub that has ended is told of by its process.
      return false
    }
  }

  return {
    get pid() {
      return hub().pid
    },
    get kube() {
      return client()
    },
    folder: of.folder,
    async start() {
      running = askedProcess<AskHub>({
        name: 'hub',
        words: [
          'taskset',
          '--cpu-list',
          String(of.core),
          process.execPath,
          '--disable-warning=ExperimentalWarning',
          program,
          ...hubWords(of.folder),
        ],
        log,
      })
      const { ended } = running
      let hasEnded = false
      void ended.then(() => {
        hasEnded = true
      })
      while (!(await answers())) {
        if (hasEnded) throw new Error(`the hub ended with ${await ended}; see hub.log in ${join(of.folder, '..')}`)
        await new Promise(resolve => setTimeout(resolve, 50))
      }
    },
    async kill() {
      process.kill(hub().pid, 'SIGKILL')
      await hub().ended
      running = undefined
    },
    moveClock: async of => void (await hub().ask({ ask: 'move clock', ...of })),
    meter: () => hub().ask<LoopMeter>({ ask: 'meter' }),
    beginProfile: async () => void (await hub().ask({ ask: 'begin profile' })),
    endProfile: async path => void (await hub().ask({ ask: 'end profile', path })),
    async close() {
      kube?.close()
      await running?.stop()
    },
  }
}
