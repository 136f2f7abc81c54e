import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { connect, isIP } from 'node:net'
import { Fault } from '../../api/fault.ts'
import { readIfThere } from '../../lib/durable-file.ts'

export type Transport = 'udp' | 'tcp'

/** An upstream server: `192.168.1.1` or, with a port, `192.168.1.1#5353`. */
export type AskUpstream = (server: string, query: Buffer, transport: Transport) => Promise<Buffer>

const timeoutMs = 2000

/**
 * Sends a question as it is, but for its id, from a port of its own, and takes only an answer to that question from that server.
 *
 * @throws {Fault} Timeout or Unavailable
 */
export const askUpstream: AskUpstream = (server, query, transport) => {
  const [host = '', port] = server.split('#')
  const to = { host, port: port === undefined ? 53 : Number(port) }
  const question = Buffer.from(query)
  question.writeUInt16BE(randomInt(0x10000), 0)
  return (transport === 'udp' ? byUdp(to, question) : byTcp(to, question)).then(answer => {
    const copy = Buffer.from(answer)
    query.copy(copy, 0, 0, 2)
    return copy
  })
}

const byUdp = (to: { readonly host: string; readonly port: number }, question: Buffer): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const socket = createSocket(isIP(to.host) === 6 ? 'udp6' : 'udp4')
    const end = (act: () => void): void => {
      clearTimeout(timer)
      socket.close()
      act()
    }
    const timer = setTimeout(
      () => end(() => reject(new Fault('Timeout', `DNS server ${to.host} did not answer in 2 s`))),
      timeoutMs,
    )
    socket.on('error', cause =>
      end(() => reject(new Fault('Unavailable', `DNS server ${to.host} cannot be asked`, {}, cause))),
    )
    socket.on('message', (answer, from) => {
      if (from.port === to.port && from.address === to.host && isAnswerTo(question, answer)) end(() => resolve(answer))
    })
    socket.send(question, to.port, to.host)
  })

const byTcp = (to: { readonly host: string; readonly port: number }, question: Buffer): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const socket = connect({ ...to, timeout: timeoutMs })
    const chunks: Buffer[] = []
    const end = (act: () => void): void => {
      socket.destroy()
      act()
    }
    socket.on('connect', () => {
      const size = Buffer.alloc(2)
      size.writeUInt16BE(question.length)
      socket.write(Buffer.concat([size, question]))
    })
    socket.on('data', chunk => {
      chunks.push(chunk)
      const all = Buffer.concat(chunks)
      if (all.length < 2 || all.length < 2 + all.readUInt16BE(0)) return
      const answer = all.subarray(2, 2 + all.readUInt16BE(0))
      end(() =>
        isAnswerTo(question, answer)
          ? resolve(answer)
          : reject(new Fault('Malformed', `DNS server ${to.host} answered another question`)),
      )
    })
    socket.on('timeout', () => end(() => reject(new Fault('Timeout', `DNS server ${to.host} did not answer in 2 s`))))
    socket.on('error', cause =>
      end(() => reject(new Fault('Unavailable', `DNS server ${to.host} cannot be asked`, {}, cause))),
    )
    socket.on('end', () => end(() => reject(new Fault('Unavailable', `DNS server ${to.host} hung up`))))
  })

/** Same id, an answer, the same question. */
const isAnswerTo = (question: Buffer, answer: Buffer): boolean => {
  if (
    answer.length < 12 ||
    answer.readUInt16BE(0) !== question.readUInt16BE(0) ||
    (answer.readUInt16BE(2) & 0x8000) === 0
  )
    return false
  if (answer.readUInt16BE(4) !== 1) return (answer.readUInt16BE(2) & 0xf) !== 0
  let end = 12
  while (question[end] !== undefined && question[end] !== 0) end += (question[end] ?? 0) + 1
  end += 5
  return question.toString('latin1', 12, end).toLowerCase() === answer.toString('latin1', 12, end).toLowerCase()
}

/**
 * The host's own DNS servers, but for those in `without`. Where it has only the stub of systemd-resolved, the servers behind it.
 */
export const hostUpstream = async (without: readonly string[]): Promise<readonly string[]> => {
  const read = async (path: string) =>
    [...((await readIfThere(path))?.toString('utf8') ?? '').matchAll(/^\s*nameserver\s+(\S+)/gm)]
      .map(match => match[1] ?? '')
      .filter(address => isIP(address) !== 0 && !without.includes(address))
  const own = await read('/etc/resolv.conf')
  if (!own.every(address => address === '127.0.0.53')) return own.slice(0, 3)
  const behind = await read('/run/systemd/resolve/resolv.conf')
  return (behind.length > 0 ? behind : own).slice(0, 3)
}
