import { describeError, Fault } from '../api/fault.ts'
import { parseAddress } from '../wire/join-token.ts'

const timeoutMs = 60_000

/**
 * GETs a document that is too large for MQTT from the hub, with the node's certificate, from the first address that
 * answers.
 *
 * @throws Fault Unavailable when none does; Malformed when the body is larger than `mostBytes`
 */
export const fetchDocument = async (of: {
  readonly addresses: readonly string[]
  readonly tls: { readonly ca: string; readonly cert: string; readonly key: string; readonly servername: string }
  readonly path: string
  readonly mostBytes: number
}): Promise<Uint8Array> => {
  const failures: string[] = []
  for (const address of of.addresses) {
    const place = parseAddress(address)
    if (place === undefined) continue
    try {
      return await get(place, of)
    } catch (error) {
      if (error instanceof Fault && error.reason === 'Malformed') throw error
      failures.push(`${address}: ${describeError(error)}`)
    }
  }
  throw new Fault('Unavailable', `the document ${of.path} could not be fetched: ${failures.join('; ')}`)
}

const get = async (
  place: { readonly host: string; readonly port: number },
  of: Parameters<typeof fetchDocument>[0],
): Promise<Uint8Array> => {
  const { request } = await import('node:https')
  return await new Promise<Uint8Array>((resolve, reject) => {
    const call = request({ ...place, ...of.tls, path: of.path, agent: false, timeout: timeoutMs }, answer => {
      const chunks: Buffer[] = []
      let length = 0
      if (answer.statusCode !== 200) {
        answer.resume()
        reject(new Fault('Unavailable', `the hub answered with ${answer.statusCode}`))
        return
      }
      answer.on('data', (chunk: Buffer) => {
        length += chunk.length
        if (length <= of.mostBytes) chunks.push(chunk)
        else answer.destroy(new Fault('Malformed', `the document ${of.path} is larger than ${of.mostBytes} bytes`))
      })
      answer.once('error', reject)
      answer.once('end', () => resolve(Buffer.concat(chunks)))
    })
    call.once('timeout', () => call.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)))
    call.once('error', reject)
    call.end()
  })
}
