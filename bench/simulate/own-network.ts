import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { runProgram } from '../../src/runtime-podman/run-program.ts'

const mark = 'DUNLIN_SIMULATION'

/*
 *   a network namespace of its own, in which every address of 198.18.0.0/15 is this machine's:
 *   node n reaches the hub at an address of its own, and comes from there. One half of the nodes is in
 *   198.18.0.0/16, the other in 198.19.0.0/16, so that a half can be cut off by taking its route away.
 */

export const mqttPort = 8883
const halves = ['198.18.0.0/16', '198.19.0.0/16'] as const

/** RFC 2544: addresses for measurements. @example addressOf(0, 1000) // '198.18.0.1' */
export const addressOf = (node: number, nodes: number): string => {
  const isFirst = isInFirstHalf(node, nodes)
  const number = (isFirst ? node : node - firstHalf(nodes)) + 1
  return `198.${isFirst ? 18 : 19}.${number >> 8}.${number & 255}`
}

/** One more than half, so that it is the link that is lost, and not a few nodes. */
export const firstHalf = (nodes: number): number => Math.floor(nodes / 2) + 1
export const isInFirstHalf = (node: number, nodes: number): boolean => node < firstHalf(nodes)

export interface OwnNetwork {
  /** On disk; gone afterwards. */
  readonly folder: string
  /** On tmpfs; gone afterwards. */
  readonly memoryFolder: string
}

/**
 * Runs the calling file anew in a network namespace of its own, and returns only there. Outside, the process ends with
 * the inner one's exit code.
 */
export const ownNetwork = (file: string): OwnNetwork => {
  const inside = process.env[mark]
  if (inside !== undefined) {
    const [folder = '', memoryFolder = ''] = inside.split(' ')
    must(['ip', 'link', 'set', 'lo', 'up'])
    for (const half of halves) must(['ip', 'route', 'add', 'local', half, 'dev', 'lo'])
    must(['nft', 'add table ip simulate; add chain ip simulate out { type filter hook output priority 0; }'])
    must(['nft', `add rule ip simulate out tcp dport ${mqttPort} counter`])
    must(['nft', `add rule ip simulate out tcp sport ${mqttPort} counter`])
    return { folder, memoryFolder }
  }
  const folder = mkdtempSync('/tmp/dunlin-simulate-')
  const memoryFolder = mkdtempSync('/dev/shm/dunlin-simulate-')
  const command = [process.execPath, ...process.execArgv, file, ...process.argv.slice(2)]
  const words = ['--pdeathsig', 'KILL', 'unshare', '--net', '--pid', '--fork', '--kill-child', '--mount-proc']
  const ended = spawnSync('setpriv', [...words, 'sh', '-c', '"$@" & wait $!', 'init', ...command], {
    stdio: 'inherit',
    env: { ...process.env, [mark]: `${folder} ${memoryFolder}` },
  })
  for (const one of [folder, memoryFolder]) rmSync(one, { recursive: true, force: true, maxRetries: 3 })
  process.exit(ended.status ?? 1)
}

const must = (words: readonly string[]): void => {
  const [program = '', ...args] = words
  const ended = spawnSync(program, args, { encoding: 'utf8' })
  if (ended.status !== 0) throw new Error(`${words.join(' ')}: ${ended.stderr}${ended.error?.message ?? ''}`)
}

/** Ends every MQTT connection at once, at both ends. */
export const cutAll = async (): Promise<void> => {
  await runProgram(['ss', '-K', `( sport = :${mqttPort} or dport = :${mqttPort} )`], { timeoutMs: 60_000 })
}

/** Ends the connections of the first half, and lets no new one begin until it is mended. */
export const cutHalf = async (): Promise<void> => {
  must(['ip', 'route', 'del', 'local', halves[0], 'dev', 'lo'])
  await runProgram(['ss', '-K', `( src ${halves[0]} or dst ${halves[0]} )`], { timeoutMs: 60_000 })
}

export const mendHalf = (): void => must(['ip', 'route', 'add', 'local', halves[0], 'dev', 'lo'])

/** Bytes of MQTT with TLS, TCP and IP, since the start. */
export const wireBytes = async (): Promise<{ readonly up: number; readonly down: number }> => {
  const { output } = await runProgram(['nft', 'list', 'chain', 'ip', 'simulate', 'out'])
  const found = [...output.matchAll(/tcp (dport|sport) \d+ counter packets \d+ bytes (\d+)/g)]
  const of = (which: string): number => Number(found.find(one => one[1] === which)?.[2] ?? 0)
  return { up: of('dport'), down: of('sport') }
}
