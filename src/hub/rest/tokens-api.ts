import { parseSent } from '../../api/body.ts'
import { describeError, isFault } from '../../api/fault.ts'
import type { ServiceAccountTokens } from '../identity/service-account-tokens.ts'
import { json, mostBodyBytes, type ResourceRequest, type Rest } from './api-request.ts'
import type { HttpRequest, HttpResponse } from './door.ts'
import { objectAt } from './read-objects.ts'

/** k8s: what a TokenRequest without a duration gets. */
const usualSeconds = 3600

/** POST to `serviceaccounts/NAME/token`. */
export const requestToken = async (request: ResourceRequest, rest: Rest): Promise<HttpResponse> => {
  const account = objectAt(request, rest)
  const review = await sent('TokenRequest', request.http)
  const { namespace = '', name = '', uid = '' } = account.metadata
  const { audiences = [], expirationSeconds = usualSeconds } = review.spec ?? {}
  const status = rest.serviceAccounts.issue({ namespace, name, uid, expirationSeconds, audiences })
  return json({ ...review, metadata: { ...review.metadata, name, namespace }, status }, 201)
}

/** POST of a TokenReview: whose token is it? */
export const reviewToken = async (http: HttpRequest, tokens: ServiceAccountTokens): Promise<HttpResponse> => {
  const review = await sent('TokenReview', http)
  return json({ ...review, status: tokenStatus(review.spec.token, tokens) }, 201)
}

const tokenStatus = (token: string, tokens: ServiceAccountTokens) => {
  try {
    const { user, groups, uid } = tokens.verify(token)
    return { authenticated: true, user: { username: user, groups, ...(uid === undefined ? {} : { uid }) } }
  } catch (error) {
    if (!isFault(error, 'Unauthorized', 'Malformed')) throw error
    return { authenticated: false, error: describeError(error) }
  }
}

const sent = async <K extends 'TokenRequest' | 'TokenReview'>(type: K, http: HttpRequest) => {
  const bytes = await http.body(mostBodyBytes)
  const { object } = parseSent(type, { bytes, contentType: http.headers['content-type'], fieldValidation: 'Ignore' })
  return { ...object, kind: type, apiVersion: 'authentication.k8s.io/v1' }
}
