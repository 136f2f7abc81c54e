import type { Pod } from '../../api/types.ts'
import { isReady, isTerminating, uidOf } from '../../core/workloads/pod-facts.ts'
import type { Controller, ControllerParts } from './controller.ts'

/**
 * Tells the log what becomes of each pod, so that one grep for its uid follows it through the hub, and through the
 * agent, which logs its steps with the same uid. Keeps nothing; only what changes for an operator is told.
 */
export const podStory = ({ objects, log }: Pick<ControllerParts, 'objects' | 'log'>): Controller => {
  let stop: () => void = () => {}
  return {
    start() {
      stop = objects.onChange<Pod>('Pod', ({ namespace, name }, now, before) => {
        const pod = now ?? before
        if (pod === undefined) return
        const facts = { uid: uidOf(pod), pod: `${namespace}/${name}` }
        for (const { message, ...more } of chapters(now, before)) log.info(message, { ...facts, ...more })
      })
    },
    async close() {
      stop()
    },
  }
}

type Chapter = { readonly message: string; readonly [fact: string]: unknown }

const chapters = (now: Pod | undefined, before: Pod | undefined): readonly Chapter[] => {
  if (now === undefined) return [{ message: 'a pod is gone' }]
  const node = now.spec?.nodeName ?? ''
  const phase = now.status?.phase
  return [
    ...(before === undefined ? [{ message: 'a pod was made' }] : []),
    ...(node !== '' && node !== (before?.spec?.nodeName ?? '') ? [{ message: 'a pod is bound', node }] : []),
    ...(before !== undefined && phase !== undefined && phase !== before.status?.phase
      ? [{ message: 'a pod has another phase', phase }]
      : []),
    ...(before !== undefined && isReady(now) !== isReady(before)
      ? [{ message: isReady(now) ? 'a pod is ready' : 'a pod is not ready' }]
      : []),
    ...(isTerminating(now) && (before === undefined || !isTerminating(before)) ? [{ message: 'a pod is to end' }] : []),
  ]
}
