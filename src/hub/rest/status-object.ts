import { Fault, faults } from '../../api/fault.ts'

/** The Status object of a failure, as every Kubernetes client reads it. */
export const failureStatus = (fault: Fault) => {
  const { name, group, kind, uid, causes, retryAfterSeconds } = fault.about
  const details = {
    ...(typeof name === 'string' ? { name } : {}),
    ...(typeof group === 'string' && group !== '' ? { group } : {}),
    ...(typeof kind === 'string' ? { kind } : {}),
    ...(typeof uid === 'string' ? { uid } : {}),
    ...(causes === undefined ? {} : { causes }),
    ...(typeof retryAfterSeconds === 'number' ? { retryAfterSeconds } : {}),
  }
  const continueToken = fault.about['continue']
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: typeof continueToken === 'string' ? { continue: continueToken } : {},
    status: 'Failure',
    message: fault.message,
    reason: faults[fault.reason].statusReason,
    ...(Object.keys(details).length === 0 ? {} : { details }),
    code: fault.status,
  }
}

/** The Status object of a success that has no object to show. */
export const successStatus = (details: { readonly [field: string]: unknown } = {}) => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Success',
  ...(Object.keys(details).length === 0 ? {} : { details }),
})

/** Anything thrown, as a Fault: what is not one is a mistake of ours, and says so. */
export const faultFrom = (error: unknown): Fault =>
  error instanceof Fault
    ? error
    : new Fault(
        'Internal',
        `Internal error occurred: ${error instanceof Error ? error.message : String(error)}`,
        {},
        error,
      )
