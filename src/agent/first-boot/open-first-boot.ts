import { existsSync } from 'node:fs'
import { describeError } from '../../api/fault.ts'
import { writeInPlace } from '../../lib/durable-file.ts'
import type { Log } from '../../lib/log.ts'
import { parseJoinToken } from '../../wire/join-token.ts'
import type { AgentIdentity } from '../identity/open-identity.ts'
import { hostAddresses } from '../node/machine-identity.ts'
import type { FirstBoot } from './follow-join.ts'
import { inState } from './places.ts'

/**
 * The first boot of a device that came with a card and has not ended it; undefined on every other start, for which
 * nothing is loaded.
 */
export const openFirstBoot = async (stateFolder: string, log: Log): Promise<FirstBoot | undefined> => {
  if (!existsSync(inState(stateFolder).rest)) return undefined
  const { followJoin } = await import('./follow-join.ts')
  const show = async (line: string): Promise<void> => {
    log.info(line.trimEnd())
    await writeInPlace('/dev/console', line).catch((error: unknown) =>
      log.info('there is no console to say it on', { why: describeError(error) }),
    )
  }
  return await followJoin({ stateFolder, ownAddresses: hostAddresses, show, log })
}

/** Whether this device is a node by the token of its settings, and not by an older one. */
export const isJoinedBy = (token: string | undefined, identity: Pick<AgentIdentity, 'tokenId'>): boolean => {
  if (token === undefined) return true
  try {
    return parseJoinToken(token).id === identity.tokenId
  } catch {
    return false
  }
}
