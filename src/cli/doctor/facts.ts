import { execFile } from 'node:child_process'
import { access, readFile, statfs } from 'node:fs/promises'
import { arch, machine, release, totalmem } from 'node:os'
import { promisify } from 'node:util'
import { findBoard, readBoard, readBoardFacts } from '../../agent/node/read-board.ts'
import type { BoardReading } from '../../core/nodes/board.ts'
import { cmdlinePlaces } from './judge-system.ts'

/** What `doctor` looks at on a machine, as it was found. Absent: could not be found out. */
export interface MachineFacts {
  readonly platform: string
  /** Of the programs: Node's own word for it. */
  readonly arch: string
  /** Of the kernel: `aarch64`, `armv7l`. */
  readonly machine: string
  readonly kernel: string
  readonly isRoot: boolean
  readonly nodeVersion: string
  readonly memoryBytes: number
  readonly diskFreeBytes: number | undefined
  readonly now: number
  /** Text that each program answered when asked for its version; absent: not there. */
  readonly tools: { readonly [name: string]: string | undefined }
  readonly hasMemoryCgroup: boolean
  readonly cgroupVersion: 1 | 2 | undefined
  readonly nftWorks: boolean | undefined
  readonly hasBridge: boolean | undefined
  readonly board: BoardReading
  /** Name and maker of each card, by its device. */
  readonly cardNames: { readonly [device: string]: string }
  readonly supplyMilliamps: number | undefined
  /** What the kernel was started with. */
  readonly kernelWords: string
  /** The file of the boot partition with these words, and what it says now; absent where there is none. */
  readonly cmdlinePlace: string | undefined
  readonly cmdlineText: string
}

/** Each program that an agent's machine needs, and how it is asked. */
export const toolQuestions: { readonly [name: string]: readonly string[] } = {
  podman: ['--version'],
  conmon: ['--version'],
  nft: ['--version'],
  ip: ['-V'],
  conntrack: ['--version'],
}

const run = promisify(execFile)

const ask = async (program: string, words: readonly string[]): Promise<string | undefined> => {
  try {
    const { stdout, stderr } = await run(program, [...words], {
      timeout: 5000,
      env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
    })
    return (stdout || stderr).trim().split('\n')[0] ?? ''
  } catch {
    // Not there, or it answers with an error: both mean that it is of no use here.
    return undefined
  }
}

const text = async (path: string): Promise<string | undefined> => readFile(path, 'utf8').catch(() => undefined)
const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

/** Looks at this machine. Changes nothing. */
export const machineFacts = async (folder: string): Promise<MachineFacts> => {
  const tools = Object.fromEntries(
    await Promise.all(
      Object.entries(toolQuestions).map(async ([name, words]) => [name, await ask(name, words)] as const),
    ),
  )
  const controllers = await text('/sys/fs/cgroup/cgroup.controllers')
  const disk = await statfs(folder).catch(() => undefined)
  const board = await readBoardFacts()
  const texts = await Promise.all(cmdlinePlaces.map(text))
  const place = texts.findIndex(one => one !== undefined)
  return {
    platform: process.platform,
    arch: arch(),
    machine: machine(),
    kernel: release(),
    isRoot: process.getuid?.() === 0,
    nodeVersion: process.versions.node,
    memoryBytes: totalmem(),
    diskFreeBytes: disk === undefined ? undefined : disk.bavail * disk.bsize,
    now: Date.now(),
    tools,
    hasMemoryCgroup:
      controllers === undefined
        ? await isThere('/sys/fs/cgroup/memory/memory.limit_in_bytes')
        : controllers.split(/\s+/).includes('memory'),
    cgroupVersion: controllers !== undefined ? 2 : (await isThere('/sys/fs/cgroup/memory')) ? 1 : undefined,
    nftWorks: tools['nft'] === undefined ? undefined : (await ask('nft', ['list', 'tables'])) !== undefined,
    hasBridge: (await isThere('/sys/module/bridge')) || (await isThere(`/lib/modules/${release()}/kernel/net/bridge`)),
    board: await readBoard(await findBoard()),
    cardNames: Object.fromEntries(board.cards.map(card => [card.device, `${card.name} of ${card.manufacturer}`])),
    supplyMilliamps: board.supplyMilliamps,
    kernelWords: (await text('/proc/cmdline')) ?? '',
    cmdlinePlace: cmdlinePlaces[place],
    cmdlineText: texts[place] ?? '',
  }
}
