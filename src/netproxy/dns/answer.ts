import { isFault } from '../../api/fault.ts'
import type { DnsRecord, Zone } from '../../core/services/dns-zone.ts'
import type { Log } from '../../lib/log.ts'
import type { AnswerCache } from './answer-cache.ts'
import { encodeAnswer } from './encode-answer.ts'
import type { Query } from './message.ts'
import { encodeFailure, encodeQuestion, parseQuery, rcodes, readRecords, typeNumbers } from './message.ts'
import type { AskUpstream, Transport } from './upstream.ts'

/** Questions under way upstream. More are not answered: the client asks again. */
const mostUnderWay = 512

/**
 * Answers one question, or undefined where there is to be no answer. Names of the fleet are answered from the zone and never
 * forwarded; all others are the upstream servers' business.
 *
 * A name that exists without the type asked for is an empty answer, never "no such name": resolvers stop there.
 */
export type AnswerQuestion = (bytes: Buffer, transport: Transport) => Promise<Buffer | undefined>

export const answerQuestion = (of: {
  /** Undefined: names of the fleet are not known yet; who asks is left to ask again. */
  readonly zone: () => Zone | undefined
  /** Whether the name is the fleet's, also before its names are known. */
  readonly domain: string
  readonly upstream: () => Promise<readonly string[]>
  readonly ask: AskUpstream
  readonly cache: AnswerCache
  readonly random: () => number
  readonly log: Log
}): AnswerQuestion => {
  const underWay = new Map<string, Promise<Buffer | undefined>>()

  const forward = async (bytes: Buffer, transport: Transport): Promise<Buffer | undefined> => {
    for (const server of await of.upstream()) {
      try {
        const answer = await of.ask(server, bytes, transport)
        // Where one has trouble of its own, the next may know.
        if ((answer.readUInt16BE(2) & 0xf) !== rcodes.servFail) return answer
      } catch (error) {
        of.log.debug('a DNS server did not help', { server, error })
      }
    }
    return undefined
  }

  const fromElsewhere = async (bytes: Buffer, query: Query, transport: Transport): Promise<Buffer | undefined> => {
    const key = `${query.name.toLowerCase()} ${query.type} ${query.hasEdns} ${transport}`
    const cached = of.cache.get(key, { isStaleFine: false })
    if (cached !== undefined) return forClient(cached, bytes, query)
    if (!underWay.has(key)) {
      if (underWay.size >= mostUnderWay) return undefined
      const asking = forward(bytes, transport).finally(() => underWay.delete(key))
      underWay.set(key, asking)
    }
    const answer = await underWay.get(key)
    if (answer !== undefined) {
      try {
        of.cache.put(key, answer)
      } catch (error) {
        if (!isFault(error, 'Malformed')) throw error
        of.log.debug('an upstream answer that cannot be read is passed on and not kept', { name: query.name })
      }
      return forClient(answer, bytes, query)
    }
    const stale = of.cache.get(key, { isStaleFine: true })
    return stale === undefined
      ? encodeFailure(bytes, rcodes.servFail, query.questionEnd)
      : forClient(stale, bytes, query)
  }

  /** Addresses of a name elsewhere, for a Service that is only another name. */
  const addressesOf = async (name: string): Promise<readonly DnsRecord[]> => {
    const question = encodeQuestion(0, name, typeNumbers['A'] ?? 1)
    const answer = await fromElsewhere(question, parseQuery(question), 'udp')
    if (answer === undefined) return []
    return readRecords(answer)
      .answers.filter(one => one.type === typeNumbers['A'] && one.end - one.from === 4)
      .map(one => ({ type: 'A', name, address: [...answer.subarray(one.from, one.end)].join('.') }))
  }

  const fromZone = async (
    bytes: Buffer,
    query: Query,
    transport: Transport,
    zone: Zone,
  ): Promise<Buffer | undefined> => {
    const found = zone.find(query.name, query.typeName)
    if (found.answer === 'elsewhere') return fromElsewhere(bytes, query, transport)
    const records = found.answer === 'records' ? found.records : []
    const alias = records.find(one => one.type === 'CNAME')
    const followed = alias?.type === 'CNAME' && query.typeName === 'A' ? await follow(alias.target, zone) : []
    return encodeAnswer(bytes, query, {
      rcode: found.answer === 'absent' ? rcodes.nxDomain : rcodes.noError,
      records: [...(alias === undefined ? shuffled(records, of.random) : records), ...followed],
      additional: found.answer === 'records' ? found.additional : [],
      domain: zone.domain,
      isTruncatable: transport === 'udp',
    })
  }

  const follow = async (target: string, zone: Zone): Promise<readonly DnsRecord[]> => {
    const found = zone.find(target, 'A')
    if (found.answer === 'elsewhere') return addressesOf(target)
    return found.answer === 'records' ? found.records.filter(one => one.type === 'A') : []
  }

  return async (bytes, transport) => {
    let query: Query
    try {
      query = parseQuery(bytes)
    } catch (error) {
      if (!isFault(error, 'Malformed')) throw error
      const rcode = error.about['rcode']
      return typeof rcode === 'number' && bytes.length >= 12 ? encodeFailure(bytes, rcode) : undefined
    }
    const zone = of.zone()
    if (zone !== undefined) return fromZone(bytes, query, transport, zone)
    const name = query.name.toLowerCase()
    if (name === of.domain || name.endsWith(`.${of.domain}`)) return undefined
    return fromElsewhere(bytes, query, transport)
  }
}

/** An answer to another client's same question: its id, and the question in the letters it used. */
const forClient = (answer: Buffer, asked: Buffer, query: Query): Buffer => {
  const copy = Buffer.from(answer)
  asked.copy(copy, 0, 0, 2)
  if (copy.readUInt16BE(4) === 1 && copy.length >= query.questionEnd) asked.copy(copy, 12, 12, query.questionEnd)
  return copy
}

const shuffled = <Item>(items: readonly Item[], random: () => number): readonly Item[] => {
  const list = [...items]
  for (let last = list.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1))
    const [a, b] = [list[last], list[other]]
    if (a !== undefined && b !== undefined) [list[last], list[other]] = [b, a]
  }
  return list
}
