import type { ConfigMap, Secret } from '../../api/types.ts'
import type { Sources } from './env.ts'

/** The ConfigMaps and Secrets of an assignment, as they are looked up. */
export const sourcesOf = (configMaps: readonly ConfigMap[], secrets: readonly Secret[]): Sources => {
  const keyed = <T extends ConfigMap | Secret>(all: readonly T[]): ReadonlyMap<string, T> =>
    new Map(all.map(one => [`${one.metadata.namespace ?? ''}/${one.metadata.name ?? ''}`, one]))
  const [maps, hidden] = [keyed(configMaps), keyed(secrets)]
  return {
    configMap: (namespace, name) => maps.get(`${namespace}/${name}`),
    secret: (namespace, name) => hidden.get(`${namespace}/${name}`),
  }
}
