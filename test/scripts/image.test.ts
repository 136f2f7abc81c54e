import t from 'tap'
import { parseOptions, parseTargets, publicSource, sourceLines } from '../../scripts/image/apt-source.ts'
import { systemFiles, systemLinks } from '../../scripts/image/system-files.ts'
import { diskBytes, diskParts, partitionScript, type Variant, variants } from '../../scripts/image/variant.ts'

const [generic] = variants as readonly [Variant, ...Variant[]]
const uuid = '01234567-89ab-4cde-8f01-23456789abcd'

t.test(
  'the parts of the disk follow one another on mebibytes, and leave room for the second copy of a GPT',
  async t => {
    let end = 0
    for (const part of diskParts()) {
      t.ok(part.startBytes >= end, `${part.name} begins after what is before it`)
      t.equal(part.startBytes % 2 ** 20, 0)
      end = part.startBytes + part.sizeBytes
    }
    t.equal(diskParts().at(-1)?.name, 'data', 'the data is last, because it grows')
    t.ok(end <= diskBytes - 2 ** 20)
    t.equal(Math.log2(diskBytes) % 1, 0, 'a power of two, as an emulated SD card must be')
  },
)

t.test('a Pi finds a FAT in an MBR, a board with UEFI finds its system partition in a GPT', async t => {
  t.matchOnly(
    partitionScript({ table: 'dos', uuid }),
    /^label: dos\nlabel-id: 0x01234567\nstart=2048, size=1048576, type=c, bootable\n/,
  )
  const gpt = partitionScript({ table: 'gpt', uuid })
  t.match(gpt, 'type=uefi, name=firmware, uuid=01234567-89ab-4cde-8f01-23456789abc1')
  t.equal(new Set(gpt.match(/uuid=\S+/g)).size, 3, 'every partition has an id of its own')
})

t.test('an image is built from the mirror that this machine uses, and fetches from Debian’s own', async t => {
  const own = parseTargets(
    'Debian|Debian|http://mirror.example/debian/\nDebian|Debian-Security|http://mirror.example/security\nOther|Debian|http://x/',
  )
  t.same(own, { debian: 'http://mirror.example/debian', security: 'http://mirror.example/security' })
  t.same(parseTargets(''), publicSource)
  const sources = systemFiles(generic, uuid).find(one => one.path === '/etc/apt/sources.list')?.text ?? ''
  t.match(sources, 'deb http://deb.debian.org/debian trixie main')
  t.match(sources, 'deb http://deb.debian.org/debian-security trixie-security main')
  t.equal(
    sourceLines({ source: own, suite: 'trixie', components: ['main'] })[2],
    'deb http://mirror.example/security trixie-security main',
  )
})

t.test('of apt’s settings only those that say how a mirror is reached go into a build', async t => {
  const lines = [
    'Acquire::http::Proxy "http://proxy.example:3128";',
    'Acquire::Check-Date "false";',
    'Acquire::Languages "none";',
    'APT::Update::Post-Invoke:: "rm -f /var/cache/apt/*.bin || true";',
  ]
  t.same(parseOptions(lines.join('\n')), lines.slice(0, 2))
})

t.test('the appliance keeps what is written often in memory', async t => {
  const text = (path: string): string => systemFiles(generic, uuid).find(one => one.path === path)?.text ?? ''
  t.match(text('/etc/fstab'), 'tmpfs /var/log tmpfs')
  t.match(text('/etc/fstab'), /^LABEL=root \/ ext4 noatime/m)
  t.match(text('/etc/systemd/journald.conf.d/dunlin.conf'), 'Storage=volatile')
  t.match(text('/etc/systemd/system/dunlin-agent.service.d/image.conf'), 'DUNLIN_STORE=memory')
  t.equal(systemLinks['/etc/systemd/system/apt-daily.timer'], '/dev/null')
})

t.test('no image carries the identity of the machine that built it', async t => {
  t.equal(systemFiles(generic, uuid).find(one => one.path === '/etc/machine-id')?.text, '')
  for (const variant of variants) t.notMatch(variant.kernelWords.join(' '), 'root=')
})
