import { X509Certificate } from 'node:crypto'
import { Fault } from '../../api/fault.ts'
import type { Store } from '../store/store.ts'
import { fingerprintOf } from './certificates.ts'
import type { Credentials, HubKeys } from './keys.ts'
import type { NodeRegister } from './node-register.ts'
import type { UserOrder } from './parse-orders.ts'
import { parseRecord } from './parse-record.ts'
import { commitRecords, openRecords } from './records.ts'

/** A client certificate that was made for a person or program, under `/dunlin/users/<fingerprint>`. Never its key. */
export interface UserRecord {
  readonly format: 1
  readonly fingerprint: string
  readonly user: string
  readonly groups: readonly string[]
  /** RFC 3339 */
  readonly created: string
  readonly notAfter: string
}

export interface UserCertificates {
  /** @throws Fault TooManyRequests when there are 10,000 that have not ended */
  make(order: UserOrder): Promise<{ readonly credentials: Credentials; readonly record: UserRecord }>
  /** Those that have not ended and were not revoked. */
  list(): readonly UserRecord[]
  /** Revokes every certificate of that user, and resolves to how many. @throws Fault NotFound */
  revoke(user: string): Promise<number>
}

const day = 86_400_000
const mostUsers = 10_000
/** Revoked in one transaction; who has more is asked to come again. */
const mostAtOnce = 200

export const openUserCertificates = async (of: {
  readonly store: Store
  readonly keys: HubKeys
  readonly register: NodeRegister
  readonly now: () => number
  /** Called when all of it is durable. */
  readonly shutOut: (user: string) => void
}): Promise<UserCertificates> => {
  const records = await openRecords(of.store, '/dunlin/users/', parseUserRecord)
  const isOver = (one: UserRecord): boolean => of.now() >= Date.parse(one.notAfter)

  return {
    async make(order) {
      const notAfter = new Date(of.now() + order.days * day)
      const credentials = of.keys.makeClient({ name: order.user, groups: order.groups, notAfter })
      const fingerprint = fingerprintOf(new X509Certificate(credentials.certificate))
      const record: UserRecord = {
        format: 1,
        fingerprint,
        user: order.user,
        groups: order.groups,
        created: new Date(of.now()).toISOString(),
        notAfter: notAfter.toISOString(),
      }
      await commitRecords(of.store, () => {
        const over = records.list().filter(isOver)
        if (records.list().length - over.length >= mostUsers)
          throw new Fault(
            'TooManyRequests',
            `there are ${mostUsers} user certificates; revoke some that are not needed`,
          )
        const forgotten = over.slice(0, 50).map(one => records.remove(one.fingerprint))
        return { changes: [records.put(fingerprint, record), ...forgotten], result: undefined }
      })
      return { credentials, record }
    },
    list: () =>
      records
        .list()
        .filter(one => !isOver(one))
        .toSorted((a, b) => (a.created < b.created ? -1 : 1)),
    async revoke(user) {
      const at = new Date(of.now()).toISOString()
      const count = await commitRecords(of.store, () => {
        const found = records.list().filter(one => one.user === user)
        if (found.length === 0) throw new Fault('NotFound', `no certificate was made here for user "${user}"`, { user })
        const changes = found
          .slice(0, mostAtOnce)
          .flatMap(({ fingerprint: id }) => [
            of.register.revoked.put(id, { format: 1, id, subject: `user ${user}`, at, why: 'the user was removed' }),
            records.remove(id),
          ])
        return { changes, result: changes.length / 2 }
      })
      of.shutOut(user)
      return count
    },
  }
}

const parseUserRecord = (json: unknown): UserRecord => {
  const fields = parseRecord(json)
  return {
    format: fields.format(),
    fingerprint: fields.text('fingerprint'),
    user: fields.text('user'),
    groups: fields.list('groups', String),
    created: fields.text('created'),
    notAfter: fields.text('notAfter'),
  }
}
