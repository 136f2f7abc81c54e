/** Who is at the door, as the certificate or token says. */
export interface Caller {
  readonly user: string
  readonly groups: readonly string[]
  /** By which proof. */
  readonly by: 'certificate' | 'token' | 'anonymous'
  readonly uid?: string
  /** SHA-256 of the certificate, lower-case hex; for revocation and audit. */
  readonly fingerprint?: string
}

/** Groups that name roles; every door admits only its own. */
export const groups = {
  admins: 'system:masters',
  nodes: 'system:nodes',
  hub: 'dunlin:hub',
  telemetry: 'dunlin:telemetry',
  authenticated: 'system:authenticated',
  serviceAccounts: 'system:serviceaccounts',
} as const

/** The user of a node's certificate, as in Kubernetes. */
export const nodeUser = (node: string): string => `system:node:${node}`
