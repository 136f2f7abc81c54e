import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { parseYaml } from '../../../src/api/yaml.ts'
import { wifiKey } from '../../../src/cli/flash/customise/network.ts'
import { folderOf } from '../../support/folder-of.ts'
import { damageOf, getFile, listFiles, makeStock, putFile, type StockName } from './an-image.ts'
import { carriedBy, publicKey, runFlash, token } from './run-flash.ts'

const folder = folderOf(t)
const carried = carriedBy(folder)
const wishes = [
  ...['--name', 'barn', '--label', 'dunlin.io/site=farm', '--timezone', 'Europe/Berlin', '--country', 'DE'],
  ...['--wifi', 'Grüner Hof', '--wifi-passphrase-env', 'PASS', '--user', 'ada', '--ssh-key', join(folder, 'id.pub')],
]
const env = { PASS: 'correct horse' }

const flash = async (t: Test, name: StockName, words: readonly string[] = wishes): Promise<string> => {
  const image = join(folder, `${name}.img`)
  const output = join(folder, `${name}-barn.img`)
  makeStock(image, name)
  const before = readFileSync(image)
  const done = await runFlash([image, '--output', output, '--yes', ...carried, ...words], env)
  t.equal(done.code, 0, done.notes)
  t.equal(damageOf(output), '', 'fsck.fat finds it clean')
  t.ok(readFileSync(image).equals(before), 'the image it was made from is as it was')
  return output
}
const textOf = (image: string, name: string): string => getFile(image, name).toString('utf8')
const yamlOf = (image: string, name: string): unknown => parseYaml(textOf(image, name))[0]?.value

