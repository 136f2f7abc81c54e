import { join } from 'node:path'
import { describeError, isFault } from '../../api/fault.ts'
import { readIfThere } from '../../lib/durable-file.ts'
import { enrolCheckPath, parseEnrolChecked, parseEnrolment } from '../../wire/enrolment.ts'
import { parseJoinToken } from '../../wire/join-token.ts'

/** How the hub answered when it was asked about this device. */
export type HubAnswer =
  | { readonly says: 'welcome'; readonly node?: string; readonly expires?: string; readonly hubTimeMs: number }
  /** It spoke, and does not let this device in. */
  | { readonly says: 'refused'; readonly why: string }
  /** Something answers there that is not the hub of the token or of the membership. */
  | { readonly says: 'another'; readonly why: string }
  | { readonly says: 'nothing'; readonly why: string }

/** What the machine knows of its hub, and what the hub knows of it. */
export type HubFacts =
  | { readonly by: 'nothing' }
  /** The state folder is not ours to read. */
  | { readonly by: 'unread'; readonly why: string }
  /** The token is no token: nothing was sent. */
  | { readonly by: 'mistyped'; readonly why: string }
  | { readonly by: 'token' | 'membership'; readonly addresses: readonly string[]; readonly answer: HubAnswer }

/**
 * Asks the hub whether it knows this device, by its membership or, where there is none, by the join token. Joins
 * nothing, uses no token up.
 */
export const hubFacts = async (of: {
  readonly stateFolder: string
  readonly token: string | undefined
  readonly signal: AbortSignal
}): Promise<HubFacts> => {
  const { token, signal } = of
  let kept: Buffer | undefined
  try {
    kept = await readIfThere(join(of.stateFolder, 'identity', 'membership.json'))
  } catch (error) {
    if (token === undefined) return { by: 'unread', why: describeError(error) }
  }
  try {
    if (kept !== undefined) {
      const { api, ca, certificate } = parseEnrolment(kept)
      return { by: 'membership', addresses: api, answer: await ask(api, { ca }, { certificate }, signal) }
    }
  } catch (error) {
    return { by: 'unread', why: describeError(error) }
  }
  if (token === undefined) return { by: 'nothing' }
  try {
    const { id, secret, pin, addresses } = parseJoinToken(token)
    return { by: 'token', addresses, answer: await ask(addresses, { pin }, { token: `${id}.${secret}` }, signal) }
  } catch (error) {
    return { by: 'mistyped', why: describeError(error) }
  }
}

const ask = async (
  addresses: readonly string[],
  trust: { readonly ca: string } | { readonly pin: string },
  of: { readonly certificate: string } | { readonly token: string },
  signal: AbortSignal,
): Promise<HubAnswer> => {
  const { postToHub } = await import('../../agent/identity/pinned-hub.ts')
  try {
    const said = await postToHub({ addresses, trust, path: enrolCheckPath, body: { format: 1, ...of }, signal })
    const { node, expires, hubTime } = parseEnrolChecked(said)
    return {
      says: 'welcome',
      hubTimeMs: Date.parse(hubTime),
      ...(node === undefined ? {} : { node }),
      ...(expires === undefined ? {} : { expires }),
    }
  } catch (error) {
    const why = describeError(error)
    if (isFault(error, 'Distrusted') || codesOf(error).some(code => strangeChain.has(code)))
      return { says: 'another', why }
    return isFault(error, 'Unauthorized', 'Forbidden') ? { says: 'refused', why } : { says: 'nothing', why }
  }
}

/** Node's codes for a certificate that another CA than the hub's has issued, or that names somebody else. */
const strangeChain = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_SIGNATURE_FAILURE',
  'ERR_TLS_CERT_ALTNAME_INVALID',
])

/** The codes of an error and of its causes. */
const codesOf = (error: unknown): readonly string[] =>
  error instanceof Error
    ? [...('code' in error && typeof error.code === 'string' ? [error.code] : []), ...codesOf(error.cause)]
    : []
