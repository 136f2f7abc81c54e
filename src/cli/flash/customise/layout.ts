import { Fault } from '../../../api/fault.ts'
import type { FatVolume } from '../fat/volume.ts'

/** What kind of system an image holds, as its boot partition shows. */
export type LayoutName = keyof typeof layouts

/** Where the boot partition is mounted, and by what the system is told what to do at its first boot. */
export const layouts = {
  'Raspberry Pi OS with cloud-init': { boot: '/boot/firmware', by: 'cloud-init' },
  'Raspberry Pi OS with firstrun.sh': { boot: '/boot/firmware', by: 'firstrun' },
  'Debian or Ubuntu for the Pi with cloud-init': { boot: '/boot/firmware', by: 'cloud-init' },
  'Debian cloud image': { boot: '/boot/efi', by: 'cloud-init' },
  'Dunlin image': { boot: '/boot/firmware', by: 'agent' },
} as const satisfies Record<string, { readonly boot: string; readonly by: 'cloud-init' | 'firstrun' | 'agent' }>

/** What of the boot partition tells the layouts apart. */
export interface Shown {
  /** Names in the root folder, in lower case; folders with a `/` behind. */
  readonly names: ReadonlySet<string>
  readonly metaData: string
  readonly cmdline: string
  readonly hasAgent: boolean
}

export const showLayout = (fat: Pick<FatVolume, 'list' | 'read'>): Shown => ({
  names: new Set(fat.list()?.map(name => name.toLowerCase())),
  metaData: fat.read('meta-data')?.toString('utf8') ?? '',
  cmdline: fat.read('cmdline.txt')?.toString('utf8') ?? '',
  hasAgent: fat.read('dunlin/agent.txt') !== undefined,
})

/**
 * Decides by what lies on the boot partition, not by asking.
 *
 * @throws Fault Machine for a system that has no way to be told, with one that has
 * @example layoutOf(showLayout(fat)) // 'Raspberry Pi OS with cloud-init'
 */
export const layoutOf = (shown: Shown): LayoutName => {
  const has = (name: string): boolean => shown.names.has(name)
  if (shown.hasAgent) return 'Dunlin image'
  if (has('meta-data') || has('user-data'))
    return shown.metaData.includes('rpios-image') || has('issue.txt')
      ? 'Raspberry Pi OS with cloud-init'
      : 'Debian or Ubuntu for the Pi with cloud-init'
  if (has('sysconf.txt'))
    throw cannot(
      'Debian for the Pi without cloud-init, which reads no more than a password and a host name from sysconf.txt',
    )
  if (has('cmdline.txt') && has('config.txt')) return 'Raspberry Pi OS with firstrun.sh'
  if (has('efi/')) return 'Debian cloud image'
  throw cannot(`a system that is not known (${[...shown.names].toSorted().slice(0, 8).join(', ') || 'nothing'})`)
}

const cannot = (what: string): Fault =>
  new Fault(
    'Machine',
    `the image holds ${what}. Take Raspberry Pi OS (trixie or bookworm), Debian or Ubuntu for the Pi with cloud-init, or a Debian cloud image`,
  )
