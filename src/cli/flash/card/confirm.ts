import { createInterface } from 'node:readline/promises'
import { Fault } from '../../../api/fault.ts'
import { type DiskFacts, describeDisk } from './judge.ts'

/**
 * Has the person type the device's name before all that is on it is lost.
 *
 * @throws Fault BadRequest when something else is typed, or nobody is there to type
 */
export const confirmDisk = async (disk: DiskFacts, signal: AbortSignal): Promise<void> => {
  if (!process.stdin.isTTY)
    throw new Fault('BadRequest', `nobody is there to confirm that ${disk.name} may be written over; --yes says so`)
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const question = `All that is on ${disk.name} (${describeDisk(disk)}) will be lost. Type its name to go on: `
    const answer = await lines.question(question, { signal })
    if (answer.trim() !== disk.name && answer.trim() !== `/dev/${disk.name}`)
      throw new Fault('BadRequest', `"${answer.trim().slice(0, 40)}" is not ${disk.name}; nothing was written`)
  } finally {
    lines.close()
  }
}
