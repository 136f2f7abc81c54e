import { isIP } from 'node:net'
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

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

/** A host name or an IP address. */
export const isHost = (text: string): boolean =>
  isIP(text) !== 0 || /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(text)
const isPlace = (text: string): boolean => isHost(text) || parseAddress(text) !== undefined
const isRange = (text: string): boolean => {
  const [address = '', length = ''] = text.split('/')
  return isIP(address) === 4 && /^\d{1,2}$/.test(length) && Number(length) >= 8 && Number(length) <= 24
}

const logLevel: Setting<LogLevel> = {
  name: 'log-level',
  about: 'The least important lines to write.',
  expected: levels.join(', '),
  fallback: 'info',
  parse: ([word]) => levels.find(level => level === word),
}

/** Every setting of the hub; `dunlin hub --help` prints this table. */
export const hubSettings = {
  config: optionalSetting({ name: 'config', about: 'A YAML file with any of these settings.', expected: 'a path' }),
  data: textSetting({
    name: 'data',
    about: 'The folder of hub.db and keys/.',
    expected: 'a path',
    fallback: '/var/lib/dunlin/hub',
    isFine: text => text !== '',
  }),
  host: textSetting({
    name: 'host',
    about: 'The address to listen on; "::" is every IPv6 and IPv4 address.',
    expected: 'an IP address of this machine',
    fallback: '::',
    isFine: text => isIP(text) !== 0,
  }),
  port: numberSetting({
    name: 'port',
    about: 'HTTPS: the Kubernetes API, joining, sessions; and MQTT by ALPN. 0 takes a free one.',
    unit: 'a port',
    least: 0,
    most: 65535,
    fallback: 6443,
  }),
  mqttPort: numberSetting({
    name: 'mqtt-port',
    about: 'MQTT over TLS. 0 takes a free one.',
    unit: 'a port',
    least: 0,
    most: 65535,
    fallback: 8883,
  }),
  kubeconfig: optionalSetting({
    name: 'kubeconfig',
    about: "Where to write the admin's kubeconfig at every start, readable by the owner alone.",
    expected: 'a path',
    isFine: text => text !== '',
  }),
  name: listSetting({
    name: 'name',
    about: 'A further host name or address for the hub certificate. May be repeated.',
    expected: 'host names or IP addresses',
    isFine: isHost,
  }),
  advertise: listSetting({
    name: 'advertise',
    about:
      'Where nodes and users reach the hub, instead of the addresses of this machine: host or host:port. May be repeated.',
    expected: 'host or host:port',
    isFine: isPlace,
  }),
  podRange: textSetting({
    name: 'pod-cidr',
    about: 'Addresses of all pods; each node takes a /25 of it.',
    expected: 'an IPv4 range such as 10.64.0.0/11',
    fallback: '10.64.0.0/11',
    isFine: isRange,
  }),
  serviceRange: textSetting({
    name: 'service-cidr',
    about: 'Addresses of Services.',
    expected: 'an IPv4 range such as 10.96.0.0/16',
    fallback: '10.96.0.0/16',
    isFine: isRange,
  }),
  dnsAddress: textSetting({
    name: 'dns-address',
    about: 'The address at which pods ask for names; within service-cidr.',
    expected: 'an IPv4 address',
    fallback: '10.96.0.10',
    isFine: text => isIP(text) === 4,
  }),
  domain: textSetting({
    name: 'domain',
    about: 'The domain of Services and pods.',
    expected: 'a DNS domain such as cluster.local',
    fallback: 'cluster.local',
    isFine: text => /^[a-z0-9]([a-z0-9.-]{0,100}[a-z0-9])?$/.test(text),
  }),
  nodeSilence: numberSetting({
    name: 'node-silence',
    about: 'A node that gave no sign of life for so long is Unknown. A connected one gives a sign every 30 s.',
    unit: 'seconds',
    least: 60,
    most: 86_400,
    fallback: 180,
  }),
  logLevel,
} as const

export type HubConfig = SettingsOf<typeof hubSettings>

export interface ConfigSources {
  readonly argv: readonly string[]
  readonly env: { readonly [name: string]: string | undefined }
  /** The file's text. Called with what `--config` or DUNLIN_CONFIG name, if anything does. */
  readonly readFile: (path: string) => string
  readonly parseYaml: (text: string) => unknown
}

/**
 * The hub's settings from flags, environment and one YAML file.
 *
 * @throws Fault BadRequest that names everything that is wrong: the place, what was found, what was expected
 * @example readHubConfig({ argv: ['--data', '.dunlin/hub'], env: process.env, readFile, parseYaml })
 */
export const readHubConfig = (of: ConfigSources): HubConfig => {
  const { config: path } = readSettings(
    { config: hubSettings.config },
    { argv: configFlag(of.argv), env: of.env },
  ).values
  const file = path === undefined ? {} : { file: { name: path, content: readYamlFile(path, of) } }
  const { values, problems } = readSettings(hubSettings, { argv: of.argv, env: of.env, ...file })
  if (problems.length === 0) return values
  throw new Fault('BadRequest', `the hub cannot start with these settings:\n  ${problems.join('\n  ')}`, { problems })
}

/** Of all words only `--config` and its value: the file is read before the rest is judged. */
const configFlag = (argv: readonly string[]): readonly string[] => {
  const at = argv.findLastIndex(word => word === '--config' || word.startsWith('--config='))
  if (at < 0) return []
  return argv[at] === '--config' ? argv.slice(at, at + 2) : argv.slice(at, at + 1)
}

const readYamlFile = (path: string, of: ConfigSources): unknown => {
  try {
    return of.parseYaml(of.readFile(path))
  } catch (error) {
    throw new Fault('BadRequest', `the configuration file ${path} cannot be read`, { path }, error)
  }
}
