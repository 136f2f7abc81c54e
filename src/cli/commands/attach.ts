import { Fault } from '../../api/fault.ts'
import type { Command } from '../command.ts'
import { containerOf, nameOf, podOfWord } from '../find-pods.ts'
import { kubeOptions } from '../options.ts'
import { kindOfWord, pathOf } from '../resources.ts'
import { at, listAt } from '../shown.ts'
import { canHaveTerminal, runRemote } from '../streams/run-remote.ts'

export const attach: Command = {
  name: 'attach',
  summary: 'see what a container’s first process prints, and speak to it',
  usage: 'attach (POD | TYPE/NAME) [-c CONTAINER] [-it]',
  examples: [
    { line: 'dunlin attach web-1', says: 'what it prints from now on' },
    { line: 'dunlin attach -it web-1 -c app', says: 'its terminal; the container must have stdin and tty' },
  ],
  options: [
    ...kubeOptions,
    { name: 'container', short: 'c', value: 'NAME', help: 'which container (default: the first, or as annotated)' },
    { name: 'stdin', short: 'i', help: 'pass standard input on' },
    { name: 'tty', short: 't', help: 'its terminal' },
    { name: 'quiet', short: 'q', help: 'only what the process prints' },
  ],
  async run(of) {
    const kube = await of.kube()
    const [word, ...more] = of.words
    if (word === undefined || more.length > 0)
      throw new Fault('BadRequest', 'attach to what? For example: dunlin attach web-1')
    const namespace = of.text('namespace') ?? kube.namespace
    const pod = await podOfWord(kube, namespace, word, of.signal)
    const container = containerOf(of, pod)
    const spec = [...listAt(pod, 'spec', 'containers'), ...listAt(pod, 'spec', 'initContainers')].find(
      one => at(one, 'name') === container,
    )
    const hasTerminal = at(spec, 'tty') === true
    if (of.isSet('tty') && !hasTerminal && !of.isSet('quiet'))
      of.out.note(`error: Unable to use a TTY - container ${container} did not allocate one`)
    if (of.isSet('stdin') && at(spec, 'stdin') !== true)
      throw new Fault('BadRequest', `container ${container} takes no standard input: its spec has no stdin: true`)
    const tty = hasTerminal && canHaveTerminal(of)
    if (tty && !of.isSet('quiet')) of.out.note("If you don't see a command prompt, try pressing enter.")
    const code = await runRemote(of, kube, {
      path: pathOf(kindOfWord('pods'), namespace, nameOf(pod), 'attach'),
      query: [
        ['container', container],
        ['stdin', String(of.isSet('stdin'))],
        ['stdout', 'true'],
        // k8s: a terminal has one output.
        ['stderr', String(!hasTerminal)],
        ['tty', String(hasTerminal)],
      ],
      stdin: of.isSet('stdin'),
      tty,
    })
    return code
  },
}
