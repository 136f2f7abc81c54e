import { Fault } from '../api/fault.ts'
import type { LogLevel } from '../lib/log.ts'
import {
  listSetting,
  numberSetting,
  optionalSetting,
  readSettings,
  type Setting,
  type SettingsOf,
  textSetting,
} from '../lib/settings.ts'
import { parseAddress } from '../wire/join-token.ts'

const oneOfSetting = <T extends string>(
  of: { readonly name: string; readonly about: string },
  words: readonly [T, ...T[]],
): Setting<T> => ({
  ...of,
  expected: words.join(', '),
  fallback: words[0],
  parse: ([word]) => words.find(one => one === word),
})

const levels: readonly [LogLevel, ...LogLevel[]] = ['info', 'debug', 'warn', 'error']

const folder = (name: string, about: string, fallback: string): Setting<string> =>
  textSetting({ name, about, expected: 'an absolute path', fallback, isFine: text => text.startsWith('/') })

/** Every setting of the agent; `dunlin agent --help` prints this table. */
export const agentSettings = {
  config: optionalSetting({ name: 'config', about: 'A YAML file with any of these settings.', expected: 'a path' }),
  stateFolder: folder('state', 'What must survive a reboot: identity, assignment, images.', '/var/lib/dunlin/agent'),
  runFolder: folder('run', 'What lives for one boot, on a tmpfs.', '/run/dunlin'),
  nodeName: optionalSetting({
    name: 'node-name',
    about: 'The name of this node, at joining. Without it: the host name and four hex digits of its key.',
    expected: 'at most 63 of a-z, 0-9 and dashes',
    isFine: text => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text),
  }),
  joinToken: optionalSetting({
    name: 'join-token',
    about: 'The token that `dunlin join-token` printed; needed once.',
    expected: 'a join token',
  }),
  hubs: listSetting({
    name: 'hub',
    about:
      'Where the hub is, instead of where it said when this node joined: host:port of its HTTPS door. May be repeated.',
    expected: 'host:port',
    isFine: text => parseAddress(text) !== undefined,
  }),
  labels: listSetting({
    name: 'label',
    about: 'A label of the node, at joining. May be repeated.',
    expected: 'key=value',
    isFine: text => /^[A-Za-z0-9]([A-Za-z0-9./_-]*[A-Za-z0-9])?=[A-Za-z0-9._-]*$/.test(text),
  }),
  storeMode: oneOfSetting(
    {
      name: 'store',
      about: 'Where containers lie: on the disk, or in memory with nothing but images on the disk.',
    },
    ['disk', 'memory'],
  ),
  podman: textSetting({
    name: 'podman',
    about: 'The container engine.',
    expected: 'a program',
    fallback: 'podman',
    isFine: text => text !== '',
  }),
  ociRuntimes: listSetting({
    name: 'oci-runtime',
    about: 'OCI runtimes to try, best first. May be repeated.',
    expected: 'names of programs',
    isFine: text => text !== '',
  }),
  cgroupParent: textSetting({
    name: 'cgroup-parent',
    about: 'The control group above all pods; one per agent where several share a machine.',
    expected: 'a path such as /dunlin',
    fallback: '/dunlin',
    isFine: text => /^\/[A-Za-z0-9._/-]+$/.test(text),
  }),
  certsFolder: optionalSetting({
    name: 'registry-certs',
    about: 'A folder of private CAs of registries: HOST:PORT/ca.crt.',
    expected: 'a path',
  }),
  network: oneOfSetting(
    { name: 'network', about: 'Whether this agent makes the pod network; off leaves pods of the host network only.' },
    ['on', 'off'],
  ),
  lanInterface: optionalSetting({
    name: 'lan-interface',
    about: 'The interface towards the LAN. Without it: that of the default route.',
    expected: 'the name of an interface',
    isFine: text => /^[A-Za-z0-9._-]{1,15}$/.test(text),
  }),
  imagesFolder: optionalSetting({
    name: 'images',
    about: 'A folder of image archives (.tar) that are loaded at the start, each once.',
    expected: 'a path',
  }),
  policy: optionalSetting({
    name: 'policy',
    about:
      'The file that says what people may do with the device itself, whatever the hub says. Without it: policy.yaml in the state folder.',
    expected: 'a path',
  }),
  onExit: oneOfSetting(
    {
      name: 'on-exit',
      about: 'What becomes of pods and their network when the agent is asked to end: they are kept, or taken down.',
    },
    ['keep', 'take-down'],
  ),
  keepAliveSeconds: numberSetting({
    name: 'keep-alive-seconds',
    about:
      'How often the connection to the hub shows that it lives. One that is silent for half as long again is ended.',
    unit: 'seconds',
    least: 2,
    most: 1200,
    fallback: 120,
  }),
  telemetrySeconds: numberSetting({
    name: 'telemetry-seconds',
    about: 'How often usage is measured.',
    unit: 'seconds',
    least: 1,
    most: 86_400,
    fallback: 60,
  }),
  logLevel: oneOfSetting({ name: 'log-level', about: 'The least important lines to write.' }, levels),
} as const

export type AgentConfig = SettingsOf<typeof agentSettings>

/**
 * The agent's settings from flags, environment and one YAML file.
 *
 * @throws Fault BadRequest that names everything that is wrong: the place, what was found, what was expected
 * @example readAgentConfig({ argv: ['--state', '/tmp/agent'], env: process.env, readFile, parseYaml })
 */
export const readAgentConfig = (of: {
  readonly argv: readonly string[]
  readonly env: { readonly [name: string]: string | undefined }
  /** The file's text. Called only when a file is named. */
  readonly readFile: (path: string) => string
  readonly parseYaml: (text: string) => unknown
}): AgentConfig => {
  const path = configPath(of.argv) ?? of.env['DUNLIN_CONFIG']
  const file = path === undefined ? {} : { file: { name: path, content: contentOf(path, of) } }
  const { values, problems } = readSettings(agentSettings, { argv: of.argv, env: of.env, ...file })
  if (problems.length === 0) return values
  throw new Fault('BadRequest', `the agent cannot start with these settings:\n  ${problems.join('\n  ')}`, { problems })
}

/** The file is read before the rest is judged. */
const configPath = (argv: readonly string[]): string | undefined => {
  const at = argv.findLastIndex(word => word === '--config' || word.startsWith('--config='))
  if (at < 0) return undefined
  return argv[at] === '--config' ? argv[at + 1] : argv[at]?.slice('--config='.length)
}

const contentOf = (
  path: string,
  of: { readonly readFile: (path: string) => string; readonly parseYaml: (text: string) => unknown },
): unknown => {
  try {
    return of.parseYaml(of.readFile(path))
  } catch (error) {
    throw new Fault('BadRequest', `the configuration file ${path} cannot be read`, { path }, error)
  }
}
