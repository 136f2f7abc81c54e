import t from 'tap'
import type { Volume } from '../../../src/api/types.ts'
import { sourcesOf } from '../../../src/core/pods/sources.ts'
import { planVolumes } from '../../../src/core/pods/volumes.ts'
import { aConfigMap, aContainer, aPod, aSecret } from '../../fakes/builders.ts'

const sources = sourcesOf(
  [{ ...aConfigMap('settings', { color: 'red', size: 'xl' }), binaryData: { blob: 'AAEC' } }],
  [aSecret('key', { token: 'geheim' })],
)

const planOf = (volume: Omit<Volume, 'name'>) => {
  const pod = aPod(
    { containers: [aContainer({ resources: { limits: { memory: '64Mi' } } })], volumes: [{ name: 'v', ...volume }] },
    { labels: { app: 'hello', tier: 'front' } },
  )
  const node = { name: 'n', addresses: [], allocatable: {}, canProtectFromOom: false, memoryBytes: 1 }
  const plan = planVolumes(pod, sources, { pod, node, podIP: undefined })
  return 'missing' in plan ? plan.missing : plan.volumes[0]
}

t.test('a ConfigMap is a file per key, a Secret its decoded bytes', async t => {
  t.match(planOf({ configMap: { name: 'settings' } }), {
    type: 'files',
    files: [
      { path: 'color', content: 'red', encoding: 'utf8', mode: 0o644 },
      { path: 'size', content: 'xl' },
      { path: 'blob', content: 'AAEC', encoding: 'base64' },
    ],
  })
  t.match(planOf({ secret: { secretName: 'key', defaultMode: 0o400 } }), {
    files: [{ path: 'token', content: 'Z2VoZWlt', encoding: 'base64', mode: 0o400 }],
  })
})

t.test('items choose keys, paths and modes', async t => {
  t.match(planOf({ configMap: { name: 'settings', items: [{ key: 'color', path: 'a/b', mode: 0o600 }] } }), {
    files: [{ path: 'a/b', content: 'red', mode: 0o600 }],
  })
})

t.test('a projected volume puts its sources into one folder; the last of a path wins', async t => {
  t.match(
    planOf({
      projected: {
        sources: [
          { configMap: { name: 'settings', items: [{ key: 'color', path: 'x' }] } },
          { secret: { name: 'key', items: [{ key: 'token', path: 'x' }] } },
          {
            downwardAPI: {
              items: [
                { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
                {
                  path: 'limit',
                  resourceFieldRef: { containerName: 'web', resource: 'limits.memory', divisor: '1Mi' },
                },
              ],
            },
          },
        ],
      },
    }),
    {
      files: [
        { path: 'x', content: 'Z2VoZWlt' },
        { path: 'labels', content: 'app="hello"\ntier="front"' },
        { path: 'limit', content: '64' },
      ],
    },
  )
})

t.test('emptyDir and hostPath are what they say', async t => {
  t.match(planOf({ emptyDir: {} }), { type: 'emptyDir', medium: 'disk' })
  t.match(planOf({ emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }), { medium: 'memory', bytes: 1_048_576 })
  t.match(planOf({ hostPath: { path: '/srv', type: 'Directory' } }), {
    type: 'hostPath',
    path: '/srv',
    check: 'Directory',
  })
})

for (const { volume, missing } of [
  { volume: { configMap: { name: 'none' } }, missing: 'configmap "none" not found' },
  { volume: { secret: { secretName: 'none' } }, missing: 'secret "none" not found' },
  {
    volume: { configMap: { name: 'settings', items: [{ key: 'no', path: 'x' }] } },
    missing: 'configmap "settings" has no key "no"',
  },
  {
    volume: { configMap: { name: 'settings', items: [{ key: 'color', path: '../x' }] } },
    missing: 'path "../x" leaves the volume',
  },
  { volume: { nfs: { server: 's', path: '/p' } }, missing: 'this release has no volumes of type nfs' },
  {
    volume: { persistentVolumeClaim: { claimName: 'c' } },
    missing: 'this release has no volumes of type persistentVolumeClaim',
  },
]) {
  t.test(`it is said why: ${missing}`, async t => {
    t.equal(planOf(volume), `MountVolume.SetUp failed for volume "v": ${missing}`)
  })
}

t.test('optional sources may be missing', async t => {
  t.match(planOf({ configMap: { name: 'none', optional: true } }), { type: 'files', files: [] })
  t.match(planOf({ secret: { secretName: 'key', optional: true, items: [{ key: 'no', path: 'x' }] } }), { files: [] })
})
