import { version as programVersion } from '../../src/lib/version.ts'
import { compareFiles, filesOf, recordSystemctl, systemctlCalls } from './facts.ts'
import type { ProofHub } from './hub.ts'
import type { LivedRoot } from './lived-root.ts'
import type { Place } from './roots.ts'
import { runningAgent } from './running-agent.ts'
import { soon } from './soon.ts'

/** Two builds of the packages, by version: the paths of those for the place. */
export interface Builds {
  readonly older: readonly string[]
  readonly newer: readonly string[]
}

export type Check = (what: string, is: boolean, found?: string) => void

/**
 * What a device's packages go through: installed, run, joined to a hub, upgraded, put back, removed. Each step is checked by
 * what is there afterwards.
 */
export const walk = async (of: {
  readonly place: Place
  readonly root: LivedRoot
  readonly hub: ProofHub
  readonly builds: Builds
  readonly check: Check
}): Promise<void> => {
  const { place, root, hub, check } = of
  const node = `proof-${place.release}-${place.architecture}`
  const names = ['dunlin', 'dunlin-agent', ...(of.builds.older.length > 2 ? ['dunlin-hub'] : [])]
  const install = (debs: readonly string[]): string => {
    const inside = debs.map(path => `/tmp/${path.split('/').at(-1)}`)
    for (const [at, path] of debs.entries()) root.copyIn(path, inside[at] ?? '')
    const done = root.run(['dpkg', '-i', ...inside])
    root.run(['rm', '-f', ...inside])
    check(`dpkg installs ${debs.length} packages and is content`, done.status === 0, done.text)
    return done.text
  }
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own form
  const states = (): string => root.run(['dpkg-query', '-W', '-f', '${Package} ${Status} ${Version}\n', ...names]).text
  recordSystemctl(root)
  const before = filesOf(root)

  install(of.builds.older)
  check('all are installed', states().split(' ok installed ').length === names.length + 1, states())
  const installed = systemctlCalls(root)
  check(
    'the agent is enabled, and not started without a token',
    /enable --quiet dunlin-agent/.test(installed) && !/start dunlin-agent/.test(installed),
    installed,
  )

  const said = root.run(['dunlin', 'version', '--client'])
  check(`dunlin version: ${said.text.trim()}`, said.status === 0 && said.text.includes(programVersion), said.text)
  const doctor = root.run(['dunlin', 'doctor', '-o', 'json'])
  check(
    'dunlin doctor finds Podman and nftables',
    /"verdict"/.test(doctor.text) && !/podman[^}]*missing/i.test(doctor.text),
    doctor.text,
  )

  const token = hub.dunlin('join-token', 'create', '--node', node, '--allow-shell', '-o', 'json')
  const { token: DUNLIN_JOIN_TOKEN = '' } = JSON.parse(token.text.split('\n')[0] ?? '{}') as { readonly token?: string }
  root.run([
    'sh',
    '-c',
    'mkdir -p -m 700 /var/lib/dunlin/agent && echo "shell: on" > /var/lib/dunlin/agent/policy.yaml',
  ])
  let agent = await runningAgent(root, { DUNLIN_JOIN_TOKEN })
  await soon('the agent joins', () => /"joined"/.test(agent.log()), agent.log)
  check('the agent joins a hub over TLS', hub.dunlin('get', 'nodes').text.includes(node))
  await soon(
    'telemetry',
    () =>
      hub
        .dunlin('top', 'nodes')
        .text.split('\n')
        .some(line => line.startsWith(node) && /\d/.test(line.slice(node.length))),
    agent.log,
  )
  check(
    `it reports telemetry: ${hub
      .dunlin('top', 'nodes')
      .text.split('\n')
      .find(line => line.startsWith(node))
      ?.trim()}`,
    true,
  )
  await soon(
    'signs of life',
    () => agent.told.filter(one => one === 'WATCHDOG=1').length >= 2,
    () => agent.told.join('\n'),
  )
  check(
    'systemd hears that it has begun, runs and lives',
    /^READY=1 /.test(agent.told[0] ?? '') && agent.told.some(one => one.includes(`runs as node ${node}`)),
    agent.told.join('\n'),
  )
  const terminal = hub.inTerminal('shell', node, '--quiet', '--tty', '--', 'tty')
  check('a command has a terminal of its own there', /\/dev\/pts\/\d/.test(terminal), terminal)

  const uid = (): string => hub.dunlin('get', 'node', node, '-o', 'jsonpath={.metadata.uid}').text.trim()
  const uidBefore = uid()
  for (const [what, debs] of [
    ['an upgrade', of.builds.newer],
    ['a downgrade', of.builds.older],
  ] as const) {
    recordSystemctl(root)
    install(debs)
    const calls = systemctlCalls(root)
    check(`${what} leaves the agent running`, agent.isAlive())
    check(
      `${what} asks systemd to start it anew, and to stop nothing`,
      /try-restart --no-block dunlin-agent/.test(calls) && !/\b(stop|disable|kill)\b/.test(calls),
      calls,
    )
    check(`after ${what} the old agent ends in order`, (await agent.end()) === 0, agent.log())
    check(
      'and says so',
      agent.told.some(one => one.startsWith('STOPPING=1')),
      agent.told.join('\n'),
    )
    agent = await runningAgent(root, {})
    await soon(
      'the next agent is connected',
      () => /"the agent runs"/.test(agent.log()) && agent.told.includes('WATCHDOG=1'),
      agent.log,
    )
    check(
      `after ${what} the next one is the same node, without a token`,
      uid() === uidBefore && uidBefore !== '',
      uid(),
    )
  }
  await agent.end()

  const purge = (env: { readonly [name: string]: string }): void => {
    const done = root.run(['dpkg', '--purge', ...names.toReversed()], env)
    check('dpkg purges and is content', done.status === 0, done.text)
  }
  recordSystemctl(root)
  purge({})
  check(
    'the agent is stopped and disabled',
    /disable --now --quiet dunlin-agent/.test(systemctlCalls(root)),
    systemctlCalls(root),
  )
  check(
    'data that nobody agreed to lose is there',
    root.run(['test', '-d', '/var/lib/dunlin/agent/identity']).status === 0,
  )
  install(of.builds.older)
  purge({ DUNLIN_PURGE_DATA: 'yes' })
  const left = compareFiles(before, filesOf(root))
  check('with that agreed, nothing is left and nothing is missing', left === '', left)
}
