import type { ContainerSpec, SandboxSpec } from '../../src/core/pods/runtime.ts'

/** A container that is fine in every way; a test changes one thing. */
export const aContainer = (change: Partial<ContainerSpec> = {}): ContainerSpec => ({
  podUid: 'uid-1',
  podNamespace: 'default',
  podName: 'web',
  container: 'main',
  attempt: 0,
  specHash: 'v1:0',
  isInit: false,
  image: 'localhost/dunlin/hello:1',
  command: ['sh', '-c', "trap 'exit 0' TERM; while true; do sleep 0.05; done"],
  env: {},
  mounts: [],
  tty: false,
  stdin: false,
  resources: { cpuShares: 2 },
  security: {
    privileged: false,
    readOnlyRoot: false,
    supplementalGroups: [],
    mustRunAsNonRoot: false,
    capAdd: [],
    capDrop: [],
    allowPrivilegeEscalation: true,
    seccompUnconfined: true,
    procUnmasked: false,
  },
  terminationMessagePath: '/dev/termination-log',
  logMaxBytes: 5 * 1024 * 1024,
  ...change,
})

/** A sandbox that is fine in every way; a test changes one thing. */
export const aSandbox = (change: Partial<SandboxSpec> = {}): SandboxSpec => ({
  uid: 'uid-1',
  namespace: 'default',
  name: 'web',
  hostname: 'web',
  hostNetwork: false,
  hostIPC: false,
  hostPID: false,
  shareProcessNamespace: false,
  sysctls: {},
  ...change,
})
