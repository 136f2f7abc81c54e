/**
 * The one error of Dunlin: a reason out of one table, the facts, and the cause.
 * The table says once what each reason means for HTTP, for the shell and for a retry.
 * `docs/errors.md` is kept equal to it by a test.
 */

interface FaultRow {
  /** HTTP status code of the answer. */
  readonly status: number
  /** `reason` of the Kubernetes Status object. */
  readonly statusReason: string
  /** Exit code of a command that ends with it. */
  readonly exit: number
  /** Whether doing the same again later may succeed. */
  readonly retry: boolean
}

export const faults = {
  BadRequest: { status: 400, statusReason: 'BadRequest', exit: 2, retry: false },
  Unauthorized: { status: 401, statusReason: 'Unauthorized', exit: 4, retry: false },
  Forbidden: { status: 403, statusReason: 'Forbidden', exit: 4, retry: false },
  NotFound: { status: 404, statusReason: 'NotFound', exit: 1, retry: false },
  MethodNotAllowed: { status: 405, statusReason: 'MethodNotAllowed', exit: 1, retry: false },
  NotAcceptable: { status: 406, statusReason: 'NotAcceptable', exit: 1, retry: false },
  AlreadyExists: { status: 409, statusReason: 'AlreadyExists', exit: 1, retry: false },
  Conflict: { status: 409, statusReason: 'Conflict', exit: 1, retry: true },
  Expired: { status: 410, statusReason: 'Expired', exit: 1, retry: true },
  RequestEntityTooLarge: { status: 413, statusReason: 'RequestEntityTooLarge', exit: 1, retry: false },
  UnsupportedMediaType: { status: 415, statusReason: 'UnsupportedMediaType', exit: 1, retry: false },
  Invalid: { status: 422, statusReason: 'Invalid', exit: 1, retry: false },
  TooManyRequests: { status: 429, statusReason: 'TooManyRequests', exit: 1, retry: true },
  Internal: { status: 500, statusReason: 'InternalError', exit: 1, retry: true },
  Unavailable: { status: 503, statusReason: 'ServiceUnavailable', exit: 3, retry: true },
  Timeout: { status: 504, statusReason: 'Timeout', exit: 3, retry: true },
  /** A file, socket, port or program of this machine is not as it must be. */
  Machine: { status: 500, statusReason: 'InternalError', exit: 5, retry: false },
  /** Bytes from outside that are not what they must be. */
  Malformed: { status: 400, statusReason: 'BadRequest', exit: 2, retry: false },
  /** A signature, audience, order or expiry that does not hold. */
  Distrusted: { status: 403, statusReason: 'Forbidden', exit: 4, retry: false },
  /** The container engine answered with an error. */
  Runtime: { status: 500, statusReason: 'InternalError', exit: 1, retry: true },
} as const satisfies Record<string, FaultRow>

export type FaultReason = keyof typeof faults

/** One field of a 422, as Kubernetes' Status details carry it. */
export interface FaultCause {
  readonly reason: string
  readonly message: string
  readonly field: string
}

/** The facts of a fault: the names that a reader needs, never secrets. */
export interface FaultAbout {
  readonly causes?: readonly FaultCause[]
  readonly [fact: string]: unknown
}

/**
 * @example throw new Fault('NotFound', 'pods "web-1" not found', { name: 'web-1', kind: 'pods' })
 */
export class Fault extends Error {
  readonly reason: FaultReason
  readonly about: FaultAbout

  constructor(reason: FaultReason, message: string, about: FaultAbout = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'Fault'
    this.reason = reason
    this.about = about
  }

  get status(): number {
    return faults[this.reason].status
  }

  get isRetryable(): boolean {
    return faults[this.reason].retry
  }
}

/** Whether `error` is a Fault, and of one of these reasons where any are named. */
export const isFault = (error: unknown, ...reasons: FaultReason[]): error is Fault =>
  error instanceof Fault && (reasons.length === 0 || reasons.includes(error.reason))

/** A sentence for people from anything that was thrown: the message and its causes, outermost first. */
export const describeError = (error: unknown): string => {
  const parts: string[] = []
  for (
    let at: unknown = error;
    at !== undefined && at !== null && parts.length < 5;
    at = (at as { cause?: unknown }).cause
  ) {
    const text = at instanceof Error ? at.message : String(at)
    if (!parts.some(part => part.includes(text))) parts.push(text)
  }
  return parts.join(': ')
}
