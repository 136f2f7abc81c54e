import { createHash, timingSafeEqual } from 'node:crypto'
import { Fault } from '../../api/fault.ts'
import { labelValue, qualifiedName } from '../../api/names.ts'
import { formatJoinToken } from '../../wire/join-token.ts'
import type { Store } from '../store/store.ts'
import { randomBase32 } from './keys.ts'
import { nodeNameWrong } from './node-name.ts'
import { parseRecord } from './parse-record.ts'
import { commitRecords, openRecords, type RecordChange } from './records.ts'

export interface TokenOrder {
  readonly ttlSeconds: number
  /** The only name that may be taken with it. */
  readonly node?: string
  /** Labels of the node that joins; they win over what the device says of itself. */
  readonly labels?: { readonly [key: string]: string }
  /** Whether admins may later open a shell on the device itself. */
  readonly allowShell?: boolean
  /** The name `node` moves to the board that joins; the board that had it is shut out. */
  readonly replace?: boolean
}

/** A join token as lists show it, without its secret. */
export interface TokenRecord {
  readonly format: 1
  readonly id: string
  /** SHA-256 of the secret, hex. The secret has 130 random bits: nothing slower is needed. */
  readonly secretHash: string
  /** RFC 3339 */
  readonly created: string
  readonly expires: string
  readonly node?: string
  readonly labels: { readonly [key: string]: string }
  readonly allowShell: boolean
  readonly replace: boolean
  /** By whom it was used: node and SHA-256 of its key, hex. */
  readonly used?: { readonly node: string; readonly keyHash: string; readonly at: string }
}

export interface JoinTokens {
  /** A new token as one word. @throws Fault Invalid */
  create(order: TokenOrder): Promise<{ readonly text: string; readonly record: TokenRecord }>
  list(): readonly TokenRecord[]
  /** @throws Fault NotFound */
  remove(id: string): Promise<void>
  /** Cheap, for before anything of a stranger is verified. @throws Fault Unauthorized for an unknown id or secret */
  checkSecret(word: string): void
  /**
   * The token that `<id>.<secret>` names, if the key may use it: not used, or used by the same key.
   * @throws Fault Unauthorized that says whether it is unknown, expired or used
   */
  check(word: string, keyHash: string): TokenRecord
  /** The change that marks it as used. */
  use(record: TokenRecord, node: string, keyHash: string): RecordChange
  /** Deletes all open tokens for that node: it was removed. */
  voidFor(node: string): readonly RecordChange[]
}

const longestTtlSeconds = 366 * 86_400
const mostTokens = 1000
const day = 86_400_000
/** Used and expired tokens are kept so long, for the device whose answer was lost and for the one who wonders. */
const keptDays = 7

/**
 * One-use, expiring join tokens, in the store under `/dunlin/tokens/<id>`; at most 1000, then none can be made until
 * some are deleted or a week old.
 */
