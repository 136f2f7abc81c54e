import { basename } from 'node:path/posix'
import { Fault } from '../../api/fault.ts'
import type { Command, Invocation } from '../command.ts'
import { type CopyPlace, copyPlace } from '../copy-places.ts'
import { copyFromPod, copyToPod, leftOutNote, type PodPlace, received, sent } from '../copy-pod.ts'
import { containerOf, podOfWord } from '../find-pods.ts'
import type { KubeClient } from '../kube-client.ts'
import { packLocal, unpackLocal } from '../local-copy.ts'
import { nodeName, nodePath } from '../node-paths.ts'
import { kubeOptions } from '../options.ts'

export const cp: Command = {
  name: 'cp',
  summary: 'copy files and folders to and from containers and devices',
  usage: 'cp FROM TO       each is PATH, [NAMESPACE/]POD:PATH or node/NAME:PATH; one of them is PATH',
  examples: [
    { line: 'dunlin cp web-1:/srv/data ./data', says: 'out of a container, also where it has no tar' },
    { line: 'dunlin cp ./site web-1:/srv -c app', says: 'a folder into a container' },
    { line: 'dunlin cp node/barn:/var/log/syslog .', says: 'from a device itself, as its policy allows' },
    { line: 'dunlin cp app.conf node/barn:/etc/app.conf', says: 'to a device' },
  ],
  options: [
    ...kubeOptions,
    { name: 'container', short: 'c', value: 'NAME', help: 'which container (default: the first, or as annotated)' },
    { name: 'quiet', short: 'q', help: 'no notes' },
  ],
  async run(of) {
    const [from, to, ...more] = of.words
    if (from === undefined || to === undefined || more.length > 0)
      throw new Fault('BadRequest', 'copy what where? For example: dunlin cp web-1:/srv/data ./data')
    const source = copyPlace(from)
    const target = copyPlace(to)
    const kube = await of.kube()
    if (source.at === 'here' && target.at !== 'here') await send(of, kube, source.path, target)
    else if (target.at === 'here' && source.at !== 'here') await fetch(of, kube, source, target.path)
    else
      throw new Fault('BadRequest', 'one of both must be a path of this machine, the other POD:PATH or node/NAME:PATH')
    return 0
  },
}

type Elsewhere = Exclude<CopyPlace, { readonly at: 'here' }>

const send = async (of: Invocation, kube: KubeClient, path: string, target: Elsewhere): Promise<void> => {
  if (target.at === 'pod') return await copyToPod(await podPlace(of, kube, target), path)
  const query = [['path', target.path] as const, ['to', 'node'] as const]
  const own = basename(path.replace(/\/+$/, '')) || 'root'
  const where = nodePath(nodeName(target.node), 'copy')
  await sent({ kube, signal: of.signal }, where, query, packLocal(path, own), undefined)
}

const fetch = async (of: Invocation, kube: KubeClient, source: Elsewhere, path: string): Promise<void> => {
  const take = async (archive: AsyncIterable<Uint8Array>): Promise<void> => {
    const { leftOut, leftOutCount } = await unpackLocal(path, archive)
    if (leftOutCount > 0 && !of.isSet('quiet')) of.out.note(leftOutNote(leftOut, leftOutCount))
  }
  if (source.at === 'pod') return await copyFromPod(await podPlace(of, kube, source), take)
  const where = nodePath(nodeName(source.node), 'copy')
  await received({ kube, signal: of.signal }, where, [['path', source.path]], take, undefined)
}

const podPlace = async (
  of: Invocation,
  kube: KubeClient,
  place: Extract<CopyPlace, { readonly at: 'pod' }>,
): Promise<PodPlace> => {
  const namespace = place.namespace ?? of.text('namespace') ?? kube.namespace
  const pod = await podOfWord(kube, namespace, place.pod, of.signal)
  return { kube, namespace, pod: place.pod, container: containerOf(of, pod), path: place.path, signal: of.signal }
}
