import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Fault } from '../../src/api/fault.ts'
import { version } from '../../src/lib/version.ts'
import { architectures } from '../packages/architectures.ts'
import { makeAgentPackage, makeBundles, makeProgramPackage } from '../packages/packages.ts'

/**
 * The packages of this checkout that a device needs, made in the folder `target`: not compressed, because the image
 * unpacks them at once. Resolves to their paths, each after those that it depends on.
 */
export const makeOwnPackages = async (target: string, seconds: number): Promise<readonly string[]> => {
  const architecture = architectures.find(one => one.name === 'arm64')
  if (architecture === undefined) throw new Fault('Internal', 'there is no architecture arm64')
  rmSync(target, { recursive: true, force: true })
  mkdirSync(target, { recursive: true })
  const work = mkdtempSync(join(tmpdir(), 'dunlin-image-'))
  try {
    const of = { work, target, seconds, compression: 'none', version } as const
    const inputs = await makeBundles(work)
    return [makeProgramPackage({ ...of, architecture, inputs }), makeAgentPackage(of)]
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Those of a folder. @throws Fault NotFound that names the missing one */
export const findOwnPackages = (folder: string): readonly string[] =>
  [`dunlin_${version}_arm64.deb`, `dunlin-agent_${version}_all.deb`].map(name => {
    const path = join(folder, name)
    if (existsSync(path)) return path
    throw new Fault('NotFound', `${path} is not there: npm run packages -- --target ${folder} makes it`, { path })
  })
