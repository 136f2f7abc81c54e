import { Fault } from '../../api/fault.ts'
import type { Command } from '../command.ts'
import { common, kubeOptions } from '../options.ts'
import { at, listAt, textAt } from '../shown.ts'
import { ageText, formatTable } from '../table.ts'

const door = '/dunlin/v1/users'

export const users: Command = {
  name: 'users',
  summary: 'list the people and programs that were given certificates, or shut them out',
  usage: 'users [list] | users remove NAME…',
  examples: [
    { line: 'dunlin users', says: 'whom "dunlin kubeconfig" was made for, and until when it is good' },
    { line: 'dunlin users remove ann', says: 'Ann lost her laptop: all her certificates are revoked at once' },
  ],
  options: [...kubeOptions, common.output],
  async run(of) {
    const kube = await of.kube()
    const [verb = 'list', ...names] = of.words
    if (verb === 'remove') {
      if (names.length === 0) throw new Fault('BadRequest', 'remove which user? For example: dunlin users remove ann')
      for (const name of names) {
        const done = await kube.request('DELETE', `${door}/${encodeURIComponent(name)}`, { signal: of.signal })
        of.out.write(`user "${name}" removed, ${at(done, 'revoked')} certificates revoked\n`)
      }
      return 0
    }
    if (verb !== 'list') throw new Fault('BadRequest', `users "${verb}" is not known; there are: list, remove`)
    const found = await kube.request('GET', door, { signal: of.signal })
    if (of.text('output') === 'json') {
      of.out.write(`${JSON.stringify(found)}\n`)
      return 0
    }
    const rows = listAt(found, 'users').map(one => [
      textAt(one, 'user') ?? '',
      listAt(one, 'groups').map(String).join(',') || '<none>',
      textAt(one, 'notAfter') ?? '',
      ageText(textAt(one, 'created'), of.now()),
    ])
    if (rows.length === 0) of.out.note('No certificates were made for users; the hub’s own admin is not listed.')
    else of.out.write(formatTable([['USER', 'GROUPS', 'GOOD UNTIL', 'AGE'], ...rows]))
    return 0
  },
}