for (const name of ['trixie', 'ubuntu'] as const)
  t.test(`${name}: cloud-init hears of host, user, network and agent by its own files`, async t => {
    const image = await flash(t, name)
    const cmdline = textOf(image, 'cmdline.txt')
    const instance = / ds=nocloud;i=(dunlin-[0-9a-f]{12})\n$/.exec(cmdline)?.[1]
    t.match(cmdline, / cgroup_enable=memory cfg80211\.ieee80211_regdom=DE ds=nocloud/)
    t.equal(cmdline.split('\n').length, 2, 'it stays one line')
    t.match(yamlOf(image, 'meta-data'), { 'instance-id': instance, dsmode: 'local' })
    t.match(textOf(image, 'user-data'), /^#cloud-config\n/)
    t.match(yamlOf(image, 'user-data'), {
      hostname: 'barn',
      timezone: 'Europe/Berlin',
      users: [{ name: 'ada', ssh_authorized_keys: [publicKey] }],
      write_files: [{ path: '/etc/systemd/system/dunlin-install.service' }],
    })
    t.match(yamlOf(image, 'network-config'), {
      version: 2,
      ethernets: { eth0: { dhcp4: true } },
      wifis: {
        wlan0: { 'access-points': { 'Grüner Hof': { password: wifiKey('Grüner Hof', 'correct horse') } } },
      },
    })
    t.match(JSON.parse(textOf(image, 'dunlin/join.json')), {
      token,
      name: 'barn',
      labels: { 'dunlin.io/site': 'farm' },
      secretFiles: ['network-config'],
    })
    t.ok(getFile(image, 'dunlin/dunlin_0.1.0_arm64.deb').equals(readFileSync(join(folder, 'dunlin_0.1.0_arm64.deb'))))
    if (name === 'ubuntu') return
    const checked = execFileSync('cloud-init', ['schema', '--config-file', userDataIn(image)], { encoding: 'utf8' })
    t.match(checked, /Valid cloud-config/)
  })

const userDataIn = (image: string): string => {
  const path = `${image}.user-data`
  writeFileSync(path, textOf(image, 'user-data'))
  return path
}

t.test('bookworm: firstrun.sh finds every wish in a file, and none in itself', async t => {
  const image = await flash(t, 'bookworm')
  t.match(
    textOf(image, 'cmdline.txt'),
    / rootwait quiet init=\S+firstboot cgroup_enable=memory \S+ systemd\.run=\/boot\/firmware\/firstrun\.sh systemd\.run_success_action=reboot systemd\.unit=kernel-command-line\.target\n$/,
  )
  t.equal(textOf(image, 'dunlin/first-run/hostname'), 'barn\n')
  t.equal(textOf(image, 'dunlin/first-run/authorized_keys'), `${publicKey}\n`)
  t.match(textOf(image, 'dunlin/first-run/dunlin-wifi.nmconnection'), `psk=${wifiKey('Grüner Hof', 'correct horse')}`)
  t.notMatch(textOf(image, 'firstrun.sh'), /barn|Berlin|Hof/)
  execFileSync('sh', ['-n', '-c', textOf(image, 'firstrun.sh')])
  execFileSync('sh', ['-n', '-c', textOf(image, 'dunlin/install.sh')])
})

t.test('a Debian cloud image finds its seed on the system partition', async t => {
  const image = await flash(t, 'efi', ['--name', 'barn'])
  t.match(listFiles(image), ['EFI/', 'EFI/BOOT/', 'EFI/BOOT/BOOTAA64.EFI', 'dunlin/'])
  t.match(textOf(image, 'user-data'), '/boot/efi/dunlin/install.sh')
  t.notOk(listFiles(image).includes('network-config'), 'its own network stays')
  t.strictSame(
    listFiles(image).filter(name => name.endsWith('.deb')),
    ['dunlin/dunlin-agent_0.1.0_all.deb', 'dunlin/dunlin_0.1.0_arm64.deb'],
  )
})

t.test('an image that brings the agent takes token and name, and nothing else', async t => {
  const image = join(folder, 'own.img')
  const output = join(folder, 'own-barn.img')
  makeStock(image, 'efi')
  execFileSync('mmd', ['-i', `${image}@@1048576`, '::dunlin'])
  putFile(image, 'dunlin/agent.txt', '0.1.0\n')
  const done = await runFlash([image, '-o', output, '--token', token, '--name', 'barn'])
  t.equal(done.code, 0, done.notes)
  t.strictSame(
    listFiles(output).filter(name => name.startsWith('dunlin/')),
    ['dunlin/', 'dunlin/agent.txt', 'dunlin/join.json'],
  )
  const refused = await runFlash([image, '-o', output, '--yes', '--token', token, '--timezone', 'UTC'])
  t.match([refused.code, refused.notes], [2, /takes a name, a token, labels and images, and not --timezone/])
})

t.test('what was customised is customised again as if it were new', async t => {
  const image = await flash(t, 'trixie')
  const again = join(folder, 'again.img')
  const done = await runFlash([image, '-o', again, ...carried, '--name', 'shed', '--country', 'AT'])
  t.equal(done.code, 0, done.notes)
  t.equal(damageOf(again), '')
  const cmdline = textOf(again, 'cmdline.txt')
  t.match(cmdline, /regdom=AT ds=nocloud;i=dunlin-\w+\n$/)
  t.equal(cmdline.match(/regdom|ds=|cgroup_enable/g)?.length, 3)
})

t.test('a compressed image is unpacked on the way, and nothing of it stays', async t => {
  const place = folderOf(t)
  const image = join(folder, 'packed.img')
  makeStock(image, 'bookworm')
  const bytes = readFileSync(image)
  writeFileSync(`${image}.gz`, gzipSync(bytes))
  writeFileSync(`${image}.zst`, zstdCompressSync(bytes))
  execFileSync('xz', ['-0', '--keep', image])
  for (const ending of ['gz', 'zst', 'xz']) {
    const output = join(place, `${ending}.img`)
    const done = await runFlash([`${image}.${ending}`, '-o', output, ...carried, '--name', 'barn'])
    t.equal(done.code, 0, done.notes)
    t.equal(damageOf(output), '')
  }
  t.strictSame(
    readdirSync(place).filter(name => !name.endsWith('.fat')),
    ['gz.img', 'xz.img', 'zst.img'],
  )
  writeFileSync(join(folder, 'torn.img.gz'), readFileSync(`${image}.gz`).subarray(0, 5000))
  writeFileSync(join(folder, 'torn.img.xz'), readFileSync(`${image}.xz`).subarray(0, 1000))
  for (const ending of ['gz', 'xz']) {
    const torn = await runFlash([join(folder, `torn.img.${ending}`), '-o', join(place, 'torn.img'), ...carried])
    t.match([torn.code, torn.notes], [2, new RegExp(`torn.img.${ending} cannot be unpacked \\(${ending}\\): .*end`)])
  }
  t.strictSame(
    readdirSync(place).filter(name => name.includes('torn') || name.includes('dunlin')),
    [],
  )
})

t.test('a dry run says what would be written, without any secret', async t => {
  const image = join(folder, 'dry.img')
  makeStock(image, 'trixie')
  const done = await runFlash([image, '--dry-run', ...carried, ...wishes], env)
  t.match(done.out, /^Raspberry Pi OS with cloud-init\n[\s\S]*dunlin\/join\.json +\d+[\s\S]*Nothing was written\.\n$/)
  t.notMatch(done.out + done.notes, /b{26}|correct horse/)
})

t.test('the key of a network is what WPA computes', async t => {
  // IEEE 802.11i, H.4.
  t.equal(wifiKey('IEEE', 'password'), 'f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e')
})
