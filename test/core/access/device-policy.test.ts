import t from 'tap'
import {
  type DevicePolicy,
  judgeForward,
  judgeJournal,
  judgePath,
  judgeShell,
  usualPolicy,
} from '../../../src/core/access/device-policy.ts'
import { parseCidr } from '../../../src/core/services/cidr.ts'

const open = usualPolicy({ allowShell: true })
const closed = usualPolicy({ allowShell: false })
const why = (judged: { readonly isAllowed: boolean }): string => ('why' in judged ? String(judged.why) : 'allowed')

t.test('a device that joined without --allow-shell shows its journal and nothing else', async t => {
  t.match(judgeShell(closed, { command: [] }), { isAllowed: false, why: /made without --allow-shell/ })
  t.match(judgePath(closed, 'read', '/etc/hostname'), { isAllowed: false, why: /made without --allow-shell/ })
  t.match(judgePath(closed, 'write', '/tmp'), { isAllowed: false })
  t.match(judgeForward(closed, { host: 'localhost', port: 80, addresses: ['127.0.0.1'] }), { isAllowed: false })
  t.strictSame(judgeJournal(closed, undefined), { isAllowed: true })
})

t.test('with --allow-shell everything of the device is open, but nothing of its LAN', async t => {
  t.strictSame(judgeShell(open, { command: ['ls'] }), { isAllowed: true, user: 'root', command: ['ls'] })
  t.strictSame(judgePath(open, 'read', '/'), { isAllowed: true })
  t.strictSame(judgePath(open, 'write', '/etc/hosts'), { isAllowed: true })
  t.strictSame(judgeForward(open, { host: 'localhost', port: 80, addresses: ['127.0.0.1', '::1'] }), {
    isAllowed: true,
  })
  t.strictSame(judgeForward(open, { host: '127.0.0.5', port: 1, addresses: ['127.0.0.5'] }), { isAllowed: true })
  t.match(judgeForward(open, { host: '192.168.1.20', port: 80, addresses: ['192.168.1.20'] }), { isAllowed: false })
})

t.test('a shell is given as a listed account, the first by default', async t => {
  const policy: DevicePolicy = {
    ...open,
    shell: { isOn: true, at: 'line 1', detachedSeconds: 0, users: { at: 'line 2', items: ['pi', 'ann'] } },
  }
  t.match(judgeShell(policy, { command: [] }), { isAllowed: true, user: 'pi' })
  t.match(judgeShell(policy, { command: [], user: 'ann' }), { isAllowed: true, user: 'ann' })
  t.equal(
    why(judgeShell(policy, { command: [], user: 'root' })),
    'no shell is allowed as "root"; the accounts are: pi, ann (line 2)',
  )
})

t.test('with listed commands only these run, the first where none is asked for', async t => {
  const policy: DevicePolicy = {
    ...open,
    shell: {
      isOn: true,
      at: 'line 1',
      detachedSeconds: 0,
      commands: {
        at: 'line 3',
        items: [
          { allows: 'program', program: 'top' },
          { allows: 'words', words: ['systemctl', 'restart', 'app'] },
        ],
      },
    },
  }
  for (const [command, found] of [
    [[], ['top']],
    [
      ['top', '-b'],
      ['top', '-b'],
    ],
    [
      ['systemctl', 'restart', 'app'],
      ['systemctl', 'restart', 'app'],
    ],
  ] as const)
    t.strictSame(judgeShell(policy, { command }), { isAllowed: true, user: 'root', command: found })
  for (const command of [['bash'], ['systemctl', 'restart'], ['systemctl', 'restart', 'app', 'x'], ['/usr/bin/top']])
    t.match(why(judgeShell(policy, { command })), /the commands are: top, systemctl restart app \(line 3\)/)
})

t.test('what is below a folder is in it, and what only begins like it is not', async t => {
  const copy: DevicePolicy['copy'] = {
    read: { isOn: true, at: 'line 5', paths: ['/var/log'] },
    write: { isOn: false, at: 'line 6' },
  }
  const policy = { ...open, copy }
  t.strictSame(judgePath(policy, 'read', '/var/log'), { isAllowed: true })
  t.strictSame(judgePath(policy, 'read', '/var/log/a/b'), { isAllowed: true })
  t.equal(
    why(judgePath(policy, 'read', '/var/logs')),
    '/var/logs is not copied from this device; the folders are: /var/log (line 5)',
  )
  t.equal(why(judgePath(policy, 'write', '/var/log/x')), 'nothing is copied to this device (line 6)')
})

t.test('a target is allowed by its name, or where all of its addresses are', async t => {
  const range = parseCidr('192.168.1.0/24')
  if (range === undefined) throw new Error('no range')
  const forward: DevicePolicy['forward'] = {
    isOn: true,
    at: 'line 7',
    targets: [
      { to: { range }, firstPort: 80, lastPort: 90 },
      { to: { name: 'printer.lan' }, firstPort: 9100, lastPort: 9100 },
    ],
  }
  const policy = { ...open, forward }
  for (const [host, port, addresses, isAllowed] of [
    ['192.168.1.20', 80, ['192.168.1.20'], true],
    ['192.168.1.20', 90, ['192.168.1.20'], true],
    ['192.168.1.20', 91, ['192.168.1.20'], false],
    ['192.168.2.20', 80, ['192.168.2.20'], false],
    ['nas.lan', 80, ['192.168.1.7'], true],
    ['nas.lan', 80, ['192.168.1.7', '10.0.0.1'], false],
    ['nas.lan', 80, [], false],
    ['Printer.lan', 9100, ['10.9.9.9'], true],
    ['printer.lan', 80, ['10.9.9.9'], false],
    ['localhost', 80, ['127.0.0.1'], false],
  ] as const)
    t.equal(judgeForward(policy, { host, port, addresses }).isAllowed, isAllowed, `${host}:${port}`)
})

t.test('where units are listed, only these are shown, and the whole journal is not', async t => {
  const policy: DevicePolicy = {
    ...open,
    journal: { isOn: true, at: 'line 9', units: { at: 'line 10', items: ['ssh'] } },
  }
  t.strictSame(judgeJournal(policy, 'ssh'), { isAllowed: true })
  t.match(why(judgeJournal(policy, undefined)), /line 10/)
  t.match(why(judgeJournal(policy, 'cron')), /"cron" is not shown; the units are: ssh/)
  t.match(why(judgeJournal({ ...open, journal: { isOn: false, at: 'line 9' } }, 'ssh')), /line 9/)
})
