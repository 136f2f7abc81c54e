import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { readIfThere, syncFolderDurably, writeDurably } from '../../lib/durable-file.ts'

/** What a reset leaves in the state folder: images, which any hub may want again, and what the device's owner allows. */
const kept = new Set(['engine', 'preloaded-images.json', 'policy.yaml'])

/**
 * What a reset deletes of the state folder, the identity first: a power cut in between leaves a device that has not
 * joined, and never half a member.
 *
 * @example resetList(['engine', 'volumes', 'identity']) // ['identity', 'volumes']
 */
export const resetList = (names: readonly string[]): readonly string[] =>
  names
    .filter(name => !kept.has(name))
    .toSorted((a, b) => Number(b === 'identity') - Number(a === 'identity') || (a < b ? -1 : 1))

const tokenLine = /^#?DUNLIN_JOIN_TOKEN=.*$/m

/**
 * The agent's file of settings with this join token, in place of one that is there or commented out.
 *
 * @example settingsWithToken('DUNLIN_STORE=memory\n', 'dunlin1.…') // 'DUNLIN_STORE=memory\nDUNLIN_JOIN_TOKEN=dunlin1.…\n'
 */
export const settingsWithToken = (text: string, token: string): string => {
  const line = `DUNLIN_JOIN_TOKEN=${token}`
  if (tokenLine.test(text)) return text.replace(tokenLine, () => line)
  return `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${line}\n`
}

/** Variables of such a file: `KEY=value` lines, as systemd reads them. */
export const settingsIn = (text: string): { readonly [name: string]: string } =>
  Object.fromEntries(
    [...text.matchAll(/^([A-Z][A-Z0-9_]*)=(.*)$/gm)].map(([, name = '', value = '']) => [
      name,
      value.trim().replace(/^(["'])(.*)\1$/, '$2'),
    ]),
  )

/** The machine around the state folder. */
export interface ResetMachine {
  /** Ends the agent, and sees to it that it stays ended. */
  stopAgent(): Promise<void>
  /** Ends its pods and takes away what it made on the machine. @throws when something is left */
  takeDown(): Promise<void>
  startAgent(): Promise<void>
}

/**
 * Makes the device one that has never joined: the agent ends, its pods are taken down, its state is deleted, all but
 * images and the owner's policy. With a token it starts again and joins. Where the pods cannot be taken down, nothing is
 * deleted; each part may be repeated.
 */
export const resetDevice = async (
  machine: ResetMachine,
  of: {
    readonly stateFolder: string
    /** Where the agent finds its token when it is started; undefined where somebody starts it by hand. */
    readonly settingsFile: string | undefined
    readonly token: string | undefined
  },
): Promise<readonly string[]> => {
  await machine.stopAgent()
  await machine.takeDown()
  const gone = resetList(await namesIn(of.stateFolder))
  for (const name of gone) {
    await rm(join(of.stateFolder, name), { recursive: true, force: true })
    await syncFolderDurably(of.stateFolder)
  }
  if (of.token !== undefined && of.settingsFile !== undefined) {
    const text = (await readIfThere(of.settingsFile))?.toString('utf8') ?? ''
    await writeDurably(of.settingsFile, settingsWithToken(text, of.token), 0o600)
    await machine.startAgent()
  }
  return gone
}

const namesIn = (folder: string): Promise<readonly string[]> => readdir(folder).catch(() => [])
