import { rmSync, writeFileSync } from 'node:fs'
import { type Fleet, isReady, podsOf, podsReady, until } from '../../test/fleet/kit.ts'
import { pidsOf } from './read-process.ts'

/** The word by which the process of the pod whose readiness changes is found. */
const flipped = '86399'
const killed = '86398'

const pod = (of: {
  readonly name: string
  readonly replicas: number
  readonly command: string
  readonly probe: string
  readonly probeSeconds: number
  readonly volume?: string
}): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${of.name} }
spec:
  replicas: ${of.replicas}
  selector: { matchLabels: { app: ${of.name} } }
  template:
    metadata: { labels: { app: ${of.name}, in: soak } }
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: main
          image: localhost/dunlin/hello:1
          command: ${of.command}
          resources: { requests: { cpu: 1m, memory: 4Mi } }
          readinessProbe: { ${of.probe}, periodSeconds: ${of.probeSeconds} }
${of.volume === undefined ? '' : `          volumeMounts: [{ name: flag, mountPath: ${of.volume} }]\n      volumes: [{ name: flag, emptyDir: { medium: Memory } }]\n`}`

const web = "[httpd, -f, -p, '8080', -h, /etc]"

/** Ten pods with a probe each, of every sort, and an eleventh that comes and goes. */
const soakPods = (probeSeconds: number): string =>
  [
    pod({
      probeSeconds,
      name: 'asked-by-http',
      replicas: 5,
      command: web,
      probe: 'httpGet: { path: /passwd, port: 8080 }',
    }),
    pod({ probeSeconds, name: 'asked-by-tcp', replicas: 1, command: web, probe: 'tcpSocket: { port: 8080 }' }),
    pod({
      probeSeconds,
      name: 'asked-by-exec',
      replicas: 2,
      command: "[sleep, '86397']",
      probe: "exec: { command: ['true'] }",
    }),
    pod({
      probeSeconds,
      name: 'killed',
      replicas: 1,
      command: `[sleep, '${killed}']`,
      probe: "exec: { command: ['true'] }",
    }),
    pod({
      probeSeconds,
      name: 'flips',
      replicas: 1,
      command: `[sleep, '${flipped}']`,
      probe: 'exec: { command: [test, "!", -e, /flag/away] }, failureThreshold: 1',
      volume: '/flag',
    }),
    pod({ probeSeconds, name: 'comes-and-goes', replicas: 0, command: web, probe: 'tcpSocket: { port: 8080 }' }),
  ].join('---')

const sleeping = (word: string): number => {
  const [pid] = pidsOf(words => words[0] === 'sleep' && words[1] === word)
  if (pid === undefined) throw new Error(`no process sleeps ${word} seconds`)
  return pid
}

/** Applies the pods and waits until all ten are ready. */
export const applySoakPods = async (fleet: Fleet, probeSeconds: number): Promise<void> => {
  await fleet.mustDunlin(['apply', '-f', '-'], soakPods(probeSeconds))
  await podsReady(fleet, 'in=soak', 10, 120)
}

/**
 * One round of change, each seen by the hub before the next: a pod becomes unready and ready again, another comes and goes,
 * and a container is killed where `isKilling`.
 */
export const changeStatus = async (fleet: Fleet, isKilling: boolean): Promise<void> => {
  const flag = `/proc/${sleeping(flipped)}/root/flag`
  const isFlipReady = (wanted: boolean) =>
    until(`the flipped pod being ${wanted ? 'ready' : 'unready'}`, async () => {
      const [one] = await podsOf(fleet, 'app=flips')
      return isReady(one) === wanted ? true : undefined
    })
  writeFileSync(`${flag}/away`, '')
  await isFlipReady(false)
  rmSync(`${flag}/away`)
  await isFlipReady(true)
  await scale(fleet, 'comes-and-goes', 1)
  await podsReady(fleet, 'app=comes-and-goes', 1, 120)
  await scale(fleet, 'comes-and-goes', 0)
  await podsReady(fleet, 'app=comes-and-goes', 0, 120)
  if (isKilling) process.kill(sleeping(killed), 'SIGKILL')
}

const scale = async (fleet: Fleet, name: string, replicas: number): Promise<void> => {
  await fleet.kube.request('PATCH', `/apis/apps/v1/namespaces/default/deployments/${name}`, {
    body: { spec: { replicas } },
    contentType: 'application/merge-patch+json',
  })
}
