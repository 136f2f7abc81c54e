import { Fault } from '../../api/fault.ts'

/** A question as it came. */
export interface Query {
  readonly id: number
  /** In the case it was asked in, without the dot at the end. */
  readonly name: string
  readonly type: number
  readonly typeName: string
  readonly isRecursionDesired: boolean
  /** Where the question section ends. */
  readonly questionEnd: number
  /** What the client can take by UDP; 512 where it said nothing. */
  readonly mostBytes: number
  readonly hasEdns: boolean
}

export const typeNumbers: { readonly [name: string]: number } = {
  A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, MX: 15, TXT: 16, AAAA: 28, SRV: 33, OPT: 41, ANY: 255,
} // biome-ignore format: a table

const typeNames = new Map(Object.entries(typeNumbers).map(([name, number]) => [number, name]))

export const rcodes = { noError: 0, formErr: 1, servFail: 2, nxDomain: 3, notImp: 4 } as const

/** Larger answers by UDP are lost on too many paths. */
export const mostUdp = 1232

/**
 * Reads a question. Anything but one question of class IN in a standard query is refused.
 *
 * @throws {Fault} Malformed; `about.rcode` is what to answer, absent where the sender deserves no answer
 */
export const parseQuery = (bytes: Buffer): Query => {
  if (bytes.length < 12) throw new Fault('Malformed', `a DNS message of ${bytes.length} bytes, at least 12 expected`)
  const flags = bytes.readUInt16BE(2)
  if ((flags & 0x8000) !== 0) throw new Fault('Malformed', 'a DNS answer where a question was expected')
  if ((flags & 0x7800) !== 0) throw refused('another operation than a query', rcodes.notImp)
  if (bytes.readUInt16BE(4) !== 1) throw refused(`${bytes.readUInt16BE(4)} questions, one expected`, rcodes.formErr)
  const { name, end } = readName(bytes, 12)
  if (end + 4 > bytes.length) throw refused('the question is cut off', rcodes.formErr)
  const type = bytes.readUInt16BE(end)
  const dnsClass = bytes.readUInt16BE(end + 2)
  if (dnsClass !== 1 && dnsClass !== 255) throw refused(`class ${dnsClass}`, rcodes.notImp)
  const edns = findEdns(bytes, end + 4)
  return {
    id: bytes.readUInt16BE(0),
    name,
    type,
    typeName: typeNames.get(type) ?? String(type),
    isRecursionDesired: (flags & 0x0100) !== 0,
    questionEnd: end + 4,
    mostBytes: edns === undefined ? 512 : Math.min(mostUdp, Math.max(512, edns)),
    hasEdns: edns !== undefined,
  }
}

/** An answer without records, for what could not be answered. */
export const encodeFailure = (bytes: Buffer, rcode: number, questionEnd?: number): Buffer => {
  const end = questionEnd ?? 12
  const answer = Buffer.from(bytes.subarray(0, Math.max(12, end)))
  answer.writeUInt16BE(0x8080 | (answer.readUInt16BE(2) & 0x0100) | rcode, 2)
  answer.writeUInt16BE(questionEnd === undefined ? 0 : 1, 4)
  answer.fill(0, 6, 12)
  return answer
}

/** A question of our own, for upstream. */
export const encodeQuestion = (id: number, name: string, type: number): Buffer => {
  const labels = name.split('.').filter(label => label !== '')
  const parts = labels.flatMap(label => [
    Buffer.from([Buffer.byteLength(label, 'latin1')]),
    Buffer.from(label, 'latin1'),
  ])
  const header = Buffer.alloc(12)
  header.writeUInt16BE(id, 0)
  header.writeUInt16BE(0x0100, 2)
  header.writeUInt16BE(1, 4)
  return Buffer.concat([header, ...parts, Buffer.from([0, type >> 8, type & 0xff, 0, 1])])
}

/**
 * A name, following pointers, and where it ends in the place it was asked for.
 *
 * @throws {Fault} Malformed when it is longer than 255 bytes, points forward, or is cut off
 */
export const readName = (bytes: Buffer, from: number): { readonly name: string; readonly end: number } => {
  const labels: string[] = []
  let at = from
  let end: number | undefined
  let length = 0
  // A pointer only ever goes back, so this ends.
  for (let limit = from + 1; ; ) {
    const size = bytes[at]
    if (size === undefined) throw refused('a name is cut off', rcodes.formErr)
    if (size === 0) return { name: labels.join('.'), end: end ?? at + 1 }
    if (size >= 0xc0) {
      const low = bytes[at + 1]
      if (low === undefined) throw refused('a name is cut off', rcodes.formErr)
      const target = ((size & 0x3f) << 8) | low
      if (target >= limit - 1) throw refused('a name points forward', rcodes.formErr)
      end ??= at + 2
      limit = target + 1
      at = target
      continue
    }
    length += size + 1
    if (size > 63 || length > 254 || at + 1 + size > bytes.length)
      throw refused('a name is too long or cut off', rcodes.formErr)
    labels.push(bytes.toString('latin1', at + 1, at + 1 + size))
    at += size + 1
  }
}

export interface RawRecord {
  readonly name: string
  readonly type: number
  readonly ttl: number
  readonly ttlAt: number
  readonly from: number
  readonly end: number
}

/**
 * Where the records of an answer are.
 *
 * @throws {Fault} Malformed when it is cut off
 */
export const readRecords = (
  bytes: Buffer,
): { readonly answers: readonly RawRecord[]; readonly others: readonly RawRecord[] } => {
  if (bytes.length < 12) throw refused(`${bytes.length} bytes, at least 12 expected`, rcodes.formErr)
  let at = 12
  for (let count = bytes.readUInt16BE(4); count > 0; count -= 1) at = readName(bytes, at).end + 4
  const answers = bytes.readUInt16BE(6)
  const total = answers + bytes.readUInt16BE(8) + bytes.readUInt16BE(10)
  const records: RawRecord[] = []
  for (let index = 0; index < total; index += 1) {
    const { name, end } = readName(bytes, at)
    if (end + 10 > bytes.length) throw refused('a record is cut off', rcodes.formErr)
    const from = end + 10
    at = from + bytes.readUInt16BE(end + 8)
    if (at > bytes.length) throw refused('a record is cut off', rcodes.formErr)
    records.push({
      name,
      type: bytes.readUInt16BE(end),
      ttl: bytes.readUInt32BE(end + 4),
      ttlAt: end + 4,
      from,
      end: at,
    })
  }
  return { answers: records.slice(0, answers), others: records.slice(answers) }
}

const refused = (what: string, rcode: number): Fault =>
  new Fault('Malformed', `a DNS message that cannot be read: ${what}`, { rcode })

const findEdns = (bytes: Buffer, questionEnd: number): number | undefined => {
  if (bytes.readUInt16BE(10) === 0 || bytes.readUInt16BE(6) + bytes.readUInt16BE(8) > 0) return undefined
  // [RFC 6891] 6.1.2: root name, type OPT, class: the size
  const at = questionEnd
  if (at + 11 > bytes.length || bytes[at] !== 0 || bytes.readUInt16BE(at + 1) !== typeNumbers['OPT']) return undefined
  return bytes.readUInt16BE(at + 3)
}
