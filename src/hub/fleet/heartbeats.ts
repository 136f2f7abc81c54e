import { describeError, isFault } from '../../api/fault.ts'
import type { Lease } from '../../api/types.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { Objects } from '../objects.ts'

/** k8s: where kubelets keep theirs. */
export const leaseNamespace = 'kube-node-lease'

/** k8s: a kubelet's lease; ours is lost after 180 s without a sign. */
const leaseSeconds = 180

/**
 * A sign of life of a node, as a Lease that is kept in memory alone: who decides which nodes are lost looks there.
 *
 * @example const beat = heartbeats({ objects, clock, log }); await beat('attic')
 */
export const heartbeats = (of: { readonly objects: Objects; readonly clock: Clock; readonly log: Log }) => {
  const making = new Map<string, Promise<void>>()

  const make = async (node: string, renewTime: string): Promise<void> => {
    try {
      await of.objects.create<Lease>('Lease', {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { namespace: leaseNamespace, name: node },
        spec: { holderIdentity: node, leaseDurationSeconds: leaseSeconds, renewTime },
      })
    } catch (error) {
      if (!isFault(error, 'AlreadyExists'))
        of.log.warn('the lease of a node could not be made', { node, why: describeError(error) })
    }
  }

  return async (node: string): Promise<void> => {
    // k8s: MicroTime has six digits.
    const renewTime = new Date(of.clock.now()).toISOString().replace('Z', '000Z')
    const key = { namespace: leaseNamespace, name: node }
    if (of.objects.get<Lease>('Lease', key) === undefined) {
      const made = making.get(node) ?? make(node, renewTime).finally(() => making.delete(node))
      making.set(node, made)
      await made
      return
    }
    of.objects.touch<Lease>('Lease', key, lease => ({ ...lease, spec: { ...lease.spec, renewTime } }))
  }
}
