import { readdirSync, readFileSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { DiskFacts } from './judge.ts'

/*
 *   /sys/block/*            every disk, and how it hangs on this machine
 *   /proc/self/mountinfo    what is mounted     ──> the disk under it, through partitions and mappings
 *   /proc/swaps             what is swapped to
 */

/** All disks of this Linux machine, as they are now. @throws the file system's error where there is no /sys */
export const readDisks = (): readonly DiskFacts[] => {
  const used = usedDisks()
  return readdirSync('/sys/block')
    .map(name => diskFacts(name, used))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

const diskFacts = (name: string, used: ReadonlyMap<string, readonly string[]>): DiskFacts => {
  const folder = `/sys/block/${name}`
  const read = (file: string): string => textOf(join(folder, file))
  const path = realpathSync(folder)
  return {
    name,
    // sysfs counts in sectors of 512 bytes, whatever the disk's own are.
    bytes: Number(read('size')) * 512,
    isRemovable: read('removable') === '1',
    isReadOnly: read('ro') === '1',
    isLoop: name.startsWith('loop'),
    bus: /\/usb\d/.test(path) ? 'usb' : /\/mmc_host\//.test(path) ? 'mmc' : 'other',
    model: [read('device/vendor'), read('device/model'), read('device/name')].filter(text => text !== '').join(' '),
    usedFor: used.get(name) ?? [],
    holders: [name, ...partitionsOf(name)].flatMap(part => namesIn(`/sys/class/block/${part}/holders`)),
  }
}

/** Disk -> what lies on it that is in use: `/ (mounted)`, `swap`. */
const usedDisks = (): ReadonlyMap<string, readonly string[]> => {
  const used = new Map<string, string[]>()
  const note = (device: string, what: string): void => {
    for (const disk of disksUnder(device)) used.set(disk, [...(used.get(disk) ?? []), what])
  }
  for (const line of textOf('/proc/self/mountinfo').split('\n')) {
    const [, , numbers = '', , place = ''] = line.split(' ')
    const source = line.split(' - ')[1]?.split(' ')[1] ?? ''
    const device = numbers.startsWith('0:')
      ? source.startsWith('/dev/')
        ? nameOf(source)
        : undefined
      : nameByNumber(numbers)
    if (device !== undefined) note(device, `mounted at ${place}`)
  }
  for (const line of textOf('/proc/swaps').split('\n').slice(1)) {
    const [path = ''] = line.split(/\s+/)
    if (path.startsWith('/dev/')) note(nameOf(path), 'swapped to')
  }
  return used
}

/** The whole disks that carry this partition or mapping. */
const disksUnder = (device: string, depth = 0): readonly string[] => {
  if (depth > 8) return []
  const below = namesIn(`/sys/class/block/${device}/slaves`)
  const own = diskOf(device)
  return [...(own === undefined ? [] : [own]), ...below.flatMap(one => disksUnder(one, depth + 1))]
}

const diskOf = (device: string): string | undefined => {
  try {
    const path = realpathSync(`/sys/class/block/${device}`)
    return textOf(join(path, 'partition')) === '' ? basename(path) : basename(dirname(path))
  } catch {
    // Gone meanwhile, or of another machine's naming.
    return undefined
  }
}

const nameOf = (path: string): string => {
  try {
    return basename(realpathSync(path))
  } catch {
    return basename(path)
  }
}

const nameByNumber = (numbers: string): string | undefined => {
  try {
    return basename(realpathSync(`/sys/dev/block/${numbers}`))
  } catch {
    return undefined
  }
}

const partitionsOf = (disk: string): readonly string[] =>
  namesIn(`/sys/block/${disk}`).filter(name => name.startsWith(disk))

const namesIn = (folder: string): readonly string[] => {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

const textOf = (path: string): string => {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return ''
  }
}
