import { spawn } from 'node:child_process'
import { realpathSync } from 'node:fs'
import { basename } from 'node:path'
import { describeError, Fault } from '../../../api/fault.ts'
import type { Invocation } from '../../command.ts'
import { formatTable } from '../../table.ts'
import { pause } from '../../wait.ts'
import type { Source } from '../overlay.ts'
import { confirmDisk } from './confirm.ts'
import { readDisks } from './devices.ts'
import { type DiskFacts, describeDisk, whyNot } from './judge.ts'
import { progressText } from './progress.ts'
import { type OnProgress, verifyCard, writeCard } from './write-card.ts'

/** The switch with which tests let a loop device stand for a card. */
const loopSwitch = 'DUNLIN_TEST_LOOP_DEVICES'

const judge = (of: Invocation, disk: DiskFacts): string | undefined =>
  whyNot(disk, { allowLoop: of.env[loopSwitch] === '1' })

/** The cards and USB devices that may be written, as a table. */
export const cardsTable = (of: Invocation): string => {
  const cards = readDisks().filter(disk => judge(of, disk) === undefined)
  return cards.length === 0
    ? 'There is no card and no USB device that may be written.\n'
    : formatTable([['DEVICE', 'WHAT'], ...cards.map(disk => [`/dev/${disk.name}`, describeDisk(disk)])])
}

/**
 * The disk that a word names, where it may be written over.
 *
 * @throws Fault BadRequest (no such disk, only a part of one), Machine (it must not be written) with those that may
 */
export const findCard = (of: Invocation, word: string): DiskFacts => {
  if (process.platform !== 'linux')
    throw new Fault('BadRequest', 'cards are written on Linux; here, write a file with --output and take it to a card')
  const name = basename(linked(word.startsWith('/') ? word : `/dev/${word}`))
  const disk = readDisks().find(one => one.name === name)
  if (disk === undefined)
    throw new Fault('BadRequest', `${word} is no disk of this machine, or only a part of one.\n${cardsTable(of)}`)
  const why = judge(of, disk)
  if (why !== undefined)
    throw new Fault('Machine', `/dev/${name} (${describeDisk(disk)}) is not written: ${why}.\n${cardsTable(of)}`)
  return disk
}

const linked = (path: string): string => {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

/** Asks, unless --yes is set. */
export const askFor = async (of: Invocation, disk: DiskFacts): Promise<void> => {
  if (!of.isSet('yes')) await confirmDisk(disk, of.signal)
}

/** Has the person change the card. With --yes, or where nobody is there, the next card is waited for. */
export const nextCard = async (of: Invocation, disk: DiskFacts, name: string): Promise<void> => {
  // A loop device changes no card.
  if (disk.isLoop) return
  of.out.note(`Now the card for ${name}: change it in ${disk.name}.`)
  const isIn = (): boolean => (readDisks().find(one => one.name === disk.name)?.bytes ?? 0) > 0
  for (const wanted of [false, true]) while (isIn() !== wanted) await pause(500, of.signal)
}

/**
 * Writes the image to the card, reads it back, and lets go of the card.
 *
 * @throws Fault Machine; what was not read back the same is never called done
 */
export const flashCard = async (of: Invocation, disk: DiskFacts, image: Source): Promise<void> => {
  const device = `/dev/${disk.name}`
  const { signal } = of
  const progress = (what: string): OnProgress => shownProgress(of, what)
  const written = await writeCard({ device, image, bytes: disk.bytes, progress: progress('writing'), signal })
  // What this machine still holds of it is forgotten, and the card itself is asked.
  await run('blockdev', ['--flushbufs', device])
  await verifyCard({ device, length: image.length, written, progress: progress('reading back'), signal })
  const isOut = disk.isLoop || (await run('eject', [device])) === undefined
  of.out.note(`${device} holds the image, read back and compared.${isOut ? ' Take it out.' : ''}`)
}

/** A line that changes on a terminal; a line for each quarter elsewhere. */
const shownProgress = (of: Invocation, what: string): OnProgress => {
  const began = of.now()
  let shown = -1
  return (done, total) => {
    const text = progressText({ what, done, total, ms: of.now() - began })
    if (of.out.isTerminal) of.out.write(`\r${text.padEnd(60)}${done === total ? '\n' : ''}`)
    const quarter = Math.floor((4 * done) / total)
    if (!of.out.isTerminal && quarter > shown) of.out.note(text)
    shown = quarter
  }
}

/** Runs a program that is a kindness only: what failed, undefined when nothing did. */
const run = (program: string, words: readonly string[]): Promise<string | undefined> =>
  new Promise(resolve => {
    const child = spawn(program, words, { stdio: 'ignore' })
    child.once('error', error => resolve(describeError(error)))
    child.once('close', code => resolve(code === 0 ? undefined : `${program} ended with ${code}`))
  })
