import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Fault } from '../../api/fault.ts'
import { writeInPlace } from '../../lib/durable-file.ts'
import { version } from '../../lib/version.ts'
import type { Command, Invocation } from '../command.ts'
import { lookScript, parseBoard } from '../install/board.ts'
import { installScript } from '../install/install-script.ts'
import { type InstallPlan, planInstall } from '../install/plan-install.ts'
import { sshTo } from '../install/ssh.ts'
import { kubeOptions } from '../options.ts'
import { listAt, textAt } from '../shown.ts'
import { pause, timeMs } from '../wait.ts'

const tokens = '/dunlin/v1/join-tokens'

export const install: Command = {
  name: 'install',
  summary: 'bring the agent over ssh to a board that already runs, and join it',
  usage: 'install [USER@]HOST [options]',
  examples: [
    { line: 'dunlin install pi@barn.local', says: 'with the packages of dist/packages; joins with a token of its own' },
    { line: 'dunlin install root@192.168.1.20 --node barn', says: 'as node barn' },
    { line: 'dunlin install root@barn --no-join', says: 'a newer agent for a board that has joined' },
  ],
  options: [
    ...kubeOptions,
    { name: 'packages', value: 'FOLDER', help: 'what `npm run packages` made (default dist/packages)' },
    { name: 'package-version', value: 'VERSION', help: 'which of them (default: that of this command)' },
    { name: 'archive', help: 'the archive, even where there is dpkg' },
    { name: 'node', value: 'NAME', help: 'its name (default: the host name and four digits of its key)' },
    { name: 'label', value: 'KEY=VALUE', many: true, help: 'a label that the node gets' },
    { name: 'no-join', help: 'bring the agent only; no token is made' },
    {
      name: 'ssh-option',
      value: 'OPTION',
      many: true,
      help: 'for ssh and scp, as after -o: Port=2222, IdentityFile=…',
    },
    { name: 'timeout', value: 'TIME', help: 'how long to wait for it to join (default 5m; 0: not at all)' },
  ],
  async run(of) {
    const [place, ...more] = of.words
    if (place === undefined || more.length > 0)
      throw new Fault('BadRequest', 'to which board? For example: dunlin install pi@barn.local')
    const folder = of.text('packages') ?? 'dist/packages'
    const files = await readdir(folder).catch((error: unknown) => {
      const how = 'make it with npm run packages, or name another with --packages'
      throw new Fault('BadRequest', `there is no folder of packages at ${folder}: ${how}`, { folder }, error)
    })
    const waitMs = timeMs(of.text('timeout') ?? '5m', 'timeout')
    const ssh = sshTo({ place, options: of.texts('ssh-option').flatMap(one => ['-o', one]), signal: of.signal })
    const board = parseBoard(await ssh.run('sh -s', lookScript))
    try {
      const wanted = { board, files, version: of.text('package-version') ?? version, archive: of.isSet('archive') }
      const plan = planInstall(wanted)
      of.out.note(
        `${place}: ${board.distribution.name || board.machine}, ${plan.architecture}; brings ${plan.files.join(', ')}`,
      )
      const token = of.isSet('no-join') ? undefined : await makeToken(of)
      const brought = await gather(folder, plan, token?.word)
      try {
        await ssh.copy(brought.files, board.folder)
      } finally {
        await rm(brought.folder, { recursive: true, force: true })
      }
      const said = await ssh.run(`${plan.withSudo ? 'sudo ' : ''}sh ${board.folder}/install`)
      of.out.note(said.trim().split('\n').at(-1) ?? '')
      if (token === undefined || waitMs === 0) return 0
      if (!board.hasSystemd) {
        of.out.note(
          'the token is in /etc/default/dunlin-agent there; whoever starts `dunlin agent` gives it by DUNLIN_JOIN_TOKEN',
        )
        return 0
      }
      of.out.write(`node/${await joined(of, token.id, waitMs)} joined\n`)
      return 0
    } catch (error) {
      // The board gets rid of what was brought; that it cannot be reached for it changes nothing.
      await ssh.run(`rm -rf ${board.folder}`).catch(() => {})
      throw error
    }
  },
}

const makeToken = async (of: Invocation): Promise<{ readonly id: string; readonly word: string }> => {
  const labels = of.texts('label').map(text => {
    const at = text.indexOf('=')
    if (at < 1) throw new Fault('BadRequest', `--label=${text} is not KEY=VALUE`)
    return [text.slice(0, at), text.slice(at + 1)] as const
  })
  const node = of.text('node')
  const body = { ttlSeconds: 3600, labels: Object.fromEntries(labels), ...(node === undefined ? {} : { node }) }
  const made = await (await of.kube()).request('POST', tokens, { body, signal: of.signal })
  const word = textAt(made, 'token') ?? ''
  // It goes into a file that systemd and sh read.
  if (!/^[\w.~:-]+$/.test(word)) throw new Fault('Malformed', 'the hub answered with a join token that is none')
  return { id: textAt(made, 'id') ?? '', word }
}

/** All that goes to the board; what is written for it, in a folder that only we may read: the token is a secret for an hour. */
const gather = async (
  folder: string,
  plan: InstallPlan,
  token: string | undefined,
): Promise<{ readonly folder: string; readonly files: readonly string[] }> => {
  const here = await mkdtemp(join(tmpdir(), 'dunlin-install-'))
  const [settings, script] = [join(here, 'settings'), join(here, 'install')]
  await writeInPlace(settings, token === undefined ? '' : `DUNLIN_JOIN_TOKEN=${token}\n`, 0o600)
  await writeInPlace(script, installScript, 0o600)
  return { folder: here, files: [...plan.files.map(name => join(folder, name)), settings, script] }
}

/** The name under which the board joined. @throws Fault Timeout when it does not */
const joined = async (of: Invocation, id: string, waitMs: number): Promise<string> => {
  const kube = await of.kube()
  const until = of.now() + waitMs
  for (;;) {
    const all = listAt(await kube.request('GET', tokens, { signal: of.signal }), 'tokens')
    const node = textAt(
      all.find(one => textAt(one, 'id') === id),
      'used',
      'node',
    )
    if (node !== undefined) return node
    if (of.now() >= until)
      throw new Fault(
        'Timeout',
        'the agent was installed but has not joined yet; on the board, `journalctl -u dunlin-agent` tells why, and `dunlin doctor` what it lacks',
      )
    await pause(1000, of.signal)
    of.signal.throwIfAborted()
  }
}
