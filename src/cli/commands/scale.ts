import { Fault } from '../../api/fault.ts'
import type { Command } from '../command.ts'
import { kubeOptions } from '../options.ts'
import { namedObjects, pathOf } from '../resources.ts'

export const scale: Command = {
  name: 'scale',
  summary: 'set the number of replicas',
  usage: 'scale --replicas=N KIND/NAME…',
  examples: [{ line: 'dunlin scale --replicas=3 deploy/web', says: 'three pods of web' }],
  options: [...kubeOptions, { name: 'replicas', value: 'N', help: 'how many pods there are to be' }],
  async run(of) {
    const replicas = of.text('replicas')
    if (replicas === undefined || !/^\d{1,9}$/.test(replicas))
      throw new Fault('BadRequest', `--replicas=${replicas ?? ''} is not a number; for example --replicas=3`)
    const kube = await of.kube()
    for (const { kind, name } of namedObjects(of.words)) {
      if (name === undefined)
        throw new Fault(
          'BadRequest',
          `which ${kind.singular}? For example: dunlin scale --replicas=3 ${kind.singular}/web`,
        )
      if (!kind.subresources.includes('scale')) throw new Fault('BadRequest', `a ${kind.kind} has no replicas to scale`)
      await kube.request('PATCH', pathOf(kind, of.text('namespace') ?? kube.namespace, name, 'scale'), {
        body: { spec: { replicas: Number(replicas) } },
        contentType: 'application/merge-patch+json',
        signal: of.signal,
      })
      of.out.write(`${kind.singular}.${kind.group}/${name} scaled\n`)
    }
    return 0
  },
}
