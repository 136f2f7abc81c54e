import t from 'tap'
import { noSupervisor, takeSupervisor } from '../../src/lib/supervisor.ts'

const told = (env: { [name: string]: string | undefined }) => {
  const texts: string[] = []
  return { supervisor: takeSupervisor(env, 42, (path, text) => texts.push(`${path} ${text}`)), texts, env }
}

t.test('without a service manager nobody is told anything', async t => {
  t.equal(told({}).supervisor, noSupervisor)
  t.equal(told({ NOTIFY_SOCKET: '' }).supervisor, noSupervisor)
  t.equal(told({ NOTIFY_SOCKET: 'vsock:2:1' }).supervisor, noSupervisor, 'a form that is not spoken here')
})

t.test('no child inherits the way to the service manager', async t => {
  const { env } = told({ NOTIFY_SOCKET: '/run/n', WATCHDOG_USEC: '9', WATCHDOG_PID: '42', PATH: '/bin' })
  t.strictSame(env, { PATH: '/bin' })
})

t.test('a start may take an hour; what runs gives three signs in the time of the unit', async t => {
  const { supervisor, texts } = told({ NOTIFY_SOCKET: '@n', WATCHDOG_USEC: '300000000', WATCHDOG_PID: '42' })
  supervisor.begun('starts')
  supervisor.running('runs')
  supervisor.beat()
  supervisor.stopping()
  t.equal(supervisor.beatEveryMs, 100_000)
  t.strictSame(texts, [
    '@n READY=1\nSTATUS=starts\nWATCHDOG_USEC=3600000000\nWATCHDOG=1',
    '@n STATUS=runs\nWATCHDOG_USEC=300000000\nWATCHDOG=1',
    '@n WATCHDOG=1',
    '@n STOPPING=1\nSTATUS=ends',
  ])
})

for (const [why, env] of [
  ['no watchdog is set', {}],
  ['the watchdog waits for another process', { WATCHDOG_USEC: '1000', WATCHDOG_PID: '7' }],
  ['its time is no time', { WATCHDOG_USEC: 'soon' }],
] as const)
  t.test(`where ${why}, no sign of life is given`, async t => {
    const { supervisor, texts } = told({ NOTIFY_SOCKET: '/run/n', ...env })
    supervisor.begun('starts')
    supervisor.beat()
    t.equal(supervisor.beatEveryMs, undefined)
    t.strictSame(texts, ['/run/n READY=1\nSTATUS=starts'])
  })
