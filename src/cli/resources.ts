import { Fault } from '../api/fault.ts'
import type { Kind } from '../api/kind.ts'
import { allKinds } from '../api/kinds.ts'
import { nearestOf } from './parse-words.ts'

/**
 * The kind that a word means, as people write it: `pods`, `pod`, `po`, `Pod`, `deployments.apps`.
 *
 * @throws Fault BadRequest that names the nearest kind
 */
export const kindOfWord = (word: string): Kind => {
  const wanted = word.toLowerCase()
  const kind = allKinds.find(one =>
    [
      one.plural,
      one.singular,
      one.kind.toLowerCase(),
      ...one.shortNames,
      `${one.plural}.${one.group}`,
      `${one.singular}.${one.group}`,
    ].includes(wanted),
  )
  if (kind !== undefined) return kind
  const nearest = nearestOf(
    wanted,
    allKinds.flatMap(one => [one.plural, one.singular, ...one.shortNames]),
  )
  throw new Fault(
    'BadRequest',
    `the hub has no resource type "${word}"${nearest === undefined ? '' : `; did you mean ${nearest}?`}`,
  )
}

/** What `get all` shows. */
export const kindsOfCategory = (category: string): readonly Kind[] =>
  allKinds.filter(one => one.categories.includes(category))

/** The API path of a kind's collection, or of one object. `namespace` undefined: of all namespaces. */
export const pathOf = (kind: Kind, namespace: string | undefined, name?: string, subresource?: string): string => {
  const root = kind.group === '' ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`
  const within = kind.isNamespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : ''
  const at = name === undefined ? '' : `/${encodeURIComponent(name)}`
  return `${root}${within}/${kind.plural}${at}${subresource === undefined ? '' : `/${subresource}`}`
}

/** What a command's words name: one kind, and no, one or more names. */
export interface Named {
  readonly kind: Kind
  readonly name?: string
}

/**
 * Reads `pod web`, `pod/web`, `pods`, `deploy,svc`, `pod/a pod/b` and `pod a b`.
 *
 * @throws Fault BadRequest for a mixture of both forms
 * @example namedObjects(['deploy/web']) // [{ kind: Deployment, name: 'web' }]
 */
export const namedObjects = (words: readonly string[]): readonly Named[] => {
  const [first = '', ...others] = words
  if (words.some(word => word.includes('/'))) {
    return words.map(word => {
      const [type = '', name = '', ...more] = word.split('/')
      if (type === '' || name === '' || more.length > 0)
        throw new Fault('BadRequest', `"${word}" is not TYPE/NAME, as the other words are`)
      return { kind: kindOfWord(type), name }
    })
  }
  const kinds = first === 'all' ? kindsOfCategory('all') : first.split(',').map(kindOfWord)
  if (others.length === 0) return kinds.map(kind => ({ kind }))
  return kinds.flatMap(kind => others.map(name => ({ kind, name })))
}
