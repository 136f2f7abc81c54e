import t from 'tap'
import { readHubConfig } from '../../src/hub/config.ts'
import { fails } from '../support/fails.ts'

const sources = {
  argv: [] as readonly string[],
  env: {},
  readFile: (path: string): string => {
    throw new Error(`ENOENT: no such file or directory, open '${path}'`)
  },
  parseYaml: (text: string): unknown => JSON.parse(text),
}

t.test('without any setting the hub runs as the documents say', async t => {
  t.match(readHubConfig(sources), {
    data: '/var/lib/dunlin/hub',
    port: 6443,
    mqttPort: 8883,
    logLevel: 'info',
    name: [],
  })
})

t.test('flags win over environment variables, these over the file, that over what is built in', async t => {
  const file = { port: 1, 'mqtt-port': 2, data: '/file', name: ['a.lan', 'b.lan'] }
  const config = readHubConfig({
    ...sources,
    argv: ['--port', '3', '--config=hub.yaml'],
    env: { DUNLIN_PORT: '4', DUNLIN_MQTT_PORT: '5', DUNLIN_ADVERTISE: 'x.lan, y.lan:7443' },
    readFile: path => (path === 'hub.yaml' ? JSON.stringify(file) : ''),
  })
  t.match(config, {
    port: 3,
    mqttPort: 5,
    data: '/file',
    name: ['a.lan', 'b.lan'],
    advertise: ['x.lan', 'y.lan:7443'],
  })
})

t.test('every wrong setting is named at once: the place, what was found, what was expected', async t => {
  const read = () =>
    readHubConfig({
      ...sources,
      argv: [
        '--port',
        'http',
        '--colour',
        'red',
        '--host=localhost',
        '--name',
        'ok',
        '--name',
        'not ok',
        '--log-level',
      ],
      env: { DUNLIN_MQTT_PORT: '65536', DUNLIN_POD_CIDR: '10.0.0.0/30', DUNLIN_CONFIG: '/etc/dunlin/hub.yaml' },
      readFile: () => JSON.stringify({ data: ['a', 'b'], speed: 9, domain: 'cluster.local' }),
    })
  const fault = await fails(t, read, 'BadRequest')
  t.matchOnlyStrict(fault?.about['problems'], [
    /^unknown flag "--colour"; known flags: --config --data /,
    /^unknown word "red"/,
    '--log-level: no value follows it',
    '/etc/dunlin/hub.yaml: data: found ["a","b"]; expected a path',
    /^\/etc\/dunlin\/hub\.yaml: unknown setting "speed"; known: config, data, /,
    '--host: found "localhost"; expected an IP address of this machine',
    '--port: found "http"; expected a port, 0 to 65535',
    'DUNLIN_MQTT_PORT: found "65536"; expected a port, 0 to 65535',
    '--name: found "ok", "not ok"; expected host names or IP addresses',
    'DUNLIN_POD_CIDR: found "10.0.0.0/30"; expected an IPv4 range such as 10.64.0.0/11',
  ])
})

t.test('a file that cannot be read is named', async t => {
  await fails(
    t,
    () => readHubConfig({ ...sources, argv: ['--config', '/none'] }),
    'BadRequest',
    /file \/none cannot be read/,
  )
  const text = { ...sources, argv: ['--config', 'f'], readFile: () => '"text"' }
  await fails(t, () => readHubConfig(text), 'BadRequest', /f: found "text"; expected a mapping of settings/)
})
