import { at, isShown, textAt } from '../../src/cli/shown.ts'
import type { AgentNode } from '../../test/fleet/kit.ts'
import { engineCli } from './engine-cli.ts'
import type { SeenContainer, SeenNode } from './judge-round.ts'

/** Prints everything in parts; "$1" is the agent's state folder, "$2" the cgroup, the rest asks the engine. */
const script = `
state=$1; group=$2; shift 2
echo @@containers; "$@" || exit 1
echo; echo @@interfaces; ls /sys/class/net
echo @@rules; nft -s list ruleset
echo @@sandboxes; ls /run/dunlin/pods 2>/dev/null
echo @@volumes; ls $state/volumes /run/dunlin/volumes 2>/dev/null | grep -v :
echo @@logs; ls $state/logs 2>/dev/null
echo @@cgroups; find /sys/fs/cgroup -type d -path "*$group/pod*" -prune 2>/dev/null
echo @@mounts; cut -d' ' -f2 /proc/mounts
echo @@temporary; find $state /run/dunlin -name '*.tmp' -not -path '*/store-*' -not -path '*/volumes/*' 2>/dev/null
echo @@processes; cat /proc/[0-9]*/comm 2>/dev/null
`

/** What is on a node now, by its own engine, kernel and disk. @throws where the engine does not answer */
export const readNode = async (node: AgentNode): Promise<SeenNode> => {
  const { machine } = node
  const stateFolder = `${machine.disk}/agent`
  const cli = engineCli({ stateFolder, cgroupParent: machine.cgroupParent })
  const environment = Object.entries(cli.env).map(([name, value]) => `${name}=${value}`)
  const ask = ['env', '-i', ...environment, ...cli.words, 'ps', '--all', '--no-trunc', '--format=json']
  const words = ['sh', '-c', script, 'read', stateFolder, machine.cgroupParent, ...ask]
  const asked = machine.spawn(words)
  const tooLong = setTimeout(() => asked.kill('SIGKILL'), 30_000)
  const code = await asked.exited
  clearTimeout(tooLong)
  const output = asked.output()
  if (code !== 0) throw new Error(`node ${node.name} could not be read (${code}): ${output.slice(0, 500)}`)
  const part = (name: string): readonly string[] =>
    (new RegExp(`^@@${name}\\n([^]*?)(?=^@@|$(?![^]))`, 'm').exec(output)?.[1] ?? '')
      .split('\n')
      .map(line => line.trim())
      .filter(line => line !== '')
  const uids = (lines: readonly string[], place: string) =>
    lines.flatMap(line => {
      const podUid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(line)?.[0]
      return podUid === undefined ? [] : [{ podUid, place }]
    })
  const processes: { [name: string]: number } = {}
  for (const name of part('processes')) processes[name] = (processes[name] ?? 0) + 1
  return {
    node: node.name,
    containers: containersIn(part('containers').join('\n'), node.name),
    interfaces: part('interfaces'),
    rules: part('rules').flatMap(elementsOf).toSorted(),
    rests: [
      ...uids(part('sandboxes'), 'sandbox'),
      ...uids(part('volumes'), 'volumes'),
      ...uids(part('logs'), 'logs'),
      ...uids(part('cgroups'), 'cgroup'),
      ...uids(part('mounts'), 'mount'),
    ],
    temporaryFiles: part('temporary'),
    processes,
  }
}

/** A line of a ruleset; of the elements of a set each by itself, for they come several to a line. */
const elementsOf = (line: string): readonly string[] =>
  line
    .replace(/^elements = \{/, '')
    .split(/, ?/)
    .map(one => one.replace(/ ?\}$/, '').trim())
    .filter(one => one !== '')

/** What `podman ps --format=json` says of containers of ours. */
const containersIn = (text: string, node: string): readonly SeenContainer[] => {
  const list: unknown = JSON.parse(text.slice(text.indexOf('[')))
  if (!Array.isArray(list)) throw new Error(`the engine of ${node} did not answer with a list`)
  return list.filter(isShown).flatMap((one): readonly SeenContainer[] => {
    const label = (name: string): string => textAt(one, 'Labels', `dunlin.io/${name}`) ?? ''
    const podUid = label('uid')
    if (podUid === '') return []
    return [
      {
        node,
        podUid,
        pod: label('name'),
        container: label('container'),
        id: textAt(one, 'Id') ?? '',
        pid: Number(at(one, 'Pid')),
        state: textAt(one, 'State') ?? '',
        startedAt: textAt(one, 'StartedAt') ?? '',
      },
    ]
  })
}
