import { Fault } from '../../api/fault.ts'

/** What a board said of itself. */
export interface Board {
  readonly machine: string
  readonly wordBits: number | undefined
  readonly uid: number
  readonly hasSudo: boolean
  readonly hasSystemd: boolean
  /** As /etc/os-release has them; empty where it has none. */
  readonly distribution: { readonly id: string; readonly version: string; readonly name: string }
  /** What dpkg calls the architecture; undefined: there is no dpkg. */
  readonly dpkg: string | undefined
  /** A folder of its own on the board, for what is brought there. */
  readonly folder: string
}

/**
 * Asks a board what it is. The words of the answer are ours; the values are taken as hostile. It is given to `sh` on
 * standard input, and nothing is put into it.
 */
export const lookScript = `
say() { printf 'dunlin %s=%s\\n' "$1" "$2"; }
say machine "$(uname -m)"
say bits "$(getconf LONG_BIT 2> /dev/null)"
say uid "$(id -u)"
command -v sudo > /dev/null && say sudo yes
[ -d /run/systemd/system ] && say systemd yes
if [ -r /etc/os-release ]; then
  . /etc/os-release
  say id "$ID"
  say version "$VERSION_ID"
  say name "$PRETTY_NAME"
fi
command -v dpkg > /dev/null && command -v apt-get > /dev/null && say dpkg "$(dpkg --print-architecture)"
umask 077
say folder "$(mktemp -d /tmp/dunlin-install.XXXXXX)"
`

/** A board that says more than this says it to waste our memory. */
const mostBytes = 64 * 1024

/**
 * What \`lookScript\` printed, whatever a login shell printed around it.
 *
 * @throws Fault Malformed when what must be there is not
 * @example parseBoard('dunlin machine=aarch64\ndunlin uid=0\ndunlin folder=/tmp/dunlin-install.Ab12Cd\n')
 */
export const parseBoard = (text: string): Board => {
  const said = new Map<string, string>()
  for (const [, name = '', value = ''] of text.slice(0, mostBytes).matchAll(/^dunlin ([a-z]+)=([^\r\n]{0,200})\r?$/gm))
    said.set(name, value)
  const machine = said.get('machine') ?? ''
  const folder = said.get('folder') ?? ''
  const uid = Number(said.get('uid') ?? Number.NaN)
  if (!/^\w{1,20}$/.test(machine) || !Number.isSafeInteger(uid) || !/^\/tmp\/dunlin-install\.\w{6}$/.test(folder))
    throw new Fault(
      'Malformed',
      'the board did not answer as a Linux system with a POSIX shell does: it must have uname, id and mktemp, and a /tmp that can be written',
      { machine, folder },
    )
  const bits = Number(said.get('bits'))
  const text80 = (name: string): string => (said.get(name) ?? '').replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 80)
  return {
    machine,
    wordBits: bits === 32 || bits === 64 ? bits : undefined,
    uid,
    hasSudo: said.get('sudo') === 'yes',
    hasSystemd: said.get('systemd') === 'yes',
    distribution: { id: text80('id'), version: text80('version'), name: text80('name') },
    dpkg: said.get('dpkg'),
    folder,
  }
}
