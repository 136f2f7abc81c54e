import { type AccessRequest, type AccessRules, masters, ruleAllows, rulesOf, type Subject } from './access-rules.ts'

export interface AccessDecision {
  readonly isAllowed: boolean
  /** Which binding allows it; why not, where there is more to say than "nothing allows it". */
  readonly reason: string
}

/**
 * Whether the subject may do it, by RBAC's objects (k8s: RBAC only ever allows; what nothing allows is refused).
 *
 * @example authorize({ user: 'eva', groups: [] }, { verb: 'get', resource: 'pods', namespace: 'shop' }, rules).isAllowed
 */
export const authorize = (subject: Subject, request: AccessRequest, rules: AccessRules): AccessDecision => {
  if (subject.groups.includes(masters)) return { isAllowed: true, reason: `group ${masters}` }
  for (const { rule, because } of rulesOf(subject, request.namespace ?? '', rules)) {
    if (ruleAllows(rule, request)) return { isAllowed: true, reason: `RBAC: allowed by ${because}` }
  }
  return { isAllowed: false, reason: '' }
}

/** The sentence of a 403, in upstream's words. */
export const forbiddenText = (subject: Subject, request: AccessRequest, why = ''): string => {
  const end = why === '' ? '' : `: ${why}`
  if (request.path !== undefined)
    return `forbidden: User "${subject.user}" cannot ${request.verb} path "${request.path}"${end}`
  const { group = '', resource = '', subresource = '', name = '', namespace = '' } = request
  const of = group === '' ? resource : `${resource}.${group}`
  const what = name === '' ? of : `${of} "${name}"`
  const whole = subresource === '' ? resource : `${resource}/${subresource}`
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace "${namespace}"`
  return `${what} is forbidden: User "${subject.user}" cannot ${request.verb} resource "${whole}" in API group "${group}" ${where}${end}`
}
