import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describeError } from '../../api/fault.ts'
import { readIfThere, removeDurably, writeDurably } from '../../lib/durable-file.ts'
import type { Log } from '../../lib/log.ts'
import { type JoinFile, mostJoinFileBytes, parseJoinFile } from './join-file.ts'
import { inState, onCard } from './places.ts'
import { memoryLine, type StatusLine, statusText } from './status.ts'

/*
 *   card: join.json ──> state: first-boot.json (what is left to do) ──> state: first-boot.env (the agent's settings)
 *   The token stays on the card until the device has joined: whenever the power fails, it is there once more.
 */

/** What is left to do when the device has joined. */
export interface RestOfFirstBoot {
  readonly format: 1
  readonly boot: string
  readonly secretFiles: readonly string[]
  readonly lines: readonly StatusLine[]
}

/**
 * Takes over what the card says, where it says anything: the token and the settings become the agent's own, durably. May
 * be run at any start, any number of times. Resolves to what was found, for the console; undefined where there is no card.
 *
 * @throws the state folder's own errors
 * @example await takeOver({ boots: bootFolders, stateFolder: '/var/lib/dunlin/agent', log })
 */
export const takeOver = async (of: {
  readonly boots: readonly string[]
  readonly stateFolder: string
  readonly log: Log
}): Promise<readonly StatusLine[] | undefined> => {
  const boot = of.boots.find(one => existsSync(onCard(one).join))
  if (boot === undefined) return undefined
  const card = onCard(boot)
  const state = inState(of.stateFolder)
  let file: JoinFile
  try {
    const bytes = await readIfThere(card.join)
    if (bytes === undefined) return undefined
    file = parseJoinFile(bytes.subarray(0, mostJoinFileBytes).toString('utf8'))
  } catch (error) {
    const lines: readonly StatusLine[] = [{ verdict: 'wrong', what: 'settings', says: describeError(error) }]
    await writeStatus(boot, lines, of.log)
    return lines
  }
  const images = archivesIn(card.images)
  const lines: readonly StatusLine[] = [
    {
      verdict: 'ok',
      what: 'settings',
      says: `read from join.json; the node is to be called ${file.name ?? 'as the host, with four hex digits of its key'}`,
    },
    memoryLine(textOf('/sys/fs/cgroup/cgroup.controllers'), textOf('/proc/cmdline')),
    ...(images === 0
      ? []
      : [
          {
            verdict: 'ok',
            what: 'images',
            says: `${images} archives on this card are loaded when the device has joined`,
          } as const,
        ]),
  ]
  const rest: RestOfFirstBoot = { format: 1, boot, secretFiles: file.secretFiles, lines }
  await writeDurably(state.rest, `${JSON.stringify(rest)}\n`)
  await writeDurably(state.settings, settingsText(file, images === 0 ? undefined : card.images))
  await writeStatus(
    boot,
    [...lines, { verdict: 'wait', what: 'join', says: 'the agent starts, and joins the hub' }],
    of.log,
  )
  return lines
}

/** The agent's settings as systemd.exec(5) EnvironmentFile= reads them. All values are of characters that need no quotes. */
const settingsText = (
  file: Omit<JoinFile, 'secretFiles' | 'token'> & { readonly token?: string },
  images: string | undefined,
): string => {
  const settings = {
    DUNLIN_JOIN_TOKEN: file.token,
    DUNLIN_NODE_NAME: file.name,
    DUNLIN_HUB: file.hub.length === 0 ? undefined : file.hub.join(','),
    DUNLIN_LABEL:
      Object.keys(file.labels).length === 0
        ? undefined
        : Object.entries(file.labels)
            .map(([key, value]) => `${key}=${value}`)
            .join(','),
    DUNLIN_IMAGES: images,
  }
  return Object.entries(settings)
    .filter(entry => entry[1] !== undefined)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

/** Takes the token out of the settings: it is used, and nobody needs it any more. */
export const forgetToken = async (stateFolder: string): Promise<void> => {
  const { settings, rest } = inState(stateFolder)
  const text = (await readIfThere(settings))?.toString('utf8')
  if (text?.includes('DUNLIN_JOIN_TOKEN='))
    await writeDurably(settings, text.replaceAll(/^DUNLIN_JOIN_TOKEN=.*\n/gm, ''))
  await removeDurably(rest)
}

/** Writes status.txt where it says something new. A card that cannot be written holds nobody up. */
export const writeStatus = async (boot: string, lines: readonly StatusLine[], log: Log): Promise<void> => {
  const { status } = onCard(boot)
  const text = statusText(lines)
  try {
    if ((await readIfThere(status))?.toString('utf8') !== text) await writeDurably(status, text, 0o644)
  } catch (error) {
    log.warn('the status on the card cannot be written', { path: status, why: describeError(error) })
  }
}

const archivesIn = (folder: string): number =>
  existsSync(folder) ? readdirSync(folder).filter(name => name.endsWith('.tar')).length : 0

const textOf = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // A kernel without it has no such controller.
    return ''
  }
}
