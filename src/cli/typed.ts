import { Fault } from '../api/fault.ts'
import type { KubeClient } from './kube-client.ts'
import { isShown, listAt } from './shown.ts'

/** What every object of the hub has; the hub's own schema vouches for the rest. */
const isObject = <T extends { readonly metadata: object }>(value: unknown): value is T =>
  isShown(value) && isShown(value['metadata'])

/** One object. @throws Fault Malformed when the answer is none; what the hub says otherwise */
export const fetchObject = async <T extends { readonly metadata: object }>(
  kube: KubeClient,
  path: string,
  signal: AbortSignal,
): Promise<T> => {
  const answer = await kube.request('GET', path, { signal })
  if (isObject<T>(answer)) return answer
  throw new Fault('Malformed', `the hub's answer for ${path} is not an object with metadata`)
}

/** The items of a list that are objects. */
export const fetchList = async <T extends { readonly metadata: object }>(
  kube: KubeClient,
  path: string,
  query: { readonly [name: string]: string | undefined },
  signal: AbortSignal,
): Promise<readonly T[]> => listAt(await kube.request('GET', path, { query, signal }), 'items').filter(isObject<T>)
