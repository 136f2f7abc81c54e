import type { Lab } from './lab.ts'
import { freePort, until } from './lab.ts'
import type { Record } from './record.ts'
import { startMachine, type VirtualMachine } from './virtual-machine.ts'

/** The pod of the first boot, from the image that lies on the card. */
export const firstPod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'first', labels: { app: 'first' } },
  spec: {
    containers: [
      {
        name: 'hello',
        image: 'localhost/dunlin/hello:1',
        imagePullPolicy: 'Never',
        command: ['sh', '-c'],
        args: ['echo "hello from $(hostname)"; exec sleep 100000'],
        resources: { limits: { memory: '32Mi' } },
      },
    ],
    terminationGracePeriodSeconds: 1,
  },
}

/**
 * Boots a fresh card against the lab's hub: the device joins, is Ready, and runs the pod that waits for it.
 * Times count from the start of QEMU.
 */
export const firstBoot = async (of: {
  readonly lab: Lab
  readonly record: Record
  readonly disk: (card: string) => readonly string[]
  readonly image: string
  readonly node: string
  readonly memoryMebibytes: number
  readonly cardBytes: number
}): Promise<VirtualMachine> => {
  const { lab, record, node } = of
  const token = await lab.token(node)
  const card = lab.card({
    image: of.image,
    name: node,
    join: { token, name: node, labels: { 'dunlin.io/site': 'bench' } },
    bytes: of.cardBytes,
  })
  await lab.kube.request('POST', '/api/v1/namespaces/default/pods', { body: firstPod })
  record.say(`booting ${node}: arm64, 2 processors, ${of.memoryMebibytes} MiB, emulated in software`)
  const began = performance.now()
  const seconds = (): number => Math.round((performance.now() - began) / 100) / 10
  const machine = startMachine({
    disk: of.disk(card),
    memoryMebibytes: of.memoryMebibytes,
    folder: lab.folder,
    consoleName: `${node}-console.log`,
    sshPort: await freePort(),
    keyPath: lab.keyPath,
    publicKey: lab.publicKey,
  })
  record.fact('secondsToLogin', Math.round((await machine.shows(/login: /, 600)) / 100) / 10)
  await until('the node’s being Ready', 600, async () => {
    const rows = await lab.kubectl(['get', 'nodes', '--no-headers'])
    return /^\S+\s+Ready\s/m.test(rows) ? rows : undefined
  })
  record.fact('secondsToReady', seconds())
  await until('the pod’s running', 600, async () => {
    const row = await lab.kubectl(['get', 'pod', 'first', '--no-headers'])
    return /\sRunning\s/.test(row) ? row : undefined
  })
  record.fact('secondsToRunning', seconds())
  return machine
}

/** What an operator sees of the device: each is a command of kubectl on the hub's machine. */
export const operatorSees = async (of: {
  readonly lab: Lab
  readonly record: Record
  readonly node: string
}): Promise<void> => {
  const { lab, record, node } = of
  const show = async (words: readonly string[]): Promise<string> => {
    const output = await lab.kubectl(words)
    record.shown(`kubectl ${words.join(' ')}`, output)
    return output
  }
  const nodes = await show(['get', 'nodes', '-o', 'wide'])
  record.check('kubectl get nodes shows it Ready', new RegExp(`^${node}\\s+Ready\\s`, 'm').test(nodes), nodes)
  const pods = await show(['get', 'pods', '-o', 'wide'])
  record.check(
    'kubectl get pods shows its pod Running on it',
    new RegExp(`first\\s+1/1\\s+Running.*\\s${node}\\s`).test(pods),
    pods,
  )
  const logs = await show(['logs', 'first'])
  record.check('kubectl logs reads what the pod wrote', logs.trim() === 'hello from first', logs)
  const machine = await show(['exec', 'first', '--', 'uname', '-m'])
  record.check('kubectl exec runs a program in the pod, on arm64', machine.trim() === 'aarch64', machine)
  const labels = await lab.kubectl(['get', 'node', node, '-o', 'jsonpath={.metadata.labels}'])
  record.check('the node has the labels of the card', labels.includes('"dunlin.io/site":"bench"'), labels)
  const usage = await until('telemetry of the node', 180, async () => {
    const rows = await lab.kubectl(['top', 'node', '--no-headers'])
    return rows.includes(node) ? rows : undefined
  })
  record.shown('kubectl top node', usage)
  record.check('telemetry of the node arrives', usage.includes(node))
}
