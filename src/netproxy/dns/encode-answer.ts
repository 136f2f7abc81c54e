import type { DnsRecord } from '../../core/services/dns-zone.ts'
import type { Query } from './message.ts'
import { mostUdp, typeNumbers } from './message.ts'

export interface AnswerParts {
  readonly rcode: number
  readonly records: readonly DnsRecord[]
  readonly additional: readonly DnsRecord[]
  /** Whose start of authority is added where there is no record. */
  readonly domain: string
  readonly isTruncatable: boolean
}

/** Seconds that an answer of ours may be kept. */
const ttl = 5

/**
 * An answer from our own zone. By UDP as many records as the client can take; where some are left out it is marked
 * truncated, so that who can asks again by TCP, and who cannot has enough to work with.
 */
export const encodeAnswer = (bytes: Buffer, query: Query, parts: AnswerParts): Buffer => {
  const limit = parts.isTruncatable ? query.mostBytes : 65_535
  const writer = new MessageWriter(bytes.subarray(12, query.questionEnd), query)
  const room = limit - (query.hasEdns ? 11 : 0)
  let answers = 0
  let isCut = false
  for (const record of parts.records) {
    if (!writer.record(record, room)) {
      isCut = true
      break
    }
    answers += 1
  }
  const authority = parts.records.length === 0 && writer.startOfAuthority(parts.domain, room) ? 1 : 0
  let additional = 0
  for (const record of isCut ? [] : parts.additional) {
    if (!writer.record(record, room)) break
    additional += 1
  }
  if (query.hasEdns) {
    writer.edns()
    additional += 1
  }
  return writer.finish({ rcode: parts.rcode, answers, authority, additional, isCut, isAuthoritative: true })
}

/** Writes records behind the question; a name that was written before is a pointer to it. */
class MessageWriter {
  readonly #query: Query
  readonly #parts: Buffer[]
  #length: number
  readonly #seen = new Map<string, number>()

  constructor(question: Buffer, query: Query) {
    this.#query = query
    this.#parts = [Buffer.alloc(12), question]
    this.#length = 12 + question.length
    let at = 12
    const labels = query.name.toLowerCase().split('.')
    for (const [index, label] of labels.entries()) {
      this.#seen.set(labels.slice(index).join('.'), at)
      at += label.length + 1
    }
  }

  /** False, and nothing written, where it would not fit. */
  record(record: DnsRecord, room: number): boolean {
    return this.#all(room, () => {
      this.#name(record.name)
      this.#fixed(typeNumbers[record.type] ?? 0)
      this.#sized(() => {
        if (record.type === 'A') this.#write(Buffer.from(record.address.split('.').map(Number)))
        else if (record.type === 'SRV') {
          this.#write(Buffer.from([0, 0, 0, 100, record.port >> 8, record.port & 0xff]))
          // [RFC 2782] the target is not compressed
          this.#name(record.target, false)
        } else this.#name(record.target)
      })
    })
  }

  startOfAuthority(domain: string, room: number): boolean {
    return this.#all(room, () => {
      this.#name(domain)
      this.#fixed(typeNumbers['SOA'] ?? 6)
      this.#sized(() => {
        this.#name(`ns.dns.${domain}`)
        this.#name(`hostmaster.${domain}`)
        const numbers = Buffer.alloc(20)
        for (const [index, value] of [1, 7200, 1800, 86_400, ttl].entries()) numbers.writeUInt32BE(value, index * 4)
        this.#write(numbers)
      })
    })
  }

  edns(): void {
    this.#write(Buffer.from([0, 0, 41, mostUdp >> 8, mostUdp & 0xff, 0, 0, 0, 0, 0, 0]))
  }

  finish(of: {
    rcode: number
    answers: number
    authority: number
    additional: number
    isCut: boolean
    isAuthoritative: boolean
  }): Buffer {
    const header = this.#parts[0] ?? Buffer.alloc(12)
    header.writeUInt16BE(this.#query.id, 0)
    const asked = this.#query.isRecursionDesired ? 0x0100 : 0
    header.writeUInt16BE(0x8080 | asked | (of.isAuthoritative ? 0x0400 : 0) | (of.isCut ? 0x0200 : 0) | of.rcode, 2)
    for (const [index, count] of [1, of.answers, of.authority, of.additional].entries())
      header.writeUInt16BE(count, 4 + index * 2)
    return Buffer.concat(this.#parts)
  }

  #all(room: number, write: () => void): boolean {
    const [parts, length] = [this.#parts.length, this.#length]
    const seen = new Map(this.#seen)
    write()
    if (this.#length <= room) return true
    this.#parts.length = parts
    this.#length = length
    this.#seen.clear()
    for (const [name, at] of seen) this.#seen.set(name, at)
    return false
  }

  #fixed(type: number): void {
    this.#write(Buffer.from([type >> 8, type & 0xff, 0, 1, 0, 0, 0, ttl]))
  }

  #sized(write: () => void): void {
    const size = Buffer.alloc(2)
    this.#write(size)
    const from = this.#length
    write()
    size.writeUInt16BE(this.#length - from, 0)
  }

  #name(name: string, isShort = true): void {
    const labels = name.split('.')
    for (const [index, label] of labels.entries()) {
      const rest = labels.slice(index).join('.')
      const before = this.#seen.get(rest)
      if (isShort && before !== undefined) {
        this.#write(Buffer.from([0xc0 | (before >> 8), before & 0xff]))
        return
      }
      if (before === undefined && this.#length < 0x4000) this.#seen.set(rest, this.#length)
      this.#write(Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')]))
    }
    this.#write(Buffer.from([0]))
  }

  #write(bytes: Buffer): void {
    this.#parts.push(bytes)
    this.#length += bytes.length
  }
}
