import type { DocumentTuple } from '../core/nodes/assignment.ts'
import { count, maybe, oneOf, type Parse, record, text, wholeNumber } from './parse.ts'
import type { Command, Held, HelloReply, HubNotice } from './payloads.ts'

const tuple: Parse<DocumentTuple> = record<DocumentTuple>({ incarnation: count, revision: count, term: count })

/** `''` where nothing is held. */
export const parseHeld: Parse<Held> = record<Held>({ tuple, digest: text(64, /^([0-9a-f]{64})?$/) })

/** RFC 3339, as Date.parse reads it. */
export const time: Parse<string> = text(40, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/)

const token = text(200, /^[\w.~-]+$/)

export const parseHelloReply: Parse<HelloReply> = record<HelloReply>({
  format: oneOf(1),
  nonce: text(64),
  hubTime: time,
  hubVersion: text(100),
  state: parseHeld,
  net: parseHeld,
})

export const parseNotice: Parse<HubNotice> = record<HubNotice>({
  format: oneOf(1),
  incarnation: count,
  term: count,
  hubTime: time,
  reconnectJitterSeconds: maybe(wholeNumber(0, 3600)),
})

const common = { format: oneOf<1>(1), id: text(64, /^[\w-]+$/), notAfter: time }

const byAction: { readonly [Action in Command['action']]: Parse<Extract<Command, { readonly action: Action }>> } = {
  dial: record<Extract<Command, { readonly action: 'dial' }>>({
    ...common,
    action: oneOf('dial'),
    url: text(500, /^wss:\/\//),
    token,
  }),
  renew: record<Extract<Command, { readonly action: 'renew' }>>({ ...common, action: oneOf('renew') }),
  telemetry: record<Extract<Command, { readonly action: 'telemetry' }>>({
    ...common,
    action: oneOf('telemetry'),
    periodSeconds: wholeNumber(1, 3600),
    forSeconds: wholeNumber(1, 86_400),
  }),
}

const actionOf = oneOf('dial', 'renew', 'telemetry')

export const parseCommand: Parse<Command> = (value, at) => {
  const { action } = record<Pick<Command, 'action'>>({ action: actionOf })(value, at)
  return byAction[action](value, at)
}
