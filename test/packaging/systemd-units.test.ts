import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const folder = fileURLToPath(new URL('../../packaging/systemd/', import.meta.url))

/** `Key=value` lines of a unit, comments left out. */
const settingsOf = (name: string): ReadonlyMap<string, string> =>
  new Map(
    readFileSync(`${folder}${name}`, 'utf8')
      .split('\n')
      .filter(line => /^[A-Za-z]+=/.test(line))
      .map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )

/** systemd.exec(5): each of these gives the unit a mount namespace of its own, or takes something away that containers inherit. */
const ownMounts =
  /^(Private(Tmp|Devices|Mounts|Users|Network|IPC)|Protect\w+|Read(Only|Write)Paths|InaccessiblePaths|BindPaths|TemporaryFileSystem|RootDirectory|RootImage|MountFlags|RestrictNamespaces|DynamicUser|NoNewPrivileges|LockPersonality|RestrictRealtime|RestrictSUIDSGID|RestrictAddressFamilies|MemoryDenyWriteExecute|SystemCall\w+|CapabilityBoundingSet|DevicePolicy)$/

t.test('what makes pods sees and keeps the mounts and namespaces of the machine', async t => {
  const agent = settingsOf('dunlin-agent.service')
  t.strictSame(
    [...agent.keys()].filter(key => ownMounts.test(key)),
    [],
  )
  t.equal(agent.get('KillMode'), 'process', 'containers outlive it')
  t.equal(agent.get('Delegate'), 'yes')
  t.equal(agent.get('RuntimeDirectory'), 'dunlin')
  t.equal(agent.get('RuntimeDirectoryPreserve'), 'yes', 'the sandboxes of the pods stay')
  t.notMatch(agent.get('After'), /network-online/, 'pods start without a network')
})

t.test('what the card says is taken over before the agent starts, which reads it', async t => {
  const first = settingsOf('dunlin-first-boot.service')
  t.equal(first.get('Type'), 'oneshot')
  t.equal(first.get('Before'), 'dunlin-agent.service')
  const agent = readFileSync(`${folder}dunlin-agent.service`, 'utf8')
  const files = [...agent.matchAll(/^EnvironmentFile=-(.*)$/gm)].map(([, path]) => path)
  t.strictSame(files, ['/var/lib/dunlin/agent/first-boot.env', '/etc/default/dunlin-agent'], 'what a person wrote wins')
})

t.test('hub and agent are started again, however they ended, and are asked to drain', async t => {
  for (const name of ['dunlin-agent.service', 'dunlin-hub.service']) {
    const settings = settingsOf(name)
    t.equal(settings.get('Restart'), 'always', name)
    t.equal(settings.get('StartLimitIntervalSec'), '0', name)
    t.equal(settings.get('KillSignal'), 'SIGTERM', name)
    t.equal(settings.get('UMask'), '0077', name)
  }
})

t.test('hub and agent are watched, and a watchdog leaves no picture of their memory', async t => {
  for (const name of ['dunlin-agent.service', 'dunlin-hub.service']) {
    const settings = settingsOf(name)
    t.equal(settings.get('Type'), 'notify', name)
    t.match(settings.get('WatchdogSec'), /^\dmin$/, name)
    t.match(settings.get('LimitCORE'), /^0/, name)
    t.match(settings.get('MemoryMax'), /%$/, name)
  }
  t.equal(
    settingsOf('dunlin-agent.service').get('OOMPolicy'),
    'continue',
    'one process too many does not end the agent',
  )
})
