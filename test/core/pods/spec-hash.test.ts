import t from 'tap'
import { specHash } from '../../../src/core/pods/spec-hash.ts'
import { aContainer, aPod } from '../../fakes/builders.ts'

const web = aContainer({ volumeMounts: [{ name: 'data', mountPath: '/data' }] })
const pod = aPod({
  containers: [web],
  volumes: [
    { name: 'data', emptyDir: {} },
    { name: 'other', emptyDir: {} },
  ],
})

t.test('the first algorithm is fixed for ever: this hash is in the labels of running containers', async t => {
  t.equal(specHash(pod, web), 'v1:04fbd44249cada5854ed589a589688b3908d0d78d23fd221db1f7f67f7513aa5')
})

t.test('the order of keys does not matter', async t => {
  t.equal(
    specHash(pod, {
      volumeMounts: [{ mountPath: '/data', name: 'data' }],
      name: 'web',
      imagePullPolicy: 'IfNotPresent',
      image: 'localhost/dunlin/hello:1',
    }),
    specHash(pod, web),
  )
})

for (const { what, changed } of [
  { what: 'the image', changed: specHash(pod, { ...web, image: 'localhost/dunlin/hello:2' }) },
  { what: 'an env variable', changed: specHash(pod, { ...web, env: [{ name: 'A', value: '1' }] }) },
  {
    what: "the pod's security context",
    changed: specHash(aPod({ ...pod.spec, securityContext: { runAsUser: 1 } }), web),
  },
  { what: 'the network namespace', changed: specHash(aPod({ ...pod.spec, hostNetwork: true }), web) },
  {
    what: 'a volume that it mounts',
    changed: specHash(aPod({ ...pod.spec, volumes: [{ name: 'data', hostPath: { path: '/srv' } }] }), web),
  },
]) {
  t.test(`it changes with ${what}`, async t => {
    t.not(changed, specHash(pod, web))
  })
}

for (const { what, changed } of [
  { what: 'labels', changed: aPod(pod.spec, { labels: { a: 'b' } }) },
  { what: 'a deletion', changed: aPod(pod.spec, { deletionTimestamp: '2026-01-01T00:00:00Z' }) },
  { what: 'another container', changed: aPod({ ...pod.spec, containers: [web, aContainer({ name: 'other' })] }) },
  { what: 'a toleration', changed: aPod({ ...pod.spec, tolerations: [{ operator: 'Exists' }] }) },
  { what: 'the deadline', changed: aPod({ ...pod.spec, activeDeadlineSeconds: 5 }) },
  { what: 'a volume of another container', changed: aPod({ ...pod.spec, volumes: [{ name: 'data', emptyDir: {} }] }) },
]) {
  t.test(`it does not change with ${what}`, async t => {
    t.equal(specHash(changed, web), specHash(pod, web))
  })
}
