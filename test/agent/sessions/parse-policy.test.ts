import { readFileSync } from 'node:fs'
import t from 'tap'
import { parsePolicy } from '../../../src/agent/sessions/parse-policy.ts'
import { judgeForward, judgeShell, usualPolicy } from '../../../src/core/access/device-policy.ts'
import { fails } from '../../support/fails.ts'

const usual = usualPolicy({ allowShell: true })
const parse = (text: string) => parsePolicy(text, 'policy.yaml', usual)

t.test('a whole policy is read, each rule with its line', async t => {
  const policy = parse(`# of the barn
shell:
  users: [pi, root]
  commands:
    - top
    - [systemctl, restart, app]
  detachedMinutes: 5
journal:
  units: [ssh, dunlin-agent.service]
copy:
  read: [/var/log/, /]
forward:
  - localhost:*
  - 192.168.1.0/24:80
  - "[fd00::1]:1-1024"
  - Printer.lan:9100
  - 10.0.0.7:22
`)
  t.strictSame(policy, {
    shell: {
      isOn: true,
      at: 'line 2 of policy.yaml',
      detachedSeconds: 300,
      users: { at: 'line 3 of policy.yaml', items: ['pi', 'root'] },
      commands: {
        at: 'line 4 of policy.yaml',
        items: [
          { allows: 'program', program: 'top' },
          { allows: 'words', words: ['systemctl', 'restart', 'app'] },
        ],
      },
    },
    journal: {
      isOn: true,
      at: 'line 8 of policy.yaml',
      units: { at: 'line 9 of policy.yaml', items: ['ssh', 'dunlin-agent.service'] },
    },
    copy: {
      read: { isOn: true, at: 'line 11 of policy.yaml', paths: ['/var/log', ''] },
      write: { isOn: false, at: 'line 10 of policy.yaml: no "write" stands there' },
    },
    forward: {
      isOn: true,
      at: 'line 12 of policy.yaml',
      targets: [
        { to: { name: 'localhost' }, firstPort: 1, lastPort: 65_535 },
        { to: { range: { base: 3_232_235_776, bits: 24 } }, firstPort: 80, lastPort: 80 },
        { to: { name: 'fd00::1' }, firstPort: 1, lastPort: 1024 },
        { to: { name: 'printer.lan' }, firstPort: 9100, lastPort: 9100 },
        { to: { range: { base: 167_772_167, bits: 32 } }, firstPort: 22, lastPort: 22 },
      ],
    },
  })
  t.equal(judgeForward(policy, { host: 'fd00::1', port: 80, addresses: ['fd00::1'] }).isAllowed, true)
})

t.test('an empty file and sections that are absent leave what is usual', async t => {
  t.strictSame(parse(''), usual)
  t.strictSame(parse('# nothing\n'), usual)
  t.strictSame(parse('journal: off\n'), {
    ...usual,
    journal: { isOn: false, at: 'line 1 of policy.yaml: journal: off' },
  })
})

t.test('off closes a door, and the refusal names the line', async t => {
  const policy = parse('journal: on\nshell: off\ncopy: off\nforward: off\n')
  t.strictSame(judgeShell(policy, { command: [] }), {
    isAllowed: false,
    why: 'no shell is allowed on this device (line 2 of policy.yaml: shell: off)',
  })
  t.match(policy.copy.read, { isOn: false, at: 'line 3 of policy.yaml: copy: off' })
  t.match(policy.forward, { isOn: false, at: 'line 4 of policy.yaml: forward: off' })
})

t.test('on opens a door to where the device itself is', async t => {
  const policy = parsePolicy('shell: on\ncopy: on\n', 'f', usualPolicy({ allowShell: false }))
  t.match(judgeShell(policy, { command: ['id'] }), { isAllowed: true, user: 'root' })
  t.match(policy.copy.write, { isOn: true, paths: [''] })
  t.equal(policy.forward.isOn, false)
})

t.test('what is not known or not as it must be is an error with its line', async t => {
  for (const [text, message] of [
    ['shel: off', /line 1 of policy.yaml: found .*"shel".*; expected shell, journal, copy, forward/],
    ['shell: "off"', /line 1 of policy.yaml: found "off"; expected a mapping with users/],
    ['shell:\n', /line 1 of policy.yaml: found null/],
    ['shell:\n  user: [pi]', /line 2 of policy.yaml: found .*expected users, commands, detachedMinutes/],
    ['shell:\n  users: pi', /line 2 of policy.yaml: found "pi"; expected a list of names of accounts/],
    ['shell:\n  users:\n    - pi\n    - "a b"', /line 4 of policy.yaml: found "a b"/],
    ['shell:\n  detachedMinutes: 9999', /line 2 of policy.yaml: found 9999/],
    ['shell:\n  commands: [[]]', /expected a program, or a list of words/],
    ['journal: [ssh]', /line 1 of policy.yaml/],
    ['copy:\n  read: [var/log]', /line 2 of policy.yaml: found "var\/log"; expected absolute paths/],
    ['copy:\n  read: [/var/../etc]', /expected absolute paths/],
    ['forward: on', /line 1 of policy.yaml: found true; expected a list of HOST:PORT/],
    ['forward: [192.168.1.0/33:80]', /found "192.168.1.0\/33:80"/],
    ['forward: ["*:80"]', /found "\*:80"/],
    ['forward: [a:0]', /found "a:0"/],
    ['forward: [a:9-1]', /found "a:9-1"/],
    ['forward: [a:65536]', /found "a:65536"/],
    ['shell: off\nshell: on', /key "shell" at line 2 stands twice/],
    ['shell: off\n---\nshell: on', /more than one document/],
    ['shell: [', /line/],
  ] as const)
    await fails(t, () => parse(text), text === 'shell: [' ? 'BadRequest' : 'Malformed', message)
})

t.test('the policy that the documents show is one', async t => {
  const page = readFileSync(new URL('../../../docs/remote.md', import.meta.url), 'utf8')
  const [, text = ''] = /^```yaml\n(shell:[\s\S]*?)^```$/m.exec(page) ?? []
  const policy = parse(text)
  t.match(policy.shell, { isOn: true, users: { items: ['pi', 'root'] }, commands: { items: { length: 2 } } })
  t.match(policy.forward, { isOn: true, targets: { length: 3 } })
})
