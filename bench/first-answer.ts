import { ownWorld } from '../test/fleet/own-world.ts'
import { compare, report } from './measure.ts'

/*
 * From the request that the hub receives to the Service's first answer, warm image: one pod and ten, beside the time until the same
 * pods are Ready. One node, real Podman; the client is on the LAN.
 */
const world = ownWorld(import.meta.filename)
const { podsOf, podsReady, readPage, startFleet, until } = await import('../test/fleet/kit.ts')
const fleet = await startFleet(world)
const node = await fleet.addNode('a')

const objects = (name: string, replicas: number, nodePort: number) => [
  {
    path: '/api/v1/namespaces/default/services',
    body: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name },
      spec: { type: 'NodePort', selector: { app: name }, ports: [{ port: 80, targetPort: 8080, nodePort }] },
    },
  },
  {
    path: '/apis/apps/v1/namespaces/default/deployments',
    body: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name },
      spec: {
        replicas,
        selector: { matchLabels: { app: name } },
        template: {
          metadata: { labels: { app: name } },
          spec: {
            terminationGracePeriodSeconds: 1,
            containers: [
              {
                name: 'web',
                image: 'localhost/dunlin/hello:1',
                imagePullPolicy: 'Never',
                command: ['sh', '-c', 'mkdir -p /www; hostname > /www/index.html; exec httpd -f -p 8080 -h /www'],
              },
            ],
          },
        },
      },
    },
  },
]

let runs = 0

/** Each run has names and a port of its own, so that nothing of the one before answers for it. */
const once = async (replicas: number, what: 'answer' | 'ready'): Promise<number> => {
  runs += 1
  const name = `bench-${runs}`
  const nodePort = 30500 + runs
  const started = performance.now()
  for (const { path, body } of objects(name, replicas, nodePort)) await fleet.kube.request('POST', path, { body })
  if (what === 'answer')
    for (;;) {
      try {
        await readPage(`http://${node.machine.address}:${nodePort}`, 1000)
        break
      } catch {
        // Not yet: refused until an endpoint is ready.
        await new Promise(resolve => setTimeout(resolve, 5))
      }
    }
  else await podsReady(fleet, `app=${name}`, replicas)
  const took = performance.now() - started
  await fleet.kube.request('DELETE', `/apis/apps/v1/namespaces/default/deployments/${name}`)
  await fleet.kube.request('DELETE', `/api/v1/namespaces/default/services/${name}`)
  await until('the pods’ end', async () => ((await podsOf(fleet, `app=${name}`)).length === 0 ? true : undefined))
  return took
}

try {
  report(
    'first answer of a Service',
    'ms',
    await compare(
      [
        { name: '1 pod Ready', run: () => once(1, 'ready') },
        { name: '1 pod, first answer', run: () => once(1, 'answer') },
        { name: '10 pods Ready', run: () => once(10, 'ready') },
        { name: '10 pods, first answer', run: () => once(10, 'answer') },
      ],
      5,
    ),
  )
} finally {
  await fleet.close()
}
process.exit(0)
