import { parseSent, type SentTypes } from '../../api/body.ts'
import type { AccessRequest, AccessRules, Subject } from '../../core/access/access-rules.ts'
import { masters, rulesOf } from '../../core/access/access-rules.ts'
import { authorize } from '../../core/access/authorize.ts'
import type { Caller } from '../identity/caller.ts'
import { json, mostBodyBytes } from './api-request.ts'
import type { HttpRequest, HttpResponse } from './door.ts'

type Review = (request: HttpRequest, caller: Caller, rules: AccessRules) => Promise<HttpResponse>

/** Questions about rights: sent, answered and never stored. By `group/plural`. */
export const reviews: { readonly [resource: string]: Review } = {
  'authorization.k8s.io/selfsubjectaccessreviews': async (request, caller, rules) => {
    const review = await sent('SelfSubjectAccessReview', request)
    return answer(review, accessStatus(caller, review.spec, rules))
  },
  'authorization.k8s.io/subjectaccessreviews': async (request, _caller, rules) => {
    const review = await sent('SubjectAccessReview', request)
    return answer(review, accessStatus(subjectOf(review.spec), review.spec, rules))
  },
  'authorization.k8s.io/localsubjectaccessreviews': async (request, _caller, rules) => {
    const review = await sent('LocalSubjectAccessReview', request)
    return answer(review, accessStatus(subjectOf(review.spec), review.spec, rules))
  },
  'authorization.k8s.io/selfsubjectrulesreviews': async (request, caller, rules) => {
    const review = await sent('SelfSubjectRulesReview', request)
    return answer(review, rulesStatus(caller, review.spec.namespace ?? '', rules))
  },
  'authentication.k8s.io/selfsubjectreviews': async (request, caller) => {
    const review = await sent('SelfSubjectReview', request)
    const { user, groups, uid } = caller
    return answer(review, { userInfo: { username: user, groups, ...(uid === undefined ? {} : { uid }) } })
  },
}

const sent = async <K extends keyof SentTypes>(type: K, request: HttpRequest): Promise<SentTypes[K]> => {
  const bytes = await request.body(mostBodyBytes)
  const contentType = request.headers['content-type']
  const { object } = parseSent(type, { bytes, contentType, fieldValidation: 'Ignore' })
  const group = type === 'SelfSubjectReview' ? 'authentication.k8s.io' : 'authorization.k8s.io'
  return { ...object, kind: type, apiVersion: `${group}/v1` }
}

const answer = (review: object, status: unknown): HttpResponse => json({ ...review, status }, 201)

const subjectOf = (spec: { readonly user?: string; readonly groups?: readonly string[] }): Subject => ({
  user: spec.user ?? '',
  groups: spec.groups ?? [],
})

const accessStatus = (subject: Subject, spec: Asked, rules: AccessRules) => {
  const { isAllowed, reason } = authorize(subject, askedRequest(spec), rules)
  return { allowed: isAllowed, ...(reason === '' ? {} : { reason }) }
}

interface Asked {
  readonly resourceAttributes?: {
    readonly group?: string
    readonly name?: string
    readonly namespace?: string
    readonly resource?: string
    readonly subresource?: string
    readonly verb?: string
  }
  readonly nonResourceAttributes?: { readonly path?: string; readonly verb?: string }
}

const askedRequest = ({ resourceAttributes: of, nonResourceAttributes: other }: Asked): AccessRequest =>
  of === undefined
    ? { verb: other?.verb ?? '', path: other?.path ?? '' }
    : {
        verb: of.verb ?? '',
        group: of.group ?? '',
        resource: of.resource ?? '',
        subresource: of.subresource ?? '',
        name: of.name ?? '',
        namespace: of.namespace ?? '',
      }

const rulesStatus = (caller: Caller, namespace: string, rules: AccessRules) => {
  const held = [...rulesOf(caller, namespace, rules)].map(one => one.rule)
  const everything = [
    { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
    { nonResourceURLs: ['*'], verbs: ['*'] },
  ]
  const all = caller.groups.includes(masters) ? [...everything, ...held] : held
  return {
    resourceRules: all.filter(rule => rule.resources !== undefined),
    nonResourceRules: all.filter(rule => rule.nonResourceURLs !== undefined),
    incomplete: false,
  }
}
