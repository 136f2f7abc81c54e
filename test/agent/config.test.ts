import { readFileSync } from 'node:fs'
import t from 'tap'
import { readAgentConfig } from '../../src/agent/config.ts'
import { agentVersion } from '../../src/agent/version.ts'

const read = (argv: readonly string[], env: { [name: string]: string } = {}, file?: unknown) =>
  readAgentConfig({ argv, env, readFile: () => 'text', parseYaml: () => file })

t.test('without a word everything has its default', async t => {
  t.match(read([]), {
    stateFolder: '/var/lib/dunlin/agent',
    runFolder: '/run/dunlin',
    storeMode: 'disk',
    network: 'on',
    telemetrySeconds: 60,
    logLevel: 'info',
    joinToken: undefined,
    hubs: [],
  })
})

t.test('flags win over the environment, and that over the file', async t => {
  const file = { 'node-name': 'of-file', store: 'memory', 'telemetry-seconds': 5 }
  const config = read(['--config', 'x.yaml', '--node-name', 'of-flag'], { DUNLIN_STORE: 'disk' }, file)
  t.match(config, { nodeName: 'of-flag', storeMode: 'disk', telemetrySeconds: 5 })
})

for (const { argv, message } of [
  { argv: ['--store', 'cloud'], message: /--store: found "cloud"; expected disk, memory/ },
  { argv: ['--state', 'relative'], message: /--state: found "relative"; expected an absolute path/ },
  { argv: ['--node-name', 'Has.Dots'], message: /expected at most 63 of a-z/ },
  { argv: ['--telemetry-seconds', '0'], message: /expected seconds, 1 to 86400/ },
  { argv: ['--label', 'novalue'], message: /expected key=value/ },
  { argv: ['--what'], message: /--what/ },
]) {
  t.test(`${argv.join(' ')} is refused, naming what was expected`, async t => {
    t.throws(() => read(argv), { reason: 'BadRequest', message })
  })
}

t.test('the version is that of the package', async t => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  t.equal(agentVersion, version)
})
