import { describeError, Fault } from '../../api/fault.ts'
import type { Command, Invocation } from '../command.ts'
import { containerOf, containersOf, nameOf, podsByLabels, podsOfWord } from '../find-pods.ts'
import type { KubeClient } from '../kube-client.ts'
import { common, kubeOptions } from '../options.ts'
import { kindOfWord, pathOf } from '../resources.ts'
import { type LogQuery, linesOf, logQuery } from '../streams/log-lines.ts'

export const logs: Command = {
  name: 'logs',
  summary: 'what a pod’s containers wrote',
  usage: 'logs (POD | TYPE/NAME) [CONTAINER] | logs -l LABELS',
  examples: [
    { line: 'dunlin logs web-1', says: 'the log of a pod with one container' },
    { line: 'dunlin logs -f deploy/web --tail 20', says: 'follow a pod of a Deployment' },
    { line: 'dunlin logs web-1 -c app --previous', says: 'what the container wrote before its last restart' },
    { line: 'dunlin logs -f -l app=web --all-containers --prefix', says: 'many at once, each line with its origin' },
  ],
  options: [
    ...kubeOptions,
    common.selector,
    { name: 'follow', short: 'f', help: 'stay, and print what comes' },
    { name: 'container', short: 'c', value: 'NAME', help: 'which container' },
    { name: 'all-containers', help: 'all containers of the pod' },
    { name: 'all-pods', help: 'all pods of the workload, not one of them' },
    { name: 'previous', short: 'p', help: 'the container before the last restart' },
    { name: 'tail', value: 'LINES', help: 'only this many lines from the end (default all, with -l 10; -1 for all)' },
    { name: 'since', value: 'TIME', help: 'only what is newer, e.g. 10m' },
    { name: 'since-time', value: 'TIME', help: 'only what is newer than this, e.g. 2026-05-01T12:00:00Z' },
    { name: 'timestamps', help: 'with the time of each line' },
    { name: 'limit-bytes', value: 'BYTES', help: 'at most so many bytes of each' },
    { name: 'prefix', help: 'each line with its pod and container' },
    { name: 'ignore-errors', help: 'go on with the others where one log cannot be read' },
    { name: 'max-log-requests', value: 'COUNT', help: 'logs that are followed at once (default 5)' },
    { name: 'quiet', short: 'q', help: 'no notes' },
  ],
  async run(of) {
    const kube = await of.kube()
    const namespace = of.text('namespace') ?? kube.namespace
    if (of.isSet('since') && of.isSet('since-time'))
      throw new Fault('BadRequest', 'at most one of --since and --since-time may be given')
    const sources = await sourcesOf(of, kube, namespace)
    const query = {
      ...logQuery(of),
      // k8s: many pods at once show their last lines only.
      ...(of.isSet('selector') && of.text('tail') === undefined ? { tailLines: 10 } : {}),
    }
    const hasPrefix = of.isSet('prefix') || of.isSet('all-pods')
    if (of.isSet('follow') && sources.length > 1) await followAll(of, kube, namespace, sources, query, hasPrefix)
    else
      for (const source of sources)
        await printed(of, source, () => printOne(of, kube, namespace, source, query, hasPrefix, false))
    return 0
  },
}

interface Source {
  readonly pod: string
  readonly container: string
}

const sourcesOf = async (of: Invocation, kube: KubeClient, namespace: string): Promise<readonly Source[]> => {
  const pods = await podsFor(of, kube, namespace)
  const [, container] = of.words
  const named = {
    ...of,
    text: (option: string) => (option === 'container' ? (container ?? of.text(option)) : of.text(option)),
  }
  return pods.flatMap(pod => {
    const all = of.isSet('all-containers')
      ? containersOf(pod, 'initContainers', 'containers')
      : [containerOf(named, pod)]
    return all.map(one => ({ pod: nameOf(pod), container: one }))
  })
}

const podsFor = async (of: Invocation, kube: KubeClient, namespace: string): Promise<readonly unknown[]> => {
  const labels = of.text('selector')
  const [word, , ...more] = of.words
  if (labels !== undefined) {
    if (word !== undefined) throw new Fault('BadRequest', `only one of a name (${word}) and -l may be given`)
    const found = await podsByLabels(kube, namespace, labels, of.signal)
    if (found.length === 0) of.out.note(`No resources found in ${namespace} namespace.`)
    return found
  }
  if (word === undefined || more.length > 0)
    throw new Fault('BadRequest', 'logs of what? For example: dunlin logs web-1, or dunlin logs deploy/web')
  const found = await podsOfWord(kube, namespace, word, of.signal)
  if (of.isSet('all-pods')) return found
  if (found.length > 1 && !of.isSet('quiet')) of.out.note(`Found ${found.length} pods, using pod/${nameOf(found[0])}`)
  return found.slice(0, 1)
}

const usualRequests = 5

const followAll = async (
  of: Invocation,
  kube: KubeClient,
  namespace: string,
  sources: readonly Source[],
  query: LogQuery,
  hasPrefix: boolean,
): Promise<void> => {
  const most = Number(of.text('max-log-requests') ?? usualRequests)
  if (!Number.isInteger(most) || most < 1) throw new Fault('BadRequest', '--max-log-requests must be a number above 0')
  if (sources.length > most)
    throw new Fault(
      'BadRequest',
      `you are attempting to follow ${sources.length} log streams, but maximum allowed concurrency is ${most}, use --max-log-requests to increase the limit`,
    )
  await Promise.all(
    sources.map(source => printed(of, source, () => printOne(of, kube, namespace, source, query, hasPrefix, true))),
  )
}

/** Prints, and goes on where a failure is to be ignored. */
const printed = async (of: Invocation, source: Source, print: () => Promise<void>): Promise<void> => {
  try {
    await print()
  } catch (error) {
    if (of.signal.aborted) return
    if (!of.isSet('ignore-errors')) throw error
    of.out.note(`error: pod/${source.pod}/${source.container}: ${describeError(error)}`)
  }
}

/** `isMixed`: whole lines only, as others print at the same time. */
const printOne = async (
  of: Invocation,
  kube: KubeClient,
  namespace: string,
  source: Source,
  query: LogQuery,
  hasPrefix: boolean,
  isMixed: boolean,
): Promise<void> => {
  const answer = await kube.open('GET', pathOf(kindOfWord('pods'), namespace, source.pod, 'log'), {
    accept: '*/*',
    signal: of.signal,
    query: { container: source.container, ...query },
  })
  const prefix = hasPrefix ? `[pod/${source.pod}/${source.container}] ` : ''
  for await (const chunk of hasPrefix || isMixed ? linesOf(answer, prefix) : answer) {
    of.out.write(chunk instanceof Uint8Array ? chunk : String(chunk))
    await of.out.drained()
  }
}
