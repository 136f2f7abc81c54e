import { Fault } from '../../api/fault.ts'
import { boardAnnotation, boardChanged } from '../../core/nodes/board-change.ts'
import type { Command, Invocation } from '../command.ts'
import { common, kubeOptions } from '../options.ts'
import { at, listAt, textAt } from '../shown.ts'
import { timeMs } from '../wait.ts'
import { nodeNames } from './cordon.ts'

const say = 'for example: dunlin node replace barn, dunlin node accept barn; on a device itself: dunlin node reset'

export const node: Command = {
  name: 'node',
  summary: 'give a node another board, accept the one that its card moved to, or reset this device',
  usage: 'node replace NODE | node accept NODE… | node reset [--join-token TOKEN]',
  examples: [
    {
      line: 'dunlin node replace barn',
      says: 'a token with which a new board takes over name, labels, taints, pods and volumes of barn',
    },
    { line: 'dunlin node accept barn', says: 'the card of barn is in another board now, and that is meant' },
    {
      line: 'sudo dunlin node reset --join-token dunlin1.…',
      says: 'on the device: end its pods, forget what it was, and join anew',
    },
  ],
  options: [
    ...kubeOptions,
    { name: 'ttl', value: 'TIME', help: 'how long the token is good (default 24h)' },
    { name: 'allow-shell', help: 'the new board may offer a shell' },
    { name: 'join-token', value: 'TOKEN', help: 'reset: the token to join with; without it the device stays down' },
    { name: 'state', value: 'DIR', help: 'reset: the state folder of the agent (default: as it is set up)' },
    { name: 'yes', help: 'reset: it is meant; do not ask' },
    common.output,
  ],
  async run(of) {
    const [verb = '', ...words] = of.words
    if (verb === 'reset') {
      if (words.length > 0)
        throw new Fault('BadRequest', 'a device is reset on the device itself: dunlin node reset, without a name')
      const { resetThisDevice } = await import('../node-reset/reset-this-device.ts')
      return await resetThisDevice(of)
    }
    if (verb !== 'replace' && verb !== 'accept') throw new Fault('BadRequest', `node "${verb}" is not known; ${say}`)
    const names = nodeNames({ ...of, words }, `node ${verb}`)
    return verb === 'replace' ? await replace(of, names) : await accept(of, names)
  },
}

/** The old board is not asked, for it may be broken: it is shut out when the new one joins, and not before. */
const replace = async (of: Invocation, names: readonly string[]): Promise<number> => {
  const [name = '', ...more] = names
  if (more.length > 0) throw new Fault('BadRequest', 'one node at a time: each gets a token of its own')
  const kube = await of.kube()
  const old = await kube.request('GET', `/api/v1/nodes/${encodeURIComponent(name)}`, { signal: of.signal })
  const made = await kube.request('POST', '/dunlin/v1/join-tokens', {
    body: {
      ttlSeconds: Math.round(timeMs(of.text('ttl') ?? '24h', 'ttl') / 1000),
      node: name,
      replace: true,
      ...(of.isSet('allow-shell') ? { allowShell: true } : {}),
    },
    signal: of.signal,
  })
  if (of.text('output') === 'json') of.out.write(`${JSON.stringify(made)}\n`)
  else of.out.write(`${textAt(made, 'token') ?? ''}\n`)
  of.out.note(`On the new board: dunlin agent --join-token TOKEN. It becomes node "${name}".`)
  const ready = listAt(old, 'status', 'conditions').find(one => at(one, 'type') === 'Ready')
  if (at(ready, 'status') === 'True')
    of.out.note(`Node "${name}" is there now: its board goes on until the new one joins, and is then shut out.`)
  return 0
}

const accept = async (of: Invocation, names: readonly string[]): Promise<number> => {
  const kube = await of.kube()
  for (const name of names) {
    const path = `/api/v1/nodes/${encodeURIComponent(name)}`
    const there = await kube.request('GET', path, { signal: of.signal })
    const condition = listAt(there, 'status', 'conditions').find(one => at(one, 'type') === boardChanged)
    if (at(condition, 'status') !== 'True') {
      const serial = textAt(there, 'metadata', 'annotations', boardAnnotation)
      of.out.write(`node/${name} is on the board that joined${boardText(serial)}\n`)
      continue
    }
    // The next report of the node names the board anew.
    await kube.request('PATCH', path, {
      body: { metadata: { annotations: { [boardAnnotation]: null } } },
      contentType: 'application/merge-patch+json',
      signal: of.signal,
    })
    of.out.write(`node/${name} accepted on its new board\n`)
  }
  return 0
}

const boardText = (serial: string | undefined): string => (serial === undefined ? '' : `, ${serial}`)
