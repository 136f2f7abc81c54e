import { Fault } from '../../api/fault.ts'
import type { Pod } from '../../api/types.ts'

/**
 * The container that a request means: the one it names, or the only one.
 *
 * @throws Fault BadRequest in upstream's words
 */
export const containerOf = (pod: Pod, asked: string): string => {
  const containers = pod.spec?.containers ?? []
  const all = [...(pod.spec?.initContainers ?? []), ...containers].map(one => one.name)
  const name = pod.metadata.name ?? ''
  if (asked === '' && containers.length === 1) return containers[0]?.name ?? ''
  if (asked === '') {
    throw new Fault(
      'BadRequest',
      `a container name must be specified for pod ${name}, choose one of: [${all.join(' ')}]`,
    )
  }
  if (all.includes(asked)) return asked
  throw new Fault('BadRequest', `container ${asked} is not valid for pod ${name}: it has ${all.join(', ')}`)
}
