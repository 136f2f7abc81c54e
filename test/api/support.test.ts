import { readFileSync } from 'node:fs'
import t from 'tap'
import { podSupport } from '../../src/api/pods/pod-support.ts'
import { podWarnings } from '../../src/api/pods/pod-warnings.ts'
import { fieldsOf, hasSchema } from '../../src/api/schema.ts'
import { serviceSupport } from '../../src/api/services/service-support.ts'
import { release, type SupportTable } from '../../src/api/support.ts'

/** Walks the schema from a type through every field that runs. */
const compare = (root: string, table: SupportTable) => {
  const unsaid: string[] = []
  const seen = new Set<string>()
  const visit = (type: string): void => {
    if (seen.has(type) || !hasSchema(type)) return
    seen.add(type)
    for (const [name, { item }] of fieldsOf(type)) {
      const support = table[type]?.[name]
      if (support === undefined) unsaid.push(`${type}.${name}`)
      else if (support === 'runs') visit(item)
    }
  }
  visit(root)
  const idle = Object.entries(table).flatMap(([type, fields]) =>
    Object.keys(fields)
      .filter(name => !seen.has(type) || !fieldsOf(type).has(name))
      .map(name => `${type}.${name}`),
  )
  return { unsaid, idle }
}

t.test('every field of a pod runs, is told of or is refused', async t => {
  t.strictSame(compare('PodSpec', podSupport), { unsaid: [], idle: [] })
})

t.test('every field of a Service runs, is told of or is refused', async t => {
  t.strictSame(compare('ServiceSpec', serviceSupport), { unsaid: [], idle: [] })
})

t.test('messages speak of this release', async t => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  t.ok(String(version).startsWith(`${release}.`))
})

t.test('what is stored but does nothing is told by field; what asks for nothing is not', async t => {
  const containers = [
    {
      name: 'a',
      image: 'a',
      stdin: true,
      stdinOnce: true,
      livenessProbe: { exec: { command: ['x'] }, terminationGracePeriodSeconds: 1 },
    },
  ]
  t.strictSame(
    podWarnings(
      {
        containers,
        topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'x', whenUnsatisfiable: 'ScheduleAnyway' }],
        schedulerName: 'default-scheduler',
        priority: 0,
        automountServiceAccountToken: false,
        affinity: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } },
      },
      'spec',
    ),
    [
      'spec.containers[0].stdinOnce: stored, but without effect in release 0.1: its input stays open for the next who attaches',
      "spec.containers[0].livenessProbe.terminationGracePeriodSeconds: stored, but without effect in release 0.1: the pod's own terminationGracePeriodSeconds is used",
      'spec.topologySpreadConstraints: stored, but without effect in release 0.1: pods are spread by load alone',
    ],
  )
})