export const openJoinTokens = async (of: {
  readonly store: Store
  readonly now: () => number
  readonly randomBytes: (size: number) => Uint8Array
  /** What the tokens pin and where they lead. */
  readonly pin: string
  readonly addresses: () => readonly string[]
}): Promise<JoinTokens> => {
  const records = await openRecords(of.store, '/dunlin/tokens/', parseTokenRecord)
  const isStale = (one: TokenRecord) => of.now() > Date.parse(one.used?.at ?? one.expires) + keptDays * day

  const known = (word: string): TokenRecord => {
    const [id = '', secret = ''] = word.split('.')
    const record = records.get(id)
    if (record !== undefined && isSame(record.secretHash, hashOf(secret))) return record
    throw new Fault(
      'Unauthorized',
      `join token "${id.slice(0, 8)}" is not known here: deleted, mistyped, or of another hub`,
    )
  }

  return {
    async create(order) {
      checkOrder(order)
      const id = randomBase32(8, of.randomBytes)
      const secret = randomBase32(26, of.randomBytes)
      const record: TokenRecord = {
        format: 1,
        id,
        secretHash: hashOf(secret),
        created: new Date(of.now()).toISOString(),
        expires: new Date(of.now() + order.ttlSeconds * 1000).toISOString(),
        ...(order.node === undefined ? {} : { node: order.node }),
        labels: order.labels ?? {},
        allowShell: order.allowShell ?? false,
        replace: order.replace ?? false,
      }
      await commitRecords(of.store, () => {
        const stale = records.list().filter(isStale)
        if (records.list().length - stale.length >= mostTokens)
          throw new Fault('TooManyRequests', `there are ${mostTokens} join tokens; delete some first`)
        return {
          changes: [records.put(id, record), ...stale.slice(0, 50).map(one => records.remove(one.id))],
          result: undefined,
        }
      })
      return { text: formatJoinToken({ id, secret, pin: of.pin, addresses: of.addresses() }), record }
    },
    list: () => records.list().toSorted((a, b) => (a.created < b.created ? -1 : 1)),
    async remove(id) {
      await commitRecords(of.store, () => {
        if (records.get(id) === undefined) throw new Fault('NotFound', `join token "${id}" not found`, { id })
        return { changes: [records.remove(id)], result: undefined }
      })
    },
    checkSecret(word) {
      known(word)
    },
    check(word, keyHash) {
      const record = known(word)
      const { id } = record
      if (record.used !== undefined) {
        if (record.used.keyHash === keyHash) return record
        throw new Fault(
          'Unauthorized',
          `join token "${id}" was used at ${record.used.at} by node "${record.used.node}"; make a new one: dunlin join-token create`,
        )
      }
      if (of.now() > Date.parse(record.expires))
        throw new Fault(
          'Unauthorized',
          `join token "${id}" expired at ${record.expires}; make a new one: dunlin join-token create`,
        )
      return record
    },
    use: (record, node, keyHash) =>
      records.put(record.id, { ...record, used: { node, keyHash, at: new Date(of.now()).toISOString() } }),
    voidFor: node =>
      records
        .list()
        .filter(one => one.node === node || one.used?.node === node)
        .map(one => records.remove(one.id)),
  }
}

const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('hex')

const isSame = (a: string, b: string): boolean =>
  a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))

const checkOrder = (order: TokenOrder): void => {
  const { ttlSeconds } = order
  const invalid = (field: string, message: string) =>
    new Fault('Invalid', `join token: ${field}: ${message}`, {
      causes: [{ reason: 'FieldValueInvalid', field, message }],
    })
  if (!Number.isInteger(ttlSeconds) || ttlSeconds < 1 || ttlSeconds > longestTtlSeconds)
    throw invalid('ttlSeconds', `found ${ttlSeconds}; expected 1 to ${longestTtlSeconds} whole seconds`)
  if (order.replace === true && order.node === undefined)
    throw invalid('node', 'a token that replaces must name the node whose place is taken')
  const name = order.node === undefined ? undefined : nodeNameWrong(order.node)
  if (name !== undefined) throw invalid('node', name)
  for (const [key, value] of Object.entries(order.labels ?? {})) {
    const why = qualifiedName(key) ?? labelValue(value)
    if (why !== undefined) throw invalid(`labels[${key}]`, why)
  }
}

const parseTokenRecord = (json: unknown): TokenRecord => {
  const fields = parseRecord(json)
  const node = fields.optional('node')
  const used = usedOf(json)
  return {
    format: fields.format(),
    id: fields.text('id'),
    secretHash: fields.text('secretHash'),
    created: fields.text('created'),
    expires: fields.text('expires'),
    ...(node === undefined ? {} : { node }),
    labels: fields.texts('labels'),
    allowShell: fields.flag('allowShell'),
    replace: fields.flag('replace'),
    ...(used === undefined ? {} : { used }),
  }
}

const usedOf = (json: unknown): TokenRecord['used'] => {
  const used = typeof json === 'object' && json !== null && 'used' in json ? json.used : undefined
  if (used === undefined) return undefined
  const fields = parseRecord(used)
  return { node: fields.text('node'), keyHash: fields.text('keyHash'), at: fields.text('at') }
}
