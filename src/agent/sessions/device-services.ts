import { randomBytes } from 'node:crypto'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { OwnLog } from '../own-log.ts'
import { policyOf } from './device-policy-file.ts'
import { hasJournal, serveJournal } from './journal.ts'
import { serveNodeCopyIn, serveNodeCopyOut } from './node-copy.ts'
import { serveNodeForward } from './node-forward.ts'
import { loadPty } from './pty.ts'
import { serveShell, serveShells } from './shell.ts'
import type { StreamServices } from './stream-service.ts'
import { terminals } from './terminals.ts'

/** What the device itself offers, beside its pods. */
export interface DeviceServices {
  readonly services: StreamServices
  /** Hangs the shells up. */
  close(): void
}

/**
 * Shell, journal, copies and connections of the device, each as its policy allows.
 *
 * @example const device = deviceServices({ policyPath, allowShell: () => true, ownLog, clock, log })
 */
export const deviceServices = (of: {
  readonly policyPath: string
  /** As the join token said. */
  readonly allowShell: () => boolean
  readonly ownLog: OwnLog | undefined
  readonly clock: Clock
  readonly log: Log
}): DeviceServices => {
  const policy = policyOf({ path: of.policyPath, allowShell: of.allowShell })
  const shells = terminals({ clock: of.clock })
  const ownUid = process.getuid?.() ?? 0
  const lang = process.env['LANG'] ?? 'C.UTF-8'
  return {
    services: {
      shell: serveShell({ policy, terminals: shells, loadPty, ownUid, lang, log: of.log }),
      shells: serveShells({ terminals: shells }),
      journal: serveJournal({
        policy,
        now: () => of.clock.now(),
        ...(of.ownLog === undefined || hasJournal() ? {} : { ownLog: of.ownLog }),
      }),
      'node-copy-out': serveNodeCopyOut({ policy }),
      'node-copy-in': serveNodeCopyIn({ policy, newName: () => randomBytes(6).toString('hex') }),
      'node-forward': serveNodeForward({ policy }),
    },
    close: () => shells.close(),
  }
}
