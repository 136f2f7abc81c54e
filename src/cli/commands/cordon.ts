import { Fault } from '../../api/fault.ts'
import type { Command, Invocation } from '../command.ts'
import type { KubeClient } from '../kube-client.ts'
import { kubeOptions } from '../options.ts'

/** Sets or clears `spec.unschedulable` of a node. */
export const setUnschedulable = async (
  of: Invocation,
  kube: KubeClient,
  name: string,
  isUnschedulable: boolean,
): Promise<void> => {
  await kube.request('PATCH', `/api/v1/nodes/${encodeURIComponent(name)}`, {
    body: { spec: { unschedulable: isUnschedulable ? true : null } },
    contentType: 'application/strategic-merge-patch+json',
    signal: of.signal,
  })
  of.out.write(`node/${name} ${isUnschedulable ? 'cordoned' : 'uncordoned'}\n`)
}

/** The node names of the command line: `barn`, `node/barn`. */
export const nodeNames = (of: Invocation, verb: string): readonly string[] => {
  if (of.words.length === 0) throw new Fault('BadRequest', `${verb} which node? For example: dunlin ${verb} barn`)
  return of.words.map(word => word.replace(/^(no|nodes?)\//, ''))
}

const command = (name: string, isUnschedulable: boolean, summary: string): Command => ({
  name,
  summary,
  usage: `${name} NODE…`,
  examples: [{ line: `dunlin ${name} barn`, says: summary }],
  options: [...kubeOptions],
  async run(of) {
    const kube = await of.kube()
    for (const node of nodeNames(of, name)) await setUnschedulable(of, kube, node, isUnschedulable)
    return 0
  },
})

export const cordon = command('cordon', true, 'give a node no new pods')
export const uncordon = command('uncordon', false, 'give a node new pods again')
