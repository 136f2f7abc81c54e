import { Fault } from '../../../api/fault.ts'
import { formatYaml } from '../../../api/yaml.ts'
import type { Source } from '../overlay.ts'
import type { Changes, FileChange } from './change.ts'
import { editCmdline } from './cmdline.ts'
import { type LayoutName, layouts, type Shown } from './layout.ts'
import { cableConnection, hasNetwork, networkConfig, wifiConnection } from './network.ts'
import { firstRunFolder, firstRunScript, installScript, installUnit } from './scripts.ts'
import type { Wishes } from './wishes.ts'

/** A file that is put onto the card as it is. */
export interface Carried {
  readonly name: string
  readonly content: Source
}

export interface ChangesFor {
  readonly layout: LayoutName
  readonly shown: Shown
  readonly wishes: Wishes
  readonly packages: readonly Carried[]
  readonly images: readonly Carried[]
  /** Of this card alone: cloud-init does its work when it has not seen it before. */
  readonly instanceId: string
}

/**
 * All files that make a stock image a node that joins by itself. A decision: nothing is read or written.
 *
 * @throws Fault BadRequest for a wish that the image's system cannot be told
 * @example changesFor({ layout, shown, wishes, packages: [], images: [], instanceId: 'dunlin-1' }).files
 */
export const changesFor = (of: ChangesFor): Changes => {
  const { layout, packages, images } = of
  const { by } = layouts[layout]
  if (by !== 'agent' && !packages.some(one => one.name.startsWith('dunlin-agent')))
    throw new Fault(
      'BadRequest',
      `nothing was written: the image holds ${layout}, which has no agent yet. Give its package, dunlin-agent_….deb, and with it dunlin_….deb for the board: --package=FILE or --package=FOLDER`,
    )
  const own = means[by](of)
  const files = [
    ...own.files,
    ...(by === 'agent' ? [] : [{ path: 'dunlin/install.sh', content: installScript, says: 'installs the packages' }]),
    ...packages.map(({ name, content }) => ({ path: `dunlin/${name}`, content, says: 'a package' })),
    ...images.map(({ name, content }) => ({ path: `dunlin/images/${name}`, content, says: 'an image for containers' })),
    // Last: a card that has it has all the rest.
    { path: 'dunlin/join.json', content: joinFile(of), says: 'the token and the name, until the device has joined' },
  ]
  return { ...own, files }
}

const joinFile = ({ wishes, layout }: ChangesFor): string => {
  const { by } = layouts[layout]
  const secretFiles = [
    ...(by === 'cloud-init' && wishes.wifi?.passphrase !== undefined ? ['network-config'] : []),
    ...(by === 'firstrun' && wishes.wifi !== undefined ? [`${firstRunFolder}/dunlin-wifi.nmconnection`] : []),
  ]
  const join = {
    token: wishes.token,
    ...(wishes.hubs.length === 0 ? {} : { hub: wishes.hubs }),
    ...(wishes.name === undefined ? {} : { name: wishes.name }),
    ...(Object.keys(wishes.labels).length === 0 ? {} : { labels: wishes.labels }),
    ...(secretFiles.length === 0 ? {} : { secretFiles }),
  }
  return `${JSON.stringify(join, undefined, 2)}\n`
}

/** What the kernel is to be told in any case: without it a Pi gives pods no limits of memory. */
const kernelWords = (wishes: Wishes): readonly string[] => [
  'cgroup_enable=memory',
  ...(wishes.country === undefined ? [] : [`cfg80211.ieee80211_regdom=${wishes.country}`]),
]
const droppedWords = ['cgroup_disable=memory', 'cfg80211.ieee80211_regdom=']

const cmdlineChange = (of: ChangesFor, add: readonly string[], drop: readonly string[] = []): readonly FileChange[] =>
  of.shown.cmdline === ''
    ? []
    : [
        {
          path: 'cmdline.txt',
          content: editCmdline(of.shown.cmdline, {
            drop: [...droppedWords, ...drop],
            add: [...kernelWords(of.wishes), ...add],
          }),
          says: `the kernel's words, and: ${[...kernelWords(of.wishes), ...add].join(' ')}`,
        },
      ]

