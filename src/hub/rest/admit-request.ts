import type { AccessRequest } from '../../core/access/access-rules.ts'
import type { Caller } from '../identity/caller.ts'
import { accessRules, admitCaller, demand, impersonated } from './access-gate.ts'
import { accessOf } from './access-of.ts'
import type { Rest } from './api-request.ts'
import type { HttpRequest } from './door.ts'
import { parsePath, type ResourcePath, type Route } from './route.ts'

/** What was asked and by whom, for the audit: filled in as soon as it is known. */
export interface Audited {
  caller?: Caller
  access?: AccessRequest
  impersonatedBy?: string
  /** Absent: no resource. */
  at?: ResourcePath
}

/**
 * What a request for the Kubernetes API is about, and for whom it is done, when the caller may do it.
 *
 * @throws Fault Unauthorized | Forbidden | BadRequest
 */
export const admitRequest = (
  http: HttpRequest,
  rest: Pick<Rest, 'objects'>,
  audited: Audited,
): { readonly route: Route; readonly caller: Caller } => {
  audited.caller = http.caller
  const route = parsePath(http.path)
  const access = accessOf(http, route)
  audited.access = access
  if (route.route === 'resource') audited.at = route.at
  const rules = accessRules(rest.objects)
  const caller = impersonated(admitCaller(http.caller), http.headers, rules)
  audited.caller = caller
  if (caller.user !== http.caller.user) audited.impersonatedBy = http.caller.user
  demand(caller, access, rules)
  return { route, caller }
}

/** Who asks, for the record of streams. */
export const askerOf = <Http extends HttpRequest>(http: Http, audited: Audited) => ({
  http,
  ...(audited.impersonatedBy === undefined ? {} : { impersonatedBy: audited.impersonatedBy }),
})
