import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a Debian package says of itself: fields of deb-control(5). */
export interface Control {
  readonly Package: string
  readonly Version: string
  readonly Architecture: string
  readonly Depends?: string
  readonly Recommends?: string
  readonly Description: string
  readonly Section?: string
}

/** Scripts of deb-postinst(5) and its like, by name. */
export type MaintainerScripts = { readonly [name in 'postinst' | 'prerm' | 'postrm']?: string }

/**
 * Packs the folder `tree` as a Debian package. The same tree makes the same bytes: owners are root, times are `seconds`.
 *
 * @param seconds since 1970, of every file
 * @throws Error with what dpkg-deb says
 * @example buildDeb({ tree, control, scripts: {}, conffiles: [], target: 'dist/dunlin_0.1.0_arm64.deb', seconds: 0, compression: 'xz' })
 */
export const buildDeb = (of: {
  readonly tree: string
  readonly control: Control
  readonly scripts: MaintainerScripts
  readonly conffiles: readonly string[]
  readonly target: string
  readonly seconds: number
  /** `none` for what is only unpacked by a test. */
  readonly compression: 'xz' | 'none'
}): void => {
  const folder = join(of.tree, 'DEBIAN')
  mkdirSync(folder, { recursive: true })
  const files = filesIn(of.tree).filter(path => !path.startsWith('DEBIAN/'))
  const kibibytes = Math.ceil(files.reduce((sum, path) => sum + lstatSync(join(of.tree, path)).size, 0) / 1024)
  writeFileSync(join(folder, 'control'), controlText({ ...of.control, 'Installed-Size': String(kibibytes) }))
  writeFileSync(
    join(folder, 'md5sums'),
    files
      .filter(path => lstatSync(join(of.tree, path)).isFile())
      .map(
        path =>
          `${createHash('md5')
            .update(readFileSync(join(of.tree, path)))
            .digest('hex')}  ${path}\n`,
      )
      .join(''),
  )
  if (of.conffiles.length > 0) writeFileSync(join(folder, 'conffiles'), `${of.conffiles.join('\n')}\n`)
  for (const [name, text] of Object.entries(of.scripts)) {
    writeFileSync(join(folder, name), text)
    chmodSync(join(folder, name), 0o755)
  }
  execFileSync('dpkg-deb', ['--root-owner-group', `-Z${of.compression}`, '--build', of.tree, of.target], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, SOURCE_DATE_EPOCH: String(of.seconds) },
  })
}

/** deb-control(5): a field a line; further lines of a value begin with a blank, an empty one is a dot. */
export const controlText = (fields: { readonly [name: string]: string | undefined }): string =>
  Object.entries({ Maintainer: 'The Dunlin authors <dunlin@localhost>', Priority: 'optional', ...fields })
    .filter((entry): entry is [string, string] => entry[1] !== undefined)
    .map(
      ([name, value]) =>
        `${name}: ${value
          .split('\n')
          .map((line, at) => (at === 0 ? line : ` ${line === '' ? '.' : line}`))
          .join('\n')}\n`,
    )
    .join('')

const filesIn = (root: string): readonly string[] =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter(entry => !entry.isDirectory())
    .map(entry => join(entry.parentPath, entry.name).slice(root.length + 1))
    .toSorted()
