import { duplicate, forbidden, immutable, required, ruled, tooLong } from '../causes.ts'
import { isEqual } from '../equal.ts'
import type { FaultCause } from '../fault.ts'
import { configKey } from '../names.ts'
import type { ConfigMap, Secret } from '../types.ts'
import { age, ageColumn, aKind, column, nameColumn, nameOf } from './a-kind.ts'

/** k8s: the bytes of all values together. */
const maxBytes = 1024 * 1024

export const configMapKind = aKind<ConfigMap>({
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  shortNames: ['cm'],
  isNamespaced: true,
  validate: (map, before) => [
    ...keyCauses('data', map.data),
    ...keyCauses('binaryData', map.binaryData),
    ...Object.keys(map.data ?? {})
      .filter(key => Object.hasOwn(map.binaryData ?? {}, key))
      .map(key => duplicate(`data[${key}]`, key)),
    ...sizeCauses([...Object.values(map.data ?? {}), ...Object.values(map.binaryData ?? {})]),
    ...immutableCauses(map, before, ['data', 'binaryData']),
  ],
  columns: [nameColumn, column('Data', 'Data contains the configuration data.'), ageColumn],
  cells: (map, now) => [
    nameOf(map),
    Object.keys(map.data ?? {}).length + Object.keys(map.binaryData ?? {}).length,
    age(map, now),
  ],
})

export const secretKind = aKind<Secret>({
  group: '',
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  isNamespaced: true,
  defaults: ({ stringData, ...secret }) => ({
    ...secret,
    type: secret.type || 'Opaque',
    ...(stringData === undefined ? {} : { data: { ...secret.data, ...encoded(stringData) } }),
  }),
  validate: (secret, before) => [
    ...keyCauses('data', secret.data),
    ...sizeCauses(Object.values(secret.data ?? {})),
    ...typeCauses(secret),
    ...(before !== undefined && before.type !== secret.type ? [immutable('type', secret.type)] : []),
    ...immutableCauses(secret, before, ['data']),
  ],
  selectableFields: secret => ({ type: secret.type ?? '' }),
  columns: [
    nameColumn,
    column('Type', 'Used to facilitate programmatic handling of secret data.'),
    column('Data', 'Data contains the secret data.'),
    ageColumn,
  ],
  cells: (secret, now) => [nameOf(secret), secret.type ?? '', Object.keys(secret.data ?? {}).length, age(secret, now)],
})

const encoded = (texts: { readonly [key: string]: string }): { readonly [key: string]: string } =>
  Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString('base64')]))

const keyCauses = (field: string, values: { readonly [key: string]: string } | undefined): readonly FaultCause[] =>
  Object.keys(values ?? {}).flatMap(key => ruled(`${field}[${key}]`, key, configKey))

const sizeCauses = (values: readonly string[]): readonly FaultCause[] =>
  values.reduce((sum, value) => sum + value.length, 0) > maxBytes * 1.4 ? [tooLong('data', maxBytes)] : []

/** Keys that a Secret of a known type must have (k8s: ValidateSecret). */
const keysOfType: ReadonlyMap<string, readonly string[]> = new Map([
  ['kubernetes.io/dockerconfigjson', ['.dockerconfigjson']],
  ['kubernetes.io/dockercfg', ['.dockercfg']],
  ['kubernetes.io/ssh-auth', ['ssh-privatekey']],
  ['kubernetes.io/tls', ['tls.crt', 'tls.key']],
])

const typeCauses = (secret: Secret): readonly FaultCause[] =>
  (keysOfType.get(secret.type ?? '') ?? [])
    .filter(key => !Object.hasOwn(secret.data ?? {}, key))
    .map(key => required(`data[${key}]`))

/** An object that is marked immutable stays as it is, and stays marked. */
const immutableCauses = <T extends { readonly immutable?: boolean }>(
  object: T,
  before: T | undefined,
  fields: readonly (keyof T & string)[],
): readonly FaultCause[] => {
  if (before?.immutable !== true) return []
  return [
    ...(object.immutable === true ? [] : [forbidden('immutable', 'field is immutable when `immutable` is set')]),
    ...fields
      .filter(field => !isEqual(object[field], before[field]))
      .map(field => forbidden(field, 'field is immutable when `immutable` is set')),
  ]
}
