import { request } from 'node:https'
import { connect } from 'node:tls'
import { MqttClient } from 'mqtt'
import { hubServerName } from '../../src/wire/enrolment.ts'
import { nodeTopic } from '../../src/wire/topic-names.ts'
import type { Credentials } from './forge.ts'

export interface Stranger {
  /** Who tries, in words. */
  readonly who: string
  readonly credentials: Credentials | undefined
  /** The node that it says it is. */
  readonly node: string
}

export interface Doors {
  readonly host: string
  readonly mqttPort: number
  readonly apiPort: number
  readonly ca: string
  readonly fleet: string
}

/**
 * Tries every door of the hub as somebody who must not pass: the broker, and the API.
 *
 * @returns `admitted`: what it got, which must be nothing; `refused`: how many doors said no in their own words. A hub
 *   that is down says nothing.
 */
export const tryDoors = async (
  stranger: Stranger,
  doors: Doors,
): Promise<{ readonly admitted: readonly string[]; readonly refused: number }> => {
  const [broker, api] = await Promise.all([tryBroker(stranger, doors), tryApi(stranger, doors)])
  return {
    admitted: [broker, api].flatMap(one => (one.outcome === 'admitted' ? [`${stranger.who}: ${one.what}`] : [])),
    refused: [broker, api].filter(one => one.outcome === 'refused').length,
  }
}

type Outcome = { readonly outcome: 'admitted'; readonly what: string } | { readonly outcome: 'refused' | 'silence' }

const clientOf = (of: { readonly credentials: Credentials | undefined; readonly node: string }, doors: Doors) =>
  new MqttClient(
    () =>
      connect({
        host: doors.host,
        port: doors.mqttPort,
        ca: doors.ca,
        servername: hubServerName,
        ALPNProtocols: ['mqtt'],
        ...(of.credentials && { cert: of.credentials.certificate, key: of.credentials.key }),
      }),
    { clientId: of.node, clean: true, protocolVersion: 4, reconnectPeriod: 0, connectTimeout: 5000 },
  )

const tryBroker = (stranger: Stranger, doors: Doors): Promise<Outcome> =>
  new Promise(resolve => {
    const client = clientOf(stranger, doors)
    const end = (outcome: Outcome): void => {
      resolve(outcome)
      client.end(true)
    }
    client.on('connect', () => end({ outcome: 'admitted', what: 'the broker took its connection' }))
    client.on('error', error => end({ outcome: /ECONN|EHOST|ETIMEDOUT/.test(error.message) ? 'silence' : 'refused' }))
    client.on('close', () => end({ outcome: 'silence' }))
  })

const tryApi = (stranger: Stranger, doors: Doors): Promise<Outcome> =>
  new Promise(resolve => {
    const asked = request(
      {
        host: doors.host,
        port: doors.apiPort,
        path: '/api/v1/secrets',
        ca: doors.ca,
        servername: hubServerName,
        agent: false,
        timeout: 5000,
        ...(stranger.credentials && { cert: stranger.credentials.certificate, key: stranger.credentials.key }),
      },
      answer => {
        answer.resume()
        const status = answer.statusCode ?? 0
        if (status < 300) resolve({ outcome: 'admitted', what: `the API answered ${status} to a list of Secrets` })
        else resolve({ outcome: status === 401 || status === 403 ? 'refused' : 'silence' })
      },
    )
    asked.on('timeout', () => asked.destroy(new Error('no answer')))
    asked.on('error', error => resolve({ outcome: /alert|certificate/i.test(error.message) ? 'refused' : 'silence' }))
    asked.end()
  })

/**
 * Uses a node's true key from elsewhere: it may speak as that node, and as no other. Asks to hear what another node is
 * told, and speaks in its name and in the hub's.
 *
 * @returns what it got that it must not get
 * @throws Error where it was not heard at all, so that nothing is known
 */
export const impersonate = async (
  of: { readonly node: string; readonly other: string; readonly credentials: Credentials },
  doors: Doors,
): Promise<readonly string[]> => {
  const admitted: string[] = []
  const own = nodeTopic(doors.fleet, of.node, '')
  const filters = [nodeTopic(doors.fleet, of.other, 'd/+'), own.replace(`/${of.node}/`, '/+/d/state'), '#']
  for (const filter of filters) {
    const outcome = await attempt(of, doors, own, client =>
      client.subscribeAsync(filter, { qos: 1 }).then(
        ([granted]) => granted?.qos ?? 128,
        () => 128,
      ),
    )
    if (outcome.heard.length > 0) admitted.push(`${of.node} heard ${outcome.heard.join(', ')}`)
    if (outcome.value < 128) admitted.push(`${of.node} may listen to ${filter}`)
  }
  const topics = ['u/status', 'u/hello', 'u/live'].map(suffix => nodeTopic(doors.fleet, of.other, suffix))
  for (const topic of [...topics, `${own}d/state`, `${own}d/cmd`]) {
    // The broker answers by ending the connection: [MQTT-3.3.5-2] leaves 3.1.1 no other way.
    const outcome = await attempt(of, doors, own, client =>
      client.publishAsync(topic, 'forged', { qos: 1 }).then(
        () => 0,
        () => 128,
      ),
    )
    if (outcome.value < 128) admitted.push(`${of.node} spoke on ${topic}`)
  }
  return admitted
}

/** One connection with the true key, one act on it. @throws Error where it did not get so far */
const attempt = (
  of: { readonly node: string; readonly credentials: Credentials },
  doors: Doors,
  own: string,
  act: (client: MqttClient) => Promise<number>,
): Promise<{ readonly value: number; readonly heard: readonly string[] }> =>
  new Promise((resolve, reject) => {
    const client = clientOf(of, doors)
    const heard: string[] = []
    let isIn = false
    const end = (value: number): void => {
      client.end(true)
      resolve({ value, heard })
    }
    client.on('message', topic => {
      if (!topic.startsWith(own)) heard.push(topic)
    })
    client.on('error', error => (isIn ? end(128) : reject(error)))
    client.on('close', () => (isIn ? end(128) : reject(new Error('the broker did not take the true key'))))
    client.on('connect', () => {
      isIn = true
      act(client).then(end, () => end(128))
    })
  })
