import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Material {
  readonly name: string
  readonly version: string
  readonly license: string
}

/**
 * The npm packages of which a bundle holds at least one file, from the bundler's own account.
 *
 * @param inputs paths relative to `root`, as the bundler names them
 * @throws Error when a package says neither its version nor its licence
 * @example materialsIn(Object.keys(metafile.inputs), root) // [{ name: 'aedes', version: '1.2.0', license: 'MIT' }, …]
 */
export const materialsIn = (inputs: readonly string[], root: string): readonly Material[] => {
  const folders = new Set<string>()
  for (const input of inputs) {
    const found = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(input)?.[0]
    if (found !== undefined) folders.add(found)
  }
  return [...folders].map(folder => materialAt(join(root, folder))).toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** What a package's folder says of itself. @throws Error when it does not say what it is */
export const materialAt = (folder: string): Material => {
  const said: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const { name, version, license } =
    typeof said === 'object' && said !== null
      ? { name: '', version: '', license: '', ...said }
      : { name: '', version: '', license: '' }
  if (name === '' || version === '' || license === '')
    throw new Error(`${folder}/package.json does not say its name, version and licence: look at it before it ships`)
  return { name, version, license }
}

/**
 * The bill as CycloneDX 1.5, sorted, without a time or serial number: the same parts make the same bytes.
 *
 * @example billOfMaterials({ name: 'dunlin', version: '0.1.0', materials })
 */
export const billOfMaterials = (of: {
  readonly name: string
  readonly version: string
  readonly materials: readonly Material[]
}): string =>
  `${JSON.stringify(
    {
      bomFormat: 'CycloneDX',
      specVersion: '1.5',
      version: 1,
      metadata: {
        component: {
          type: 'application',
          name: of.name,
          version: of.version,
          licenses: [{ license: { id: 'Apache-2.0' } }],
        },
      },
      components: of.materials.map(one => ({
        type: 'library',
        name: one.name,
        version: one.version,
        purl: `pkg:npm/${one.name.replace('@', '%40')}@${one.version}`,
        licenses: [{ expression: one.license }],
      })),
    },
    undefined,
    2,
  )}\n`
