import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import type { Test } from 'tap'
import { readHubConfig } from '../../src/hub/config.ts'
import { startHub } from '../../src/hub/main.ts'
import { type Clock, systemClock } from '../../src/lib/clock.ts'
import { type Log, silentLog } from '../../src/lib/log.ts'

export const configOf = (folder: string, ...argv: readonly string[]) =>
  readHubConfig({
    argv: [
      '--data',
      folder,
      '--host',
      '127.0.0.1',
      '--advertise',
      '127.0.0.1',
      '--port',
      '0',
      '--mqtt-port',
      '0',
      ...argv,
    ],
    env: {},
    readFile: () => '',
    parseYaml: () => undefined,
  })

export interface Asked {
  readonly status: number
  readonly bytes: Buffer
  readonly text: string
  // Whatever JSON was answered; tests look into it with t.match.
  readonly body: Record<string, unknown>
}

/** A real hub on loopback (free ports unless `argv` says others), and its admin. */
export const aWholeHub = async (
  t: Test,
  folder: string,
  options: { argv?: readonly string[]; log?: Log; clock?: Clock } = {},
) => {
  const config = configOf(folder, ...(options.argv ?? []))
  const hub = await startHub(config, { log: options.log ?? silentLog, clock: options.clock ?? systemClock })
  t.teardown(() => hub.close())
  const read = (name: string) => readFileSync(`${folder}/keys/${name}`, 'utf8')
  const ca = read('ca.crt')
  const admin = { certificate: read('admin.crt'), key: read('admin.key') }
  const asAdmin = (method: string, path: string, body?: unknown) =>
    ask({ port: hub.apiPort, ca, by: admin, method, path, body })
  const joinToken = async (order: unknown = {}) => {
    const made = await asAdmin('POST', '/dunlin/v1/join-tokens', order)
    return String(made.body['token'])
  }
  /** Arguments for a hub on the same ports, after this one. */
  const samePorts = ['--port', String(hub.apiPort), '--mqtt-port', String(hub.mqttPort)]
  return { hub, ca, admin, asAdmin, joinToken, samePorts }
}

/** One HTTPS request on a connection of its own. */
export const ask = (of: {
  readonly port: number
  readonly ca: string
  readonly by?: { readonly certificate: string; readonly key: string } | undefined
  readonly token?: string
  readonly method: string
  readonly path: string
  readonly body?: unknown
}) =>
  new Promise<Asked>((resolve, reject) => {
    const tls = { ca: of.ca, cert: of.by?.certificate, key: of.by?.key, agent: false }
    const headers = {
      'content-type': 'application/json',
      ...(of.token === undefined ? {} : { authorization: `Bearer ${of.token}` }),
    }
    const target = { host: '127.0.0.1', port: of.port, path: of.path, method: of.method, headers, ...tls }
    const call = request(target, async answer => {
      const chunks: Buffer[] = []
      for await (const chunk of answer) chunks.push(chunk)
      const bytes = Buffer.concat(chunks)
      const text = bytes.toString('utf8')
      const isJson = answer.headers['content-type']?.includes('json') === true
      resolve({ status: answer.statusCode ?? 0, bytes, text, body: isJson ? JSON.parse(text) : {} })
    })
    call.once('error', reject)
    call.end(of.body === undefined ? undefined : JSON.stringify(of.body))
  })
