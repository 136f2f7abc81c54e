import t from 'tap'
import { type Board, parseBoard } from '../../../src/cli/install/board.ts'
import { planInstall } from '../../../src/cli/install/plan-install.ts'

const aBoard = (change: Partial<Board> = {}): Board => ({
  machine: 'aarch64',
  wordBits: 64,
  uid: 1000,
  hasSudo: true,
  hasSystemd: true,
  distribution: { id: 'debian', version: '12', name: 'Debian GNU/Linux 12 (bookworm)' },
  dpkg: 'arm64',
  folder: '/tmp/dunlin-install.Ab12Cd',
  ...change,
})
const files = [
  'dunlin-agent_0.1.0_all.deb',
  ...['amd64', 'arm64', 'armhf'].flatMap(one => [`dunlin_0.1.0_${one}.deb`, `dunlin_0.1.0_${one}.tar.gz`]),
]
const plan = (board: Partial<Board>, change: { readonly files?: readonly string[]; readonly archive?: boolean } = {}) =>
  planInstall({ board: aBoard(board), files, version: '0.1.0', archive: false, ...change })

t.test('a Debian board gets packages of its architecture, as root by sudo', async t => {
  t.strictSame(plan({}), {
    way: 'packages',
    architecture: 'arm64',
    files: ['dunlin_0.1.0_arm64.deb', 'dunlin-agent_0.1.0_all.deb'],
    withSudo: true,
  })
  t.equal(plan({ uid: 0, hasSudo: false }).withSudo, false)
})

t.test('a system of 32 bits on a kernel of 64 gets what its system runs', async t => {
  t.equal(plan({ dpkg: 'armhf' }).architecture, 'armhf')
})

t.test('a board without dpkg gets the archive', async t => {
  t.strictSame(plan({ dpkg: undefined, distribution: { id: 'alpine', version: '3.20', name: '' } }).files, [
    'dunlin_0.1.0_arm64.tar.gz',
  ])
  t.equal(plan({}, { archive: true }).way, 'archive')
})

for (const [why, board, change, says] of [
  [
    'of another architecture',
    { dpkg: 'riscv64', machine: 'riscv64' },
    {},
    /riscv64 whose packages are for riscv64; there are agents for/,
  ],
  ['of the first Pi', { dpkg: undefined, machine: 'armv6l' }, {}, /the board is a armv6l; there are agents for/],
  [
    'that lets in nobody who may install',
    { hasSudo: false },
    {},
    /user id 1000, which may not install, and it has no sudo/,
  ],
  [
    'whose release is too old',
    { distribution: { id: 'debian', version: '11', name: 'Debian 11' } },
    {},
    /Debian 11, whose Podman is older than 4\.3: upgrade it to debian 12/,
  ],
  [
    'for which nothing was packed',
    {},
    { files: ['dunlin_0.1.0_amd64.deb'] },
    /lacks dunlin_0\.1\.0_arm64\.deb and dunlin-agent_0\.1\.0_all\.deb.*npm run packages -- --arch arm64/,
  ],
  ['that would need a Node of its own', { dpkg: undefined, wordBits: 32 }, {}, /put Node 18\.20 or later there/],
] as const)
  t.test(`a board ${why} is refused with what to do`, async t => {
    t.throws(() => plan(board, change), { message: says })
  })

const answer =
  'Welcome!\ndunlin machine=armv7l\ndunlin bits=32\ndunlin uid=0\ndunlin id=raspbian\ndunlin folder=/tmp/dunlin-install.Ab12Cd\n'

t.test('what a login shell prints around the answer is passed over', async t => {
  t.match(parseBoard(answer), { machine: 'armv7l', uid: 0, dpkg: undefined, distribution: { id: 'raspbian' } })
})

t.test('a board cannot name a folder or a machine that would be more than that', async t => {
  for (const [from, to] of [
    ['/tmp/dunlin-install.Ab12Cd', '/tmp/x; rm -rf /'],
    ['/tmp/dunlin-install.Ab12Cd', '/etc'],
    ['armv7l', 'armv7l$(reboot)'],
    ['uid=0', 'uid=root'],
  ] as const)
    t.throws(() => parseBoard(answer.replace(from, to)), { message: /did not answer as a Linux system/ })
  t.equal(parseBoard(`${answer}dunlin name=\u001b[2J${'x'.repeat(500)}\n`).distribution.name, '', 'too long is no name')
  t.equal(parseBoard(`${answer}dunlin name=a\u001b[2Jb\n`).distribution.name, 'a?[2Jb', 'no control characters')
})
