import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { getFiles, makeStock, type StockName } from '../cli/flash/an-image.ts'
import { carriedBy, publicKey, runFlash } from '../cli/flash/run-flash.ts'
import { folderOf } from '../support/folder-of.ts'
import { inScratchRoot } from './scratch-root.ts'

/** A customised card's boot partition, as the system finds it mounted. */
const bootOf = async (folder: string, name: StockName, words: readonly string[] = []): Promise<string> => {
  const image = join(folder, `${name}.img`)
  const output = join(folder, 'barn.img')
  const boot = join(folder, 'boot')
  makeStock(image, name)
  mkdirSync(boot)
  const carried = carriedBy(folder)
  const wishes = ['--name', 'barn', '--user', 'ada', '--ssh-key', join(folder, 'id.pub'), '--timezone', 'Asia/Tokyo']
  const wifi = ['--wifi', 'Grüner Hof', '--wifi-passphrase-env', 'PASS', '--country', 'DE']
  const done = await runFlash([image, '-o', output, ...carried, ...wishes, ...wifi, ...words], {
    PASS: 'correct horse',
  })
  if (done.code !== 0) throw new Error(done.notes)
  getFiles(output, boot)
  return boot
}

/** What both systems are to be afterwards. */
const look = `
cp /etc/hostname /etc/hosts /out/
cp "$(getent passwd ada | cut -d: -f6)/.ssh/authorized_keys" /out/
readlink /etc/localtime > /out/localtime
passwd --status ada > /out/passwd
cp /etc/systemd/system/dunlin-install.service /out/
`

t.test('cloud-init of Debian does what the card says', async t => {
  const folder = folderOf(t)
  const boot = await bootOf(folder, 'trixie')
  const out = inScratchRoot({
    folder,
    boot,
    act: `
mkdir -p /etc/cloud/cloud.cfg.d
cat > /etc/cloud/cloud.cfg.d/99-test.cfg <<END
locale: C.UTF-8
datasource_list: [NoCloud, None]
datasource: { NoCloud: { seedfrom: "file:///boot/firmware/", fs_label: null } }
END
rm -rf /var/lib/cloud /etc/cloud/cloud-init.disabled
for stage in 'init --local' init 'modules --mode=config' 'modules --mode=final'; do
  cloud-init $stage > "/out/log" 2>&1 || { cat /out/log >&2; exit 1; }
done
cp /run/cloud-init/result.json /out/
cp /var/lib/cloud/data/instance-id /out/
find /etc/netplan /etc/network/interfaces.d -name '*cloud-init*' -exec cp '{}' /out/network ';' 2> /dev/null
${look}`,
  })
  const read = (file: string): string => readFileSync(join(out, file), 'utf8')
  t.match(JSON.parse(read('result.json')), { v1: { errors: [], datasource: /NoCloud/ } })
  t.match(readFileSync(join(boot, 'cmdline.txt'), 'utf8'), `ds=nocloud;i=${read('instance-id').trim()}`)
  t.equal(read('hostname'), 'barn\n')
  t.match(read('authorized_keys'), publicKey)
  t.match(read('localtime'), 'Asia/Tokyo')
  t.match(read('passwd'), /^ada L/, 'nobody logs in with a password')
  t.match(read('dunlin-install.service'), 'ExecStart=/bin/sh /boot/firmware/dunlin/install.sh')
  t.match(read('systemctl'), /enable --now --no-block dunlin-install\.service/)
})

t.test('firstrun.sh makes the wishes the system’s, twice as once, and leaves no secret and no trace', async t => {
  const folder = folderOf(t)
  const boot = await bootOf(folder, 'bookworm')
  const before = readFileSync(join(boot, 'cmdline.txt'), 'utf8')
  const out = inScratchRoot({
    folder,
    boot,
    act: `
set -e
printf 'raspberrypi\\n' > /etc/hostname
printf '127.0.0.1\\tlocalhost\\n127.0.1.1\\traspberrypi\\n' > /etc/hosts
mkdir -p /var/lib/systemd/rfkill
echo 1 > /var/lib/systemd/rfkill/platform-soc:wlan
cp -R /boot/firmware /tmp/once
# The power fails at its end, and it runs again.
sh /tmp/once/firstrun.sh > /out/log 2>&1
sh /boot/firmware/firstrun.sh >> /out/log 2>&1
cp /etc/NetworkManager/system-connections/dunlin-wifi.nmconnection /var/lib/systemd/rfkill/platform-soc:wlan /out/
stat -c '%a' /etc/NetworkManager/system-connections/dunlin-wifi.nmconnection > /out/mode
${look}`,
  })
  const read = (file: string): string => readFileSync(join(out, file), 'utf8')
  t.equal(read('hostname'), 'barn\n')
  t.equal(read('hosts'), '127.0.0.1\tlocalhost\n127.0.1.1\tbarn\n')
  t.match(read('authorized_keys'), publicKey)
  t.match(read('localtime'), 'Asia/Tokyo')
  t.match(read('passwd'), /^ada L/)
  t.match(read('dunlin-wifi.nmconnection'), 'ssid=71;114;195;188;110;101;114;32;72;111;102;')
  t.equal(read('mode'), '600\n')
  t.equal(read('platform-soc:wlan'), '0\n', 'the radio is switched on')
  t.match(read('systemctl'), /^enable ssh\nenable dunlin-install\.service\n/)

  const after = readFileSync(join(boot, 'cmdline.txt'), 'utf8')
  t.equal(after.length, before.length, 'written in its place')
  t.equal(after.trim(), before.replaceAll(/ systemd\.\S+/g, '').trim())
  t.notOk(existsSync(join(boot, 'firstrun.sh')))
  t.notOk(existsSync(join(boot, 'dunlin/first-run')))
  t.ok(statSync(join(boot, 'dunlin/join.json')).size > 0, 'the token stays until the device has joined')
})
