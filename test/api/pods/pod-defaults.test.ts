import t from 'tap'
import { defaultPullPolicy, podDefaults, podTemplateDefaults, qosClass } from '../../../src/api/pods/pod-defaults.ts'
import { aPod } from '../objects.ts'

t.test('a pod of one container gets what Kubernetes gives it', async t => {
  t.strictSame(podDefaults(aPod()), {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'default', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: {
      containers: [
        {
          name: 'web',
          image: 'example.com/web:1',
          resources: {},
          terminationMessagePath: '/dev/termination-log',
          terminationMessagePolicy: 'File',
          imagePullPolicy: 'IfNotPresent',
        },
      ],
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      dnsPolicy: 'ClusterFirst',
      securityContext: {},
      schedulerName: 'default-scheduler',
      enableServiceLinks: true,
      serviceAccountName: 'default',
      serviceAccount: 'default',
      priority: 0,
      preemptionPolicy: 'PreemptLowerPriority',
      tolerations: [
        { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
        { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
      ],
    },
    status: { phase: 'Pending', qosClass: 'BestEffort' },
  })
})

t.test('defaults of defaults are the same', async t => {
  const pod = aPod({
    spec: {
      hostNetwork: true,
      containers: [
        {
          name: 'web',
          image: 'web',
          ports: [{ containerPort: 80 }],
          livenessProbe: { httpGet: { port: 80 } },
          lifecycle: { preStop: { httpGet: { port: 80 } } },
          env: [
            { name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
            { name: 'B', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
          ],
          resources: { limits: { cpu: '0.5', memory: '1024Mi' } },
        },
      ],
      volumes: [
        { name: 'none' },
        { name: 'cm', configMap: { name: 'x' } },
        { name: 'p', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } },
        { name: 'h', hostPath: { path: '/x' } },
        { name: 'd', downwardAPI: { items: [{ path: 'l', fieldRef: { fieldPath: 'metadata.labels' } }] } },
      ],
      tolerations: [{ operator: 'Exists' }],
    },
  })
  const once = podDefaults(pod)
  t.strictSame(podDefaults(once), once)
  t.match(once.spec?.containers[0], {
    ports: [{ containerPort: 80, hostPort: 80, protocol: 'TCP' }],
    livenessProbe: {
      httpGet: { port: 80, path: '/', scheme: 'HTTP' },
      timeoutSeconds: 1,
      periodSeconds: 10,
      successThreshold: 1,
      failureThreshold: 3,
    },
    lifecycle: { preStop: { httpGet: { port: 80, path: '/', scheme: 'HTTP' } } },
    env: [
      { name: 'A', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } },
      { name: 'B', valueFrom: { resourceFieldRef: { divisor: '0', resource: 'limits.cpu' } } },
    ],
    resources: { limits: { cpu: '500m', memory: '1Gi' }, requests: { cpu: '500m', memory: '1Gi' } },
    imagePullPolicy: 'Always',
  })
  t.strictSame(once.spec?.volumes, [
    { name: 'none', emptyDir: {} },
    { name: 'cm', configMap: { defaultMode: 420, name: 'x' } },
    {
      name: 'p',
      projected: { defaultMode: 420, sources: [{ serviceAccountToken: { expirationSeconds: 3600, path: 't' } }] },
    },
    { name: 'h', hostPath: { type: '', path: '/x' } },
    {
      name: 'd',
      downwardAPI: {
        defaultMode: 420,
        items: [{ path: 'l', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.labels' } }],
      },
    },
  ])
  t.strictSame(once.spec?.tolerations, [{ operator: 'Exists' }], 'a pod that tolerates everything needs no more')
})

t.test('empty names are no names, and no word reaches a prototype', async t => {
  const containers = [{ name: 'a', image: 'a' }]
  const { spec } = podDefaults(aPod({ spec: { containers, serviceAccount: '', priorityClassName: 'constructor' } }))
  t.match(spec, { serviceAccountName: 'default', serviceAccount: 'default', priority: 0 })
})

t.test('a template gets the spec’s defaults, not those of a pod', async t => {
  const { spec } = podTemplateDefaults({
    spec: { containers: [{ name: 'a', image: 'a', resources: { limits: { cpu: '1' } } }] },
  })
  t.equal(spec?.tolerations, undefined)
  t.equal(spec?.serviceAccountName, undefined)
  t.strictSame(spec?.containers[0]?.resources, { limits: { cpu: '1' } })
})

t.test('the pull policy follows the tag', async t => {
  for (const image of ['web', 'web:latest', 'host:5000/web', 'host:5000/a/web:latest'])
    t.equal(defaultPullPolicy(image), 'Always', image)
  for (const image of [
    'web:1',
    'host:5000/web:1',
    `web@sha256:${'0'.repeat(64)}`,
    `web:latest@sha256:${'0'.repeat(64)}`,
  ]) {
    t.equal(defaultPullPolicy(image), 'IfNotPresent', image)
  }
})

t.test('quality of service follows requests and limits', async t => {
  const of = (resources: object) => qosClass({ containers: [{ name: 'a', resources }] })
  t.equal(of({}), 'BestEffort')
  t.equal(of({ requests: { cpu: '0' } }), 'BestEffort')
  t.equal(of({ requests: { cpu: '1' } }), 'Burstable')
  t.equal(of({ limits: { cpu: '1', memory: '1Gi' } }), 'Guaranteed')
  t.equal(of({ limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '1000m', memory: '1024Mi' } }), 'Guaranteed')
  t.equal(of({ limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '0.5' } }), 'Burstable')
})
