import type { PodRuntime } from '../../core/pods/runtime.ts'
import { serveCopyIn, serveCopyOut } from './copy.ts'
import { serveAttach, serveExec } from './exec.ts'
import { serveForward } from './forward.ts'
import { type OpenLog, serveLogs } from './logs.ts'
import { serveStderr } from './stderr.ts'
import type { StreamServices } from './stream-service.ts'

/** Everything that is asked of pods, by the type of the stream. */
export const podServices = (of: {
  readonly runtime: PodRuntime
  readonly logs: OpenLog
  readonly podAddress: (podUid: string) => string | undefined
}) =>
  ({
    logs: serveLogs(of.logs),
    exec: serveExec(of.runtime),
    attach: serveAttach(of.runtime),
    stderr: serveStderr,
    forward: serveForward(of),
    'copy-out': serveCopyOut(of.runtime),
    'copy-in': serveCopyIn(of.runtime),
  }) satisfies StreamServices
