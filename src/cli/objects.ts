import { parseBody } from '../api/body.ts'
import { describeError, Fault } from '../api/fault.ts'
import type { Kind } from '../api/kind.ts'
import { parseYaml } from '../api/yaml.ts'
import { readManifests } from './manifests.ts'
import { kindOfWord } from './resources.ts'
import { isShown, listAt, type Shown, textAt } from './shown.ts'

/** One object of a manifest file: what it is, and the manifest as it was written. */
export interface AppliedObject {
  readonly kind: Kind
  readonly name: string
  readonly namespace?: string
  readonly manifest: Shown
  readonly path: string
}

/**
 * Reads every object of every file, in order; a List is its items. Nothing is sent before all of them were read.
 *
 * @throws Fault BadRequest or Invalid that names the file, the document and what is wrong
 */
export const readObjects = async (
  paths: readonly string[],
  namespace: string | undefined,
): Promise<readonly AppliedObject[]> => {
  if (paths.length === 0)
    throw new Fault('BadRequest', 'which manifests? Name files or folders with -f, or - for standard input')
  const files = await readManifests(paths, process.stdin)
  const objects = files.flatMap(file => {
    try {
      return parseYaml(file.text).flatMap(({ value, duplicates }) => {
        if (duplicates.length > 0) throw new Fault('BadRequest', `duplicate ${duplicates.join(', duplicate ')}`)
        return objectsOf(value, file.path, namespace)
      })
    } catch (error) {
      throw new Fault('BadRequest', `${file.path}: ${describeError(error)}`, { path: file.path }, error)
    }
  })
  if (objects.length === 0) throw new Fault('BadRequest', `no object in ${paths.join(', ')}`)
  return objects
}

const objectsOf = (document: unknown, path: string, namespace: string | undefined): readonly AppliedObject[] => {
  if (!isShown(document))
    throw new Fault(
      'BadRequest',
      `a document is ${Array.isArray(document) ? 'a list' : typeof document}; expected an object with apiVersion and kind`,
    )
  if (textAt(document, 'kind')?.endsWith('List') === true && Array.isArray(document['items'])) {
    return listAt(document, 'items').flatMap(item => objectsOf(item, path, namespace))
  }
  // The hub judges again, strictly; judging here as well means that nothing is half applied.
  parseBody({
    bytes: Buffer.from(JSON.stringify(document)),
    contentType: 'application/json',
    fieldValidation: 'Strict',
  })
  const kind = kindOfWord(textAt(document, 'kind') ?? '')
  const name = textAt(document, 'metadata', 'name')
  if (name === undefined) throw new Fault('BadRequest', `a ${kind.kind} has no metadata.name`)
  const own = textAt(document, 'metadata', 'namespace')
  if (own !== undefined && namespace !== undefined && own !== namespace) {
    throw new Fault(
      'BadRequest',
      `${kind.singular} ${name} is in namespace ${own}, but --namespace=${namespace} was given`,
    )
  }
  const within = kind.isNamespaced ? (own ?? namespace) : undefined
  return [{ kind, name, manifest: document, path, ...(within === undefined ? {} : { namespace: within }) }]
}
