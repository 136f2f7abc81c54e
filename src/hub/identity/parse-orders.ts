import { Fault } from '../../api/fault.ts'
import { groups } from './caller.ts'
import type { TokenOrder } from './join-tokens.ts'
import { parseRecord } from './parse-record.ts'

/** What an admin may ask for a person or program: a client certificate. */
export interface UserOrder {
  readonly user: string
  readonly groups: readonly string[]
  readonly days: number
  /** URL of the API for the kubeconfig, where the hub's own idea of it is not the right one. */
  readonly server?: string
}

const mostDays = 3650

/** Groups that a certificate made on request may not carry: they are for nodes and the hub alone. */
const reserved: readonly string[] = [groups.nodes, groups.hub, groups.authenticated]
const name = /^[A-Za-z0-9](?:[A-Za-z0-9._:@-]{0,126}[A-Za-z0-9])?$/

/** @throws Fault Malformed, Invalid */
export const parseUserOrder = (body: Uint8Array): UserOrder => {
  const order = read(body, 'the order of a user', fields => {
    const server = fields.optional('server')
    const days = fields.member('days') ?? 365
    return {
      user: fields.text('user'),
      groups: fields.member('groups') === undefined ? [] : fields.list('groups', String),
      days: Number(days),
      ...(server === undefined ? {} : { server }),
    }
  })
  if (!name.test(order.user) || order.user.startsWith('system:'))
    throw invalid(
      'user',
      `found "${order.user.slice(0, 80)}"; expected letters, digits and ._:@-, not beginning with system:`,
    )
  const odd = order.groups.find(
    group => !name.test(group) || reserved.includes(group) || group.startsWith('system:node'),
  )
  if (odd !== undefined) throw invalid('groups', `"${odd.slice(0, 80)}" cannot be given to a user`)
  if (order.groups.length > 16) throw invalid('groups', `found ${order.groups.length}; at most 16`)
  if (!Number.isInteger(order.days) || order.days < 1 || order.days > mostDays)
    throw invalid('days', `found ${order.days}; expected 1 to ${mostDays} whole days`)
  if (order.server !== undefined && !/^https:\/\/[^\s"]{1,250}$/.test(order.server))
    throw invalid('server', 'expected an https URL')
  return order
}

/** @throws Fault Malformed */
export const parseTokenOrder = (body: Uint8Array): TokenOrder =>
  read(body, 'the order of a join token', fields => {
    const node = fields.optional('node')
    return {
      ttlSeconds: Number(fields.member('ttlSeconds') ?? 3600),
      labels: fields.member('labels') === undefined ? {} : fields.texts('labels'),
      allowShell: fields.flag('allowShell'),
      replace: fields.flag('replace'),
      ...(node === undefined ? {} : { node }),
    }
  })

const read = <T>(body: Uint8Array, what: string, parse: (fields: ReturnType<typeof parseRecord>) => T): T => {
  try {
    return parse(parseRecord(JSON.parse(Buffer.from(body).toString('utf8'))))
  } catch (error) {
    throw new Fault('Malformed', `${what} cannot be read: ${error instanceof Error ? error.message : error}`, {}, error)
  }
}

const invalid = (field: string, message: string): Fault =>
  new Fault('Invalid', `${field}: ${message}`, { causes: [{ reason: 'FieldValueInvalid', field, message }] })
