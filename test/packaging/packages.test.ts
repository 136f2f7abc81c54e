import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { architectureOf } from '../../scripts/packages/architectures.ts'
import { billOfMaterials } from '../../scripts/packages/bill-of-materials.ts'
import { controlText } from '../../scripts/packages/deb.ts'
import { makeAgentPackage, makeBundles, makeHubPackage, makeProgramPackage } from '../../scripts/packages/packages.ts'
import { version } from '../../src/lib/version.ts'
import { folderOf } from '../support/folder-of.ts'

const folder = folderOf(t)
const of = {
  work: join(folder, 'work'),
  target: join(folder, 'packages'),
  seconds: 1_700_000_000,
  compression: 'none',
  version,
} as const
const inputs = await makeBundles(of.work)

const fieldsOf = (deb: string): string => execFileSync('dpkg-deb', ['--field', deb], { encoding: 'utf8' })
const unpack = (deb: string, name: string): string => {
  const root = join(folder, name)
  execFileSync('dpkg-deb', ['--raw-extract', deb, root])
  return root
}
const hashOf = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex')

t.test('the programs of a package run as unpacked, without the sources or npm', async t => {
  // For armhf no Node is packed: it runs under the one at hand, as it would under Debian's.
  const architecture = architectureOf('armhf')
  const root = unpack(makeProgramPackage({ ...of, architecture, inputs }), 'programs')
  const run = (...words: readonly string[]) =>
    spawnSync(join(root, 'usr/bin/dunlin'), words, {
      encoding: 'utf8',
      cwd: folder,
      env: { PATH: `${join(process.execPath, '..')}:/usr/bin:/bin`, HOME: folder },
    })
  t.match(run('version', '--client').stdout, `dunlin ${version} (Node `)
  t.match(run('help').stdout, 'make the fleet as the manifests say')
  t.match(run('doctor', '-o', 'json').stdout, '"verdict"')
  const refused = run('agent', '--nonsense')
  t.match([refused.status, refused.stderr], [2, /nonsense/])
  t.match(run('hub', '--port', 'x').stderr, /port/)
})

t.test('the same sources make the same bytes', async t => {
  const first = hashOf(makeAgentPackage(of))
  t.equal(hashOf(makeAgentPackage(of)), first)
})

t.test('the agent’s package asks Debian for what a device needs, and keeps its token to root', async t => {
  const deb = makeAgentPackage(of)
  t.match(
    fieldsOf(deb),
    /Architecture: all[\s\S]*Depends: dunlin \(= .*podman \(>= 4\.3\).*nftables.*conntrack, catatonit \| busybox-static/,
  )
  const root = unpack(deb, 'agent')
  t.equal(statSync(join(root, 'etc/default/dunlin-agent')).mode & 0o777, 0o600)
  t.equal(readFileSync(join(root, 'DEBIAN/conffiles'), 'utf8'), '/etc/default/dunlin-agent\n')
  t.match(
    readFileSync(join(root, 'usr/lib/systemd/system/dunlin-agent.service'), 'utf8'),
    'ExecStart=/usr/bin/dunlin agent',
  )
  t.match(
    readFileSync(join(root, 'usr/lib/systemd/system/dunlin-first-boot.service'), 'utf8'),
    'ExecStart=/usr/bin/dunlin agent first-boot',
  )
})

t.test('the hub’s package makes a user of its own, under which the unit runs', async t => {
  const root = unpack(makeHubPackage(of), 'hub')
  t.match(readFileSync(join(root, 'DEBIAN/postinst'), 'utf8'), 'adduser --quiet --system --group')
  t.match(readFileSync(join(root, 'usr/lib/systemd/system/dunlin-hub.service'), 'utf8'), '\nUser=dunlin-hub\n')
})

for (const name of ['dunlin-agent', 'dunlin-hub'])
  t.test(`a purge of ${name} deletes no data that nobody agreed to lose`, async t => {
    const script = readFileSync(join('packaging/debian', name, 'postrm'), 'utf8')
    const data = join(folder, `${name}-data`)
    const purge = (env: { readonly [name: string]: string }): string => {
      execFileSync('mkdir', ['-p', data])
      const text = script
        .replaceAll(/\/var\/lib\/dunlin\/(agent|hub)/g, data)
        .replaceAll('/var/lib/dunlin ', '/nowhere/dunlin ')
        .replaceAll('/run/systemd/system', '/nowhere')
      return execFileSync('sh', ['-c', text, 'postrm', 'purge'], {
        encoding: 'utf8',
        env: { PATH: '/usr/bin:/bin', ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
    }
    t.match(purge({}), 'was kept')
    t.ok(existsSync(data))
    purge({ DUNLIN_PURGE_DATA: 'yes' })
    t.notOk(existsSync(data))
  })

t.test('the bill of materials names every package in the bundles, with its licence', async t => {
  const bill: unknown = JSON.parse(readFileSync(join(of.target, `dunlin_${version}_armhf.cdx.json`), 'utf8'))
  const parts = ['aedes', 'fast-json-patch', 'mqtt', 'ws', 'yaml']
  t.match(bill, { bomFormat: 'CycloneDX', specVersion: '1.5' })
  for (const part of parts) t.match(JSON.stringify(bill), `"name":"${part}"`)
  t.match(
    billOfMaterials({ name: 'x', version: '1', materials: [{ name: '@a/b', version: '2', license: 'MIT' }] }),
    'pkg:npm/%40a/b@2',
  )
})

t.test('a field of several lines is written as Debian reads it', async t => {
  t.match(
    controlText({ Package: 'x', Description: 'short\nlong\n\nmore' }),
    /\nDescription: short\n long\n \.\n more\n$/,
  )
})
