import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { architectures } from '../../scripts/packages/architectures.ts'
import {
  makeAgentPackage,
  makeArchive,
  makeBundles,
  makeHubPackage,
  makeProgramPackage,
} from '../../scripts/packages/packages.ts'
import { version } from '../../src/lib/version.ts'
import { aWholeHub } from '../hub/a-whole-hub.ts'
import { folderOf } from '../support/folder-of.ts'
import { sshServerAt } from '../support/ssh-server.ts'

/** dunlin install against OpenSSH's own server. The board is this machine, with a folder of its own to install into. */
const folder = folderOf(t)
const bin = fileURLToPath(new URL('../../bin/dunlin', import.meta.url))
const found = architectures.find(one => one.nodeArch === process.arch)
if (found === undefined) throw new Error(`there are no packages for ${process.arch}`)
// Without the Node that it brings, which weighs a hundred megabytes: that of the test runs it.
const { name, nodeArch, compiler, terminals } = found
const architecture = { name, nodeArch, compiler, ...(terminals === undefined ? {} : { terminals }) }

const packages = join(folder, 'packages')
const making = { work: join(folder, 'work'), target: packages, seconds: 0, compression: 'none', version } as const
const inputs = await makeBundles(making.work)
makeAgentPackage(making)
makeHubPackage(making)
makeProgramPackage({ ...making, architecture, inputs })
makeArchive(making, architecture)

const board = join(folder, 'board')
mkdirSync(board)
const options = await sshServerAt(t, join(folder, 'ssh'), { DESTDIR: board })
const { hub, asAdmin } = await aWholeHub(t, join(folder, 'hub'), { argv: ['--kubeconfig', join(folder, 'kubeconfig')] })
const leftovers = () => readdirSync('/tmp').filter(name => name.startsWith('dunlin-install'))

/** Not spawnSync: the hub lives in this process. */
const install = async (...words: readonly string[]): Promise<{ readonly code: number; readonly said: string }> => {
  const child = spawn(bin, ['install', ...options.flatMap(one => ['--ssh-option', one]), ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, KUBECONFIG: join(folder, 'kubeconfig') },
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes: Buffer) => {
      said += bytes.toString('utf8')
    })
  const [code] = await once(child, 'close')
  return { code, said }
}
const defaults = join(board, 'etc/default/dunlin-agent')

t.test('the archive comes to a board, with a token of its own that only root reads', async t => {
  const { code, said } = await install(
    'root@127.0.0.1',
    '--archive',
    '--packages',
    packages,
    '--node',
    'barn',
    '--timeout',
    '0',
  )
  t.equal(code, 0, said)
  t.match(said, new RegExp(`brings dunlin_${version}_${architecture.name}\\.tar\\.gz`))
  const settings = readFileSync(defaults, 'utf8')
  t.match(settings, /^DUNLIN_JOIN_TOKEN=dunlin1\.\S+$/m)
  t.match(settings, /^# Settings of the agent/, 'what the package says of them is there, too')
  t.equal(statSync(defaults).mode & 0o777, 0o600)
  const ran = spawnSync(join(board, 'usr/bin/dunlin'), ['version', '--client'], {
    encoding: 'utf8',
    env: { PATH: `${join(process.execPath, '..')}:/usr/bin:/bin` },
  })
  t.match(ran.stdout, `dunlin ${version}`)
  const open = await asAdmin('GET', '/dunlin/v1/join-tokens')
  t.match(open.body, { tokens: [{ node: 'barn' }] })
  t.strictSame(leftovers(), [], 'nothing of it stays, here or there')
  t.ok(hub.apiPort > 0)
})

t.test('a second time brings newer programs and leaves settings and membership as they are', async t => {
  writeFileSync(defaults, `${readFileSync(defaults, 'utf8')}DUNLIN_STORE=memory\n`)
  const { code, said } = await install('127.0.0.1', '--archive', '--packages', packages, '--no-join')
  t.equal(code, 0, said)
  t.match(readFileSync(defaults, 'utf8'), /DUNLIN_JOIN_TOKEN=[\s\S]*\nDUNLIN_STORE=memory\n$/)
})

t.test('what cannot be is said with what to do, and leaves nothing on the board', async t => {
  for (const [words, expected, exit] of [
    [
      ['127.0.0.1', '--packages', join(folder, 'nowhere')],
      /no folder of packages at .*nowhere: make it with npm run packages/,
      2,
    ],
    [
      ['127.0.0.1', '--packages', packages, '--package-version', '9.9', '--archive'],
      /lacks dunlin_9\.9_.*npm run packages -- --arch/,
      5,
    ],
    [['-oProxyCommand=x', '--packages', packages], /unknown option -o/, 2],
    [['x;y', '--packages', packages], /"x;y" is no place for ssh; expected HOST or USER@HOST/, 2],
    [
      ['nobody-there@127.0.0.1', '--packages', packages],
      /ssh to nobody-there@127\.0\.0\.1 ended with 255; its words are above/,
      3,
    ],
    [[], /to which board\?/, 2],
  ] as const) {
    const { code, said } = await install(...words)
    t.match(said, expected)
    t.equal(code, exit, said)
  }
  t.strictSame(leftovers(), [])
  t.ok(existsSync(board))
})
