import { readFile } from 'node:fs/promises'
import { Fault } from '../../api/fault.ts'
import { formatYaml, parseYaml } from '../../api/yaml.ts'
import { writeDurably } from '../../lib/durable-file.ts'
import type { Command } from '../command.ts'
import { findKubeconfig, listContexts } from '../kubeconfig.ts'
import { common } from '../options.ts'
import { isShown } from '../shown.ts'
import { formatTable } from '../table.ts'

export const config: Command = {
  name: 'config',
  summary: 'the contexts of the kubeconfig: which there are, and which is used',
  usage: 'config get-contexts | current-context | use-context NAME',
  examples: [
    { line: 'dunlin config get-contexts', says: 'all contexts, the current one marked' },
    { line: 'dunlin config use-context barn', says: 'use this one from now on' },
  ],
  options: [common.kubeconfig],
  async run(of) {
    const path = await findKubeconfig(of.text('kubeconfig'), of.env, process.cwd())
    const file = parseYaml(await readFile(path, 'utf8'))[0]?.value
    const contexts = listContexts(file)
    const [verb = 'get-contexts', name] = of.words
    if (verb === 'get-contexts')
      of.out.write(formatTable([['CURRENT', 'NAME'], ...contexts.map(one => [one.isCurrent ? '*' : '', one.name])]))
    else if (verb === 'current-context') of.out.write(`${contexts.find(one => one.isCurrent)?.name ?? ''}\n`)
    else if (verb === 'use-context') {
      if (!isShown(file) || !contexts.some(one => one.name === name))
        throw new Fault(
          'BadRequest',
          `${path} has no context "${name ?? ''}"; it has: ${contexts.map(one => one.name).join(', ') || 'none'}`,
        )
      await writeDurably(path, formatYaml({ ...file, 'current-context': name }))
      of.out.write(`Switched to context "${name}".\n`)
    } else
      throw new Fault(
        'BadRequest',
        `config "${verb}" is not known; there are: get-contexts, current-context, use-context`,
      )
    return 0
  },
}
