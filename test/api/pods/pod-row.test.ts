import t from 'tap'
import { podCells, podSummary } from '../../../src/api/pods/pod-row.ts'
import type { ContainerStatus, Pod } from '../../../src/api/types.ts'
import { aContainerStatus, aPod } from '../objects.ts'

const now = Date.parse('2026-01-01T00:05:00Z')

interface Row {
  readonly pod?: Partial<Pod>
  readonly containers?: readonly ContainerStatus[]
  readonly inits?: readonly ContainerStatus[]
  readonly sidecar?: boolean
  readonly phase?: string
  readonly reason?: string
  readonly ready?: boolean
  readonly deleting?: boolean
}

const podOf = (row: Row): Pod =>
  aPod({
    metadata: {
      name: 'web',
      namespace: 'default',
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...(row.deleting === true ? { deletionTimestamp: '2026-01-01T00:04:00Z' } : {}),
    },
    spec: {
      containers: [{ name: 'web', image: 'web' }],
      ...(row.inits === undefined
        ? {}
        : {
            initContainers: row.inits.map(({ name }) => ({
              name,
              image: name,
              ...(row.sidecar === true ? { restartPolicy: 'Always' } : {}),
            })),
          }),
    },
    status: {
      phase: row.phase ?? 'Running',
      ...(row.reason === undefined ? {} : { reason: row.reason }),
      ...(row.containers === undefined ? {} : { containerStatuses: row.containers }),
      ...(row.inits === undefined ? {} : { initContainerStatuses: row.inits }),
      ...(row.ready === undefined ? {} : { conditions: [{ type: 'Ready', status: row.ready ? 'True' : 'False' }] }),
    },
  })

const ended = (exitCode: number, reason?: string, signal?: number) => ({
  terminated: { exitCode, ...(reason === undefined ? {} : { reason }), ...(signal === undefined ? {} : { signal }) },
})

const table: readonly (readonly [string, Row, string])[] = [
  ['a running pod', { containers: [aContainerStatus()] }, '1/1 Running 0'],
  ['a pod that nobody took', { phase: 'Pending' }, '0/1 Pending 0'],
  [
    'a container that cannot start',
    { containers: [aContainerStatus({ ready: false, state: { waiting: { reason: 'ImagePullBackOff' } } })] },
    '0/1 ImagePullBackOff 0',
  ],
  [
    'a crash loop',
    {
      containers: [
        aContainerStatus({
          ready: false,
          restartCount: 3,
          state: { waiting: { reason: 'CrashLoopBackOff' } },
          lastState: { terminated: { exitCode: 1, finishedAt: '2026-01-01T00:04:20Z' } },
        }),
      ],
    },
    '0/1 CrashLoopBackOff 3 (40s ago)',
  ],
  [
    'an exit code without a reason',
    { phase: 'Failed', containers: [aContainerStatus({ ready: false, state: ended(7) })] },
    '0/1 ExitCode:7 0',
  ],
  [
    'a signal without a reason',
    { phase: 'Failed', containers: [aContainerStatus({ ready: false, state: ended(137, undefined, 9) })] },
    '0/1 Signal:9 0',
  ],
  [
    'an end with a reason',
    { phase: 'Failed', containers: [aContainerStatus({ ready: false, state: ended(137, 'OOMKilled', 9) })] },
    '0/1 OOMKilled 0',
  ],
  [
    'one of two completed, ready',
    {
      ready: true,
      containers: [aContainerStatus({ ready: false, state: ended(0, 'Completed') }), aContainerStatus({ name: 'b' })],
    },
    '1/1 Running 0',
  ],
  [
    'one of two completed, not ready',
    {
      ready: false,
      containers: [aContainerStatus({ ready: false, state: ended(0, 'Completed') }), aContainerStatus({ name: 'b' })],
    },
    '1/1 NotReady 0',
  ],
  ['deleted', { deleting: true, containers: [aContainerStatus()] }, '1/1 Terminating 0'],
  ['deleted on a lost node', { deleting: true, reason: 'NodeLost', containers: [aContainerStatus()] }, '1/1 Unknown 0'],
  [
    'deleted after its end',
    {
      deleting: true,
      phase: 'Succeeded',
      containers: [aContainerStatus({ ready: false, state: ended(0, 'Completed') })],
    },
    '0/1 Completed 0',
  ],
  ['evicted', { phase: 'Failed', reason: 'Evicted' }, '0/1 Evicted 0'],
  [
    'init containers in order',
    {
      phase: 'Pending',
      inits: [
        aContainerStatus({ name: 'a', state: ended(0, 'Completed') }),
        aContainerStatus({ name: 'b', state: { waiting: { reason: 'PodInitializing' } } }),
      ],
    },
    '0/1 Init:1/2 0',
  ],
  [
    'a failed init container',
    { phase: 'Pending', inits: [aContainerStatus({ name: 'a', restartCount: 2, state: ended(3) })] },
    '0/1 Init:ExitCode:3 2',
  ],
  [
    'an init container whose image is missing',
    { phase: 'Pending', inits: [aContainerStatus({ name: 'a', state: { waiting: { reason: 'ErrImagePull' } } })] },
    '0/1 Init:ErrImagePull 0',
  ],
  [
    'a sidecar counts among the containers',
    { sidecar: true, inits: [aContainerStatus({ name: 'a', started: true })], containers: [aContainerStatus()] },
    '2/2 Running 0',
  ],
  [
    'restarts of finished init containers do not count',
    {
      inits: [aContainerStatus({ name: 'a', restartCount: 4, state: ended(0, 'Completed') })],
      containers: [aContainerStatus({ restartCount: 1 })],
    },
    '1/1 Running 1',
  ],
]

for (const [name, row, expected] of table) {
  t.test(`the row of ${name}`, async t => {
    const [, ready, status, restarts, age] = podCells(podOf(row), now)
    t.equal(`${ready} ${status} ${restarts}`, expected)
    t.equal(age, '5m')
  })
}

t.test('the wide cells say <none> where nothing is known', async t => {
  t.strictSame(podCells(podOf({}), now).slice(5), ['<none>', '<none>', '<none>', '<none>'])
})

t.test('a pod without a status is unknown, not wrong', async t => {
  t.equal(podSummary({ metadata: {} }).status, 'Unknown')
})
