import { Fault } from '../../api/fault.ts'
import type { Command } from '../command.ts'
import { common, kubeOptions } from '../options.ts'
import { listAt, textAt } from '../shown.ts'
import { ageText, formatTable } from '../table.ts'
import { timeMs } from '../wait.ts'

const door = '/dunlin/v1/join-tokens'

export const joinToken: Command = {
  name: 'join-token',
  summary: 'make, list or take back the tokens with which devices join',
  usage: 'join-token create | list | delete ID…',
  examples: [
    { line: 'dunlin join-token create', says: 'a token for one device, good for a day' },
    { line: 'dunlin join-token create --node barn --ttl 1h', says: 'only for a device named barn' },
    { line: 'dunlin join-token list', says: 'the open tokens, without their secrets' },
  ],
  options: [
    ...kubeOptions,
    { name: 'ttl', value: 'TIME', help: 'how long it is good (default 24h)' },
    { name: 'node', value: 'NAME', help: 'only for a device of this name' },
    { name: 'label', value: 'KEY=VALUE', many: true, help: 'a label that the node gets, e.g. dunlin.io/site=barn' },
    { name: 'replace', help: 'with --node: the device takes over the name of one that is there' },
    { name: 'allow-shell', help: 'the device may offer a shell' },
    common.output,
  ],
  async run(of) {
    const kube = await of.kube()
    const [verb = 'list', ...ids] = of.words
    if (verb === 'create') {
      const body = {
        ttlSeconds: Math.round(timeMs(of.text('ttl') ?? '24h', 'ttl') / 1000),
        labels: Object.fromEntries(of.texts('label').map(readLabel)),
        ...(of.text('node') === undefined ? {} : { node: of.text('node') }),
        ...(of.isSet('replace') ? { replace: true } : {}),
        ...(of.isSet('allow-shell') ? { allowShell: true } : {}),
      }
      const made = await kube.request('POST', door, { body, signal: of.signal })
      if (of.text('output') === 'json') of.out.write(`${JSON.stringify(made)}\n`)
      else of.out.write(`${textAt(made, 'token') ?? ''}\n`)
      of.out.note('On the device: dunlin agent --join-token TOKEN')
      return 0
    }
    if (verb === 'list') {
      const rows = listAt(await kube.request('GET', door, { signal: of.signal }), 'tokens').map(one => [
        textAt(one, 'id') ?? '',
        textAt(one, 'node') ?? '<any>',
        stateOf(one, of.now()),
        textAt(one, 'expires') ?? '',
        ageText(textAt(one, 'created'), of.now()),
      ])
      if (rows.length === 0) of.out.note('No join tokens.')
      else of.out.write(formatTable([['ID', 'NODE', 'STATE', 'EXPIRES', 'AGE'], ...rows]))
      return 0
    }
    if (verb !== 'delete' || ids.length === 0)
      throw new Fault(
        'BadRequest',
        'for example: dunlin join-token create, dunlin join-token list, dunlin join-token delete ID',
      )
    for (const id of ids) {
      await kube.request('DELETE', `${door}/${encodeURIComponent(id)}`, { signal: of.signal })
      of.out.write(`join token "${id}" deleted\n`)
    }
    return 0
  },
}

const stateOf = (token: unknown, now: number): string => {
  const node = textAt(token, 'used', 'node')
  if (node !== undefined) return `used by ${node}`
  return Date.parse(textAt(token, 'expires') ?? '') <= now ? 'expired' : 'open'
}

const readLabel = (text: string): readonly [string, string] => {
  const at = text.indexOf('=')
  if (at < 1) throw new Fault('BadRequest', `--label=${text} is not KEY=VALUE`)
  return [text.slice(0, at), text.slice(at + 1)]
}
