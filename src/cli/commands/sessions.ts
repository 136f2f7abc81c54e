import { Fault } from '../../api/fault.ts'
import type { Command } from '../command.ts'
import { nodeName } from '../node-paths.ts'
import { common, kubeOptions } from '../options.ts'
import { at, listAt, numberAt, textAt } from '../shown.ts'
import { ageText, formatTable, printable } from '../table.ts'

const door = '/apis/dunlin.io/v1/sessions'

export const sessions: Command = {
  name: 'sessions',
  summary: 'who is at which pod or device now; end such a session',
  usage: 'sessions [list] [--node NODE] | sessions end ID… [--node NODE]',
  examples: [
    { line: 'dunlin sessions', says: 'logs, exec, attach, copies, forwards and shells that are open' },
    { line: 'dunlin sessions --node barn', says: 'and the shells that were left on barn, asked of it' },
    { line: 'dunlin sessions end 5e1f0c9a7b32', says: 'end one; a shell ends on its device' },
  ],
  options: [
    ...kubeOptions,
    { name: 'node', value: 'NODE', help: 'ask this device for its shells, too' },
    common.output,
  ],
  async run(of) {
    const kube = await of.kube()
    const [verb = 'list', ...ids] = of.words
    const word = of.text('node')
    const node = word === undefined ? undefined : nodeName(word)
    if (verb === 'end') {
      if (ids.length === 0) throw new Fault('BadRequest', 'end which session? For example: dunlin sessions end ID')
      for (const id of ids) {
        await kube.request('DELETE', `${door}/${encodeURIComponent(id)}`, { query: { node }, signal: of.signal })
        of.out.write(`session "${id}" ended\n`)
      }
      return 0
    }
    if (verb !== 'list') throw new Fault('BadRequest', `sessions "${verb}" is not known; there are: list, end`)
    const list = await kube.request('GET', door, { query: { node }, signal: of.signal })
    for (const warning of listAt(list, 'metadata', 'warnings')) of.out.note(`Warning: ${printable(String(warning))}`)
    if (of.text('output') === 'json') {
      of.out.write(`${JSON.stringify(list)}\n`)
      return 0
    }
    const rows = listAt(list, 'items').map(one => [
      textAt(one, 'metadata', 'name') ?? '',
      textAt(one, 'spec', 'what') ?? '',
      whereOf(one),
      textAt(one, 'spec', 'user') ?? '',
      stateOf(one),
      ageText(textAt(one, 'metadata', 'creationTimestamp'), of.now()),
      bytesOf(one),
      textAt(one, 'spec', 'detail') ?? '',
    ])
    if (rows.length === 0) of.out.note('No sessions are open.')
    else
      of.out.write(
        formatTable([
          ['ID', 'WHAT', 'WHERE', 'USER', 'STATE', 'AGE', 'BYTES', 'DETAIL'],
          ...rows.map(row => row.map(printable)),
        ]),
      )
    return 0
  },
}

const whereOf = (one: unknown): string => {
  const pod = textAt(one, 'spec', 'pod')
  const container = textAt(one, 'spec', 'container')
  if (pod === undefined) return `node/${textAt(one, 'spec', 'node')}`
  return `${textAt(one, 'spec', 'namespace')}/${pod}${container === undefined ? '' : `/${container}`}`
}

const stateOf = (one: unknown): string => {
  const left = numberAt(one, 'status', 'leftSeconds')
  const phase = String(at(one, 'status', 'phase') ?? '')
  return left === undefined ? phase : `${phase}, ${Math.ceil(left / 60)}m more`
}

/** Of a shell that was left nobody counts them. */
const bytesOf = (one: unknown): string => {
  const [to, from] = [numberAt(one, 'status', 'bytesToNode'), numberAt(one, 'status', 'bytesFromNode')]
  return to === undefined && from === undefined ? '-' : bytesText((to ?? 0) + (from ?? 0))
}

const bytesText = (bytes: number): string =>
  bytes < 10_000
    ? String(bytes)
    : bytes < 10_000_000
      ? `${Math.round(bytes / 1024)}Ki`
      : `${Math.round(bytes / 1024 ** 2)}Mi`
