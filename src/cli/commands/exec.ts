import { readFile } from 'node:fs/promises'
import { describeError, Fault } from '../../api/fault.ts'
import { parseYaml } from '../../api/yaml.ts'
import type { Command, Invocation } from '../command.ts'
import { containerOf, nameOf, podOfWord } from '../find-pods.ts'
import { common, kubeOptions } from '../options.ts'
import { kindOfWord, pathOf } from '../resources.ts'
import { textAt } from '../shown.ts'
import { canHaveTerminal, runRemote } from '../streams/run-remote.ts'

export const exec: Command = {
  name: 'exec',
  summary: 'run a command in a container',
  usage: 'exec (POD | TYPE/NAME) [-c CONTAINER] [-it] -- COMMAND [ARGS…]',
  examples: [
    { line: 'dunlin exec web-1 -- ls /srv', says: 'its output, and its exit code' },
    { line: 'dunlin exec -it deploy/web -- sh', says: 'a shell in a pod of a Deployment' },
    { line: 'echo hello | dunlin exec -i web-1 -c app -- cat', says: 'with standard input' },
  ],
  options: [
    ...kubeOptions,
    { name: 'container', short: 'c', value: 'NAME', help: 'which container (default: the first, or as annotated)' },
    { name: 'stdin', short: 'i', help: 'pass standard input on' },
    { name: 'tty', short: 't', help: 'with a terminal' },
    { name: 'quiet', short: 'q', help: 'only what the command prints' },
    { ...common.file, many: false, help: 'the pod or workload of this manifest' },
  ],
  async run(of) {
    const kube = await of.kube()
    const command = of.rest
    const [word = await wordOfFile(of), ...more] = of.words
    if (word === undefined) throw new Fault('BadRequest', `exec where? ${example}`)
    if (more.length > 0) throw new Fault('BadRequest', `a command comes after two dashes: ${example}`)
    if (command.length === 0) throw new Fault('BadRequest', `exec what? ${example}`)
    const namespace = of.text('namespace') ?? kube.namespace
    const pod = await podOfWord(kube, namespace, word, of.signal)
    const phase = textAt(pod, 'status', 'phase')
    if (phase === 'Succeeded' || phase === 'Failed')
      throw new Fault('BadRequest', `cannot exec into a container in a completed pod; current phase is ${phase}`)
    const container = containerOf(of, pod)
    const tty = canHaveTerminal(of)
    const code = await runRemote(of, kube, {
      path: pathOf(kindOfWord('pods'), namespace, nameOf(pod), 'exec'),
      query: [
        ...command.map(one => ['command', one] as const),
        ['container', container],
        ['stdin', String(of.isSet('stdin'))],
        ['stdout', 'true'],
        ['stderr', String(!tty)],
        ['tty', String(tty)],
      ],
      stdin: of.isSet('stdin'),
      tty,
    })
    if (code !== 0 && !of.isSet('quiet')) of.out.note(`command terminated with exit code ${code}`)
    return code
  },
}

const example = 'For example: dunlin exec web-1 -- ls /srv'

const wordOfFile = async (of: Invocation): Promise<string | undefined> => {
  const path = of.text('filename')
  if (path === undefined) return undefined
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new Fault('BadRequest', `cannot read ${path}: ${describeError(error)}`, { path }, error)
  })
  const manifest = parseYaml(text)[0]?.value
  return `${textAt(manifest, 'kind') ?? ''}/${nameOf(manifest)}`
}
