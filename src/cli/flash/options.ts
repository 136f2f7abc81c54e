import type { Option } from '../command.ts'
import { common } from '../options.ts'

export const flashOptions: readonly Option[] = [
  { name: 'output', short: 'o', value: 'FILE', help: 'write the customised image to this file' },
  {
    name: 'device',
    value: 'DEVICE',
    help: 'write it to this card or USB device, e.g. sdb, and read it back (Linux, as root)',
  },
  { name: 'list', help: 'show the cards and USB devices that may be written' },
  { name: 'dry-run', help: 'say what would be written, and write nothing' },
  { name: 'yes', short: 'y', help: 'ask nothing' },
  {
    name: 'name',
    value: 'NAME',
    help: 'name of the node, and of the host (default: the host’s own, and four hex digits)',
  },
  { name: 'hostname', value: 'NAME', help: 'name of the host, where it differs from the node’s' },
  {
    name: 'token',
    value: 'TOKEN',
    help: 'a join token (default: one is made by the hub of the kubeconfig, for this name, good for --ttl)',
  },
  { name: 'ttl', value: 'TIME', help: 'how long the token that is made is good (default 168h)' },
  {
    name: 'hub',
    value: 'HOST:PORT',
    many: true,
    help: 'where the device reaches the hub, instead of as the token says',
  },
  { name: 'label', value: 'KEY=VALUE', many: true, help: 'a label of the node, e.g. dunlin.io/site=barn' },
  { name: 'wifi', value: 'NETWORK', help: 'join this Wi-Fi; needs --country' },
  { name: 'wifi-passphrase-env', value: 'NAME', help: 'the environment variable that holds its passphrase' },
  { name: 'country', value: 'CC', help: 'country whose rules the radio keeps, e.g. DE' },
  { name: 'user', value: 'NAME', help: 'a user who logs in with --ssh-key, and may use sudo' },
  { name: 'ssh-key', value: 'FILE', many: true, help: 'a public key of that user, e.g. ~/.ssh/id_ed25519.pub' },
  { name: 'timezone', value: 'ZONE', help: 'e.g. Europe/Berlin' },
  { name: 'address', value: 'ADDRESS/PREFIX', help: 'a static IPv4 address, e.g. 192.168.1.20/24; else by DHCP' },
  { name: 'gateway', value: 'ADDRESS', help: 'with --address: the router' },
  { name: 'dns', value: 'ADDRESS', many: true, help: 'with --address: a name server (default: the router)' },
  {
    name: 'package',
    value: 'PATH',
    many: true,
    help: 'a .deb or a folder of them: the agent’s, and all it depends on where there will be no network',
  },
  { name: 'arch', value: 'ARCH', help: 'which packages of a folder are taken: arm64 (default), armhf or amd64' },
  {
    name: 'image',
    value: 'FILE',
    many: true,
    help: 'an archive of container images that the device has from the start',
  },
  common.kubeconfig,
  common.context,
]
