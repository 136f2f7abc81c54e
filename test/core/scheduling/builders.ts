import type { Node, Pod, PodSpec } from '../../../src/api/types.ts'

/** A node that is ready, with 2 cores, 1 GiB and room for 110 pods; a test changes one thing. */
export const aNode = (
  name: string,
  change: Partial<Node['spec'] & object> = {},
  labels: { readonly [key: string]: string } = {},
): Node => ({
  metadata: { name, labels },
  spec: change,
  status: {
    allocatable: { cpu: '2', memory: '1Gi', pods: '110' },
    conditions: [{ type: 'Ready', status: 'True' }],
  },
})

/** A pod that asks for nothing; a test changes one thing. */
export const aPodToPlace = (spec: Partial<PodSpec> = {}, name = 'web'): Pod => ({
  metadata: { name, namespace: 'default', uid: `uid-of-${name}` },
  spec: { containers: [{ name: 'web', image: 'web:1' }], ...spec },
})

/** A container that asks for so much. */
export const asking = (cpu: string, memory: string) => ({
  name: 'web',
  image: 'web:1',
  resources: { requests: { cpu, memory } },
})