/** By what a system is told. */
const means: Record<'cloud-init' | 'firstrun' | 'agent', (of: ChangesFor) => Changes> = {
  'cloud-init': of => {
    const { layout, wishes, instanceId } = of
    const isEfi = layout === 'Debian cloud image'
    return {
      files: [
        ...cmdlineChange(of, [`ds=nocloud;i=${instanceId}`], ['ds=']),
        {
          path: 'meta-data',
          content: formatYaml({ 'instance-id': instanceId, ...(isEfi ? {} : { dsmode: 'local' }) }),
          says: 'that this is a new device',
        },
        { path: 'user-data', content: userData(of), says: 'host name, user, and how the agent is installed' },
        ...(hasNetwork(wishes)
          ? [
              {
                path: 'network-config',
                content: formatYaml(networkConfig(wishes, isEfi ? 'any' : 'eth0')),
                says: 'Wi-Fi and addresses',
              },
            ]
          : []),
      ],
      // cloud-init looks for its seed on a volume of this name.
      ...(isEfi ? { label: 'CIDATA' } : {}),
    }
  },
  firstrun: of => {
    const { wishes } = of
    const settings = {
      hostname: wishes.hostname,
      timezone: wishes.timezone,
      user: wishes.user,
      authorized_keys: wishes.sshKeys.length === 0 ? undefined : wishes.sshKeys.join('\n'),
      'dunlin-wifi.nmconnection': wifiConnection(wishes),
      'dunlin-cable.nmconnection': cableConnection(wishes),
    }
    return {
      files: [
        { path: 'firstrun.sh', content: firstRunScript, says: 'makes the settings the system’s, at the first start' },
        ...Object.entries(settings).flatMap(([name, text]) =>
          text === undefined ? [] : [{ path: `${firstRunFolder}/${name}`, content: `${text}\n`, says: 'a setting' }],
        ),
        { path: 'dunlin/dunlin-install.service', content: installUnit(of.layout), says: 'how the agent is installed' },
        ...cmdlineChange(
          of,
          [
            // Not /boot/firstrun.sh, which some of these systems rewrite on the way.
            'systemd.run=/boot/firmware/firstrun.sh',
            'systemd.run_success_action=reboot',
            'systemd.unit=kernel-command-line.target',
          ],
          ['systemd.run', 'systemd.unit='],
        ),
      ],
    }
  },
  agent: of => {
    const { wishes } = of
    const asked = [
      ...(hasNetwork(wishes) ? ['--wifi or --address'] : []),
      ...(wishes.user === undefined ? [] : ['--user']),
      ...(wishes.timezone === undefined ? [] : ['--timezone']),
    ]
    if (asked.length > 0)
      throw new Fault(
        'BadRequest',
        `nothing was written: this is an image of ours, which takes a name, a token, labels and images, and not ${asked.join(', ')}`,
      )
    return { files: cmdlineChange(of, []) }
  },
}

const userData = ({ layout, wishes }: ChangesFor): string => {
  const { hostname, user, sshKeys, timezone } = wishes
  const text = formatYaml({
    ...(hostname === undefined ? {} : { hostname, manage_etc_hosts: true, preserve_hostname: false }),
    ...(timezone === undefined ? {} : { timezone }),
    ...(user === undefined
      ? {}
      : {
          users: [
            {
              name: user,
              groups: 'adm,sudo',
              shell: '/bin/bash',
              lock_passwd: true,
              sudo: 'ALL=(ALL) NOPASSWD:ALL',
              ssh_authorized_keys: sshKeys,
            },
          ],
          ssh_pwauth: false,
        }),
    write_files: [
      { path: '/etc/systemd/system/dunlin-install.service', content: installUnit(layout), permissions: '0644' },
    ],
    runcmd: [
      ...(user === undefined ? [] : [['systemctl', 'enable', '--now', 'ssh.service']]),
      ['systemctl', 'daemon-reload'],
      ['systemctl', 'enable', '--now', '--no-block', 'dunlin-install.service'],
    ],
  })
  return `#cloud-config\n${text}`
}
