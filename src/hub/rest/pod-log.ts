import { Fault } from '../../api/fault.ts'
import type { Pod } from '../../api/types.ts'
import type { PodLogOptions } from '../ports.ts'
import type { ResourceRequest, Rest } from './api-request.ts'
import { containerOf } from './container-of.ts'
import type { HttpResponse } from './door.ts'
import { queryFlag, queryNumber } from './query.ts'
import { objectAt } from './read-objects.ts'

/** GET of `/log`: bytes as kubectl prints them. */
export const podLog = async (request: ResourceRequest, rest: Rest): Promise<HttpResponse> => {
  const pod: Pod = objectAt(request, rest)
  const { query, signal } = request.http
  const container = containerOf(pod, query.get('container') ?? '')
  const body = await rest.logs.open(pod, container, logOptions(query), signal)
  return { status: 200, headers: { 'content-type': 'text/plain' }, body }
}

/** k8s: PodLogOptions. @throws Fault BadRequest */
export const logOptions = (query: URLSearchParams): PodLogOptions => {
  const numbers = Object.fromEntries(
    (['tailLines', 'sinceSeconds', 'limitBytes'] as const).flatMap(name => {
      const value = queryNumber(query, name)
      return value === undefined ? [] : [[name, value]]
    }),
  )
  const sinceTime = query.get('sinceTime') ?? ''
  if (sinceTime !== '' && Number.isNaN(Date.parse(sinceTime))) {
    throw new Fault(
      'BadRequest',
      `sinceTime: Invalid value: ${JSON.stringify(sinceTime.slice(0, 80))}: must be an RFC 3339 time`,
    )
  }
  return {
    follow: queryFlag(query, 'follow'),
    previous: queryFlag(query, 'previous'),
    timestamps: queryFlag(query, 'timestamps'),
    ...numbers,
    ...(sinceTime === '' ? {} : { sinceTime }),
  }
}
