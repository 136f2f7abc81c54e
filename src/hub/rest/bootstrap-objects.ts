import { isFault } from '../../api/fault.ts'
import type { ClusterRole, ClusterRoleBinding, KubeObject } from '../../api/types.ts'
import { builtInBindings, builtInRoles } from '../../core/access/built-in-roles.ts'
import { sameJson } from '../../lib/same-json.ts'
import type { Objects } from '../objects.ts'

/** k8s: the namespaces that every cluster has. */
const namespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease']

/** k8s: with `false` on a built-in role or binding, the hub leaves it as the operator made it. */
const autoUpdate = 'rbac.authorization.kubernetes.io/autoupdate'

/**
 * Makes what every hub has and this one lacks: its namespaces, RBAC's built-in roles and bindings. Those that are there
 * get the rules and subjects that they lack (a newer hub knows more kinds); what an operator added stays.
 */
export const bootstrapObjects = async (objects: Objects): Promise<void> => {
  await objects.synced()
  await Promise.all([
    ...namespaces.map(name => make(objects, 'Namespace', { metadata: { name } })),
    ...builtInRoles.map(role => makeOrComplete<ClusterRole>(objects, 'ClusterRole', role, withRules(role))),
    ...builtInBindings.map(binding =>
      makeOrComplete<ClusterRoleBinding>(objects, 'ClusterRoleBinding', binding, withSubjects(binding)),
    ),
  ])
}

const by = { fieldManager: 'dunlin' }

const make = async (objects: Objects, kind: string, object: KubeObject): Promise<void> => {
  if (objects.get(kind, { namespace: '', name: object.metadata.name ?? '' }) !== undefined) return
  try {
    await objects.create(kind, object, by)
  } catch (error) {
    if (!isFault(error, 'AlreadyExists')) throw error
  }
}

const makeOrComplete = async <T extends KubeObject>(
  objects: Objects,
  kind: string,
  wanted: T,
  complete: (now: T) => T,
): Promise<void> => {
  await make(objects, kind, wanted)
  const key = { namespace: '', name: wanted.metadata.name ?? '' }
  const change = (now: T): T | undefined =>
    now.metadata.annotations?.[autoUpdate] === 'false' ? undefined : complete(now)
  await objects.modify<T>(kind, key, change, by)
}

const withRules =
  ({ rules: wanted = [] }: ClusterRole) =>
  (now: ClusterRole): ClusterRole => ({ ...now, rules: withAll(now.rules, wanted) })

const withSubjects =
  ({ subjects: wanted = [] }: ClusterRoleBinding) =>
  (now: ClusterRoleBinding): ClusterRoleBinding => ({ ...now, subjects: withAll(now.subjects, wanted) })

const withAll = <T>(now: readonly T[] = [], wanted: readonly T[]): readonly T[] => [
  ...now,
  ...wanted.filter(one => !now.some(other => sameJson(one, other))),
]
