import { Fault } from '../../api/fault.ts'
import type { StreamResult } from '../../wire/side-channel/requests.ts'
import { failureStatus, successStatus } from '../rest/status-object.ts'

/** How a process ended, as a Status: what clients make their own exit code of. */
export const processStatus = ({ exitCode = 0, error }: StreamResult) => {
  if (error !== undefined) return failureStatus(new Fault(error.reason, error.message))
  if (exitCode === 0) return successStatus()
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${exitCode}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(exitCode) }] },
  }
}
