import type { Pod } from '../../api/types.ts'
import type { Assignment } from '../../core/nodes/assignment.ts'
import type { Sources } from '../../core/pods/env.ts'
import { sourcesOf } from '../../core/pods/sources.ts'
import { canonicalJson } from '../../lib/canonical-json.ts'

/** One assignment, as it is looked up. */
export interface Desired {
  readonly assignment: Assignment
  readonly pods: ReadonlyMap<string, Pod>
  readonly sources: Sources
}

export const desiredOf = (assignment: Assignment): Desired => ({
  assignment,
  pods: new Map(assignment.pods.map(pod => [pod.metadata.uid ?? '', pod])),
  sources: sourcesOf(assignment.configMaps, assignment.secrets),
})

/**
 * Uids of the pods for which two assignments differ: entries that came, went or changed, and pods of a namespace whose
 * ConfigMaps or Secrets changed.
 */
export const changedPods = (before: Desired | undefined, after: Desired): readonly string[] => {
  if (before === undefined) return [...after.pods.keys()]
  const changed = new Set<string>()
  for (const uid of new Set([...before.pods.keys(), ...after.pods.keys()])) {
    const [old, now] = [before.pods.get(uid), after.pods.get(uid)]
    if (old === undefined || now === undefined || canonicalJson(old) !== canonicalJson(now)) changed.add(uid)
  }
  const [oldVersions, versions] = [versionsOf(before.assignment), versionsOf(after.assignment)]
  for (const [uid, pod] of after.pods) {
    const namespace = pod.metadata.namespace ?? ''
    if (oldVersions.get(namespace) !== versions.get(namespace)) changed.add(uid)
  }
  return [...changed]
}

const versionsOf = (assignment: Assignment): ReadonlyMap<string, string> => {
  const all = new Map<string, string>()
  for (const { metadata } of [...assignment.configMaps, ...assignment.secrets]) {
    const namespace = metadata.namespace ?? ''
    all.set(namespace, `${all.get(namespace) ?? ''} ${metadata.uid}@${metadata.resourceVersion}`)
  }
  return all
}
