import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import t from 'tap'
import { makeNpmPackage } from '../../scripts/packages/npm-package.ts'
import { version } from '../../src/lib/version.ts'
import { aWholeHub } from '../hub/a-whole-hub.ts'
import { folderOf } from '../support/folder-of.ts'

const folder = folderOf(t)
const { path, metafile } = await makeNpmPackage({ work: folder, target: join(folder, 'made'), version, seconds: 0 })
const prefix = join(folder, 'prefix')
// As a laptop without a network would: it has no dependency.
execFileSync('npm', ['install', '--global', '--offline', '--no-audit', '--no-fund', '--prefix', prefix, path], {
  stdio: 'pipe',
  env: { ...process.env, HOME: folder, npm_config_cache: join(folder, 'npm-cache') },
})

/** Not spawnSync: the hub lives in this process. */
const dunlin = async (...words: readonly string[]): Promise<{ readonly code: number; readonly said: string }> => {
  const child = spawn(join(prefix, 'bin/dunlin'), words, {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: `${join(process.execPath, '..')}:/usr/bin:/bin`,
      HOME: folder,
      KUBECONFIG: join(folder, 'kubeconfig'),
    },
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes: Buffer) => {
      said += bytes.toString('utf8')
    })
  const [code] = await once(child, 'close')
  return { code, said }
}

t.test('installed by npm, the command works at a hub', async t => {
  await aWholeHub(t, join(folder, 'hub'), { argv: ['--kubeconfig', join(folder, 'kubeconfig')] })
  t.match(await dunlin('version'), { code: 0, said: `dunlin ${version} (Node ` })
  t.match(await dunlin('get', 'nodes'), { code: 0 })
  t.match(await dunlin('join-token', 'create'), { code: 0, said: /^dunlin1\./ })
})

t.test('hub and agent say where they are', async t => {
  for (const word of ['hub', 'agent'])
    t.match(await dunlin(word), { code: 5, said: /the command line alone; hub and agent run on Linux/ })
})

t.test('nothing in it is for one kind of machine', async t => {
  t.strictSame(
    Object.keys(metafile.inputs).filter(input =>
      /\.node$|node-pty|src\/(hub\/broker|runtime-podman|netproxy)\//.test(input),
    ),
    [],
  )
})
