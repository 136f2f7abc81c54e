import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { applyWrites, copyCard } from './cut-card.ts'
import { judgeCard } from './judge-card.ts'
import type { Record } from './record.ts'
import { type LoggedWrite, readWriteLog, writesAfterCut } from './write-log.ts'

/*
 *   card before the first boot + log of every write ──cut after N requests──> card as it would be ──> checked
 *                                                                                 │ every twentieth
 *                                                                                 └──> kept, to be booted on
 */

/** QEMU's words for a disk whose every write and flush is logged. The log must be an empty file. */
export const loggedDisk = (card: string, log: string): readonly string[] => [
  ...['-blockdev', `driver=raw,node-name=f0,file.driver=file,file.filename=${card}`],
  ...['-blockdev', `driver=file,node-name=l0,filename=${log}`],
  ...['-blockdev', 'driver=blklogwrites,node-name=d0,file=f0,log=l0,log-super-update-interval=1'],
  ...['-device', 'virtio-blk-pci,drive=d0'],
]

/**
 * Cuts the power at `cuts` points of a logged run, and judges each card. Every second cut loses all that was not
 * flushed; the others keep half of it, as `random` says.
 *
 * @param before the card as it was before the run
 * @param random in [0, 1), the same each time it is to be repeated
 */
export const cutPower = async (of: {
  readonly before: string
  readonly log: string
  readonly cuts: number
  readonly token: string
  readonly dataBytes: number
  readonly folder: string
  readonly random: () => number
  readonly record: Record
  /** Which cut cards are kept, and where. */
  readonly keep: (cut: number) => string | undefined
}): Promise<void> => {
  const { record } = of
  const writes = readWriteLog(of.log)
  record.fact('logged', {
    requests: writes.length,
    flushes: writes.filter(one => one.isFlush).length,
    bytes: writes.reduce((sum, one) => sum + (one.isDiscard ? 0 : one.bytes), 0),
  })
  const card = join(of.folder, 'cut.img')
  const base = join(of.folder, 'base.img')
  copyCard(of.before, base)
  let flushed = 0
  let joinedAt: number | undefined
  let revision = -1
  let bad = 0
  for (let cut = 0; cut < of.cuts; cut += 1) {
    const count = Math.max(1, Math.round(((cut + of.random()) / of.cuts) * writes.length))
    const isHard = cut % 2 === 0
    flushed = advance({ base, log: of.log, writes, from: flushed, count })
    copyCard(base, card)
    const kept = writesAfterCut(writes, count, () => !isHard && of.random() < 0.5).filter(index => index >= flushed)
    applyWrites({ card, log: of.log, writes, indexes: kept })
    const copy = of.keep(cut)
    if (copy !== undefined) copyCard(card, copy)
    const state = await judgeCard({ card, work: join(of.folder, 'work'), token: of.token, dataBytes: of.dataBytes })
    const findings = [...state.findings]
    // What was durable at an earlier cut is there at every later one.
    if (joinedAt !== undefined && !state.hasJoined)
      findings.push(`it had joined at request ${joinedAt}, and has not now`)
    const found = state.assignment?.revision ?? -1
    if (found < revision) findings.push(`the assignment was at revision ${revision}, and is at ${found}`)
    if (isHard && state.hasJoined) joinedAt ??= count
    if (isHard) revision = Math.max(revision, found)
    const what = `${state.hasJoined ? 'joined' : 'not joined'}, ${state.assignment === undefined ? 'no assignment' : `revision ${found}, ${state.assignment.pods} pods`}`
    record.say(
      `cut ${cut + 1} after ${count} requests (${isHard ? 'all unflushed lost' : 'half of them kept'}): ${what}`,
    )
    if (findings.length > 0) bad += 1
    for (const finding of findings) record.say(`  NOT OK  ${finding}`)
    rmSync(join(of.folder, 'work'), { recursive: true, force: true })
  }
  record.fact('cuts', of.cuts)
  record.check(`none of ${of.cuts} cuts left a bad state`, bad === 0, bad)
}

/** Brings the base up to the last flush before `count`. Returns how many requests it now holds. */
const advance = (of: {
  readonly base: string
  readonly log: string
  readonly writes: readonly LoggedWrite[]
  readonly from: number
  readonly count: number
}): number => {
  const last = of.writes.slice(0, of.count).findLastIndex(one => one.isFlush)
  if (last <= of.from) return of.from
  const indexes = Array.from({ length: last - of.from }, (_, at) => of.from + at)
  applyWrites({ card: of.base, log: of.log, writes: of.writes, indexes })
  return last
}
