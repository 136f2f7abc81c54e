import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect, type MqttClient } from 'mqtt'
import t, { type Test } from 'tap'
import { enrol } from '../../src/agent/identity/enrol.ts'
import { openIdentity } from '../../src/agent/identity/open-identity.ts'
import { openKeys } from '../../src/hub/identity/keys.ts'
import { hubServerName } from '../../src/wire/enrolment.ts'
import { folderOf } from '../support/folder-of.ts'
import { ask, aWholeHub } from './a-whole-hub.ts'

interface Proof {
  readonly certificate: string
  readonly key: string
}

interface Visitor {
  readonly who: string
  readonly by?: Proof
  readonly token?: string
}

/** Everybody who may come to a hub, on a hub where all of them have been made. */
const everybody = async (t: Test) => {
  const folder = folderOf(t)
  const whole = await aWholeHub(t, `${folder}/hub`)
  const { asAdmin, joinToken, admin } = whole
  const user = async (name: string, groups: readonly string[]): Promise<Proof> => {
    const made = await asAdmin('POST', '/dunlin/v1/users', { user: name, groups, days: 1 })
    return { certificate: String(made.body['certificate']), key: String(made.body['key']) }
  }
  const bind = (name: string, role: string, kind: 'User' | 'ServiceAccount') =>
    asAdmin('POST', '/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings', {
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
      subjects: [
        kind === 'User' ? { kind, name, apiGroup: 'rbac.authorization.k8s.io' } : { kind, name, namespace: 'default' },
      ],
    })
  const device = async (name: string) => {
    const identity = await openIdentity({ stateFolder: `${folder}/${name}` })
    const { signal } = new AbortController()
    const facts = { nodeName: name, hostName: name, arch: 'arm64', labels: {}, signal }
    await enrol(identity, { ...facts, token: await joinToken() })
    const { cert, key } = identity.tls()
    return { certificate: cert, key }
  }
  await bind('erik', 'edit', 'User')
  await bind('vera', 'view', 'User')
  await bind('robot', 'view', 'ServiceAccount')
  await asAdmin('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'robot' } })
  const issued = await asAdmin('POST', '/api/v1/namespaces/default/serviceaccounts/robot/token', {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: 3600 },
  })
  const { token } = JSON.parse(issued.text).status as { readonly token: string }
  const removed = await device('cellar')
  await asAdmin('DELETE', '/dunlin/v1/nodes/cellar')
  const stranger = await openKeys(`${folder}/stranger`, { now: Date.now, randomBytes, names: [] })
  const server = readFileSync(`${folder}/hub/keys/server.crt`, 'utf8')
  const visitors: readonly Visitor[] = [
    { who: 'admin', by: admin },
    { who: 'editor', by: await user('erik', []) },
    { who: 'viewer', by: await user('vera', []) },
    { who: 'node', by: await device('attic') },
    { who: 'telemetry', by: await user('tom', ['dunlin:telemetry']) },
    { who: 'account', token },
    { who: 'anonymous' },
    { who: 'revoked', by: removed },
    { who: 'other CA', by: stranger.admin },
    { who: 'server', by: { certificate: server, key: readFileSync(`${folder}/hub/keys/server.key`, 'utf8') } },
  ]
  return { ...whole, visitors }
}

const configMaps = '/api/v1/namespaces/default/configmaps'

/**
 * One column for each visitor, in the order above. 400, 404, 405, 409, 415 and 422 are past the door: what was asked
 * made no sense, but it was listened to. 401: nobody. 403: somebody who may not.
 */
const expected: { readonly [request: string]: readonly number[] } = {
  //                                     admin edit view node tele acct anon revo otca serv
  'GET /version': [200, 200, 200, 403, 403, 200, 200, 401, 401, 401],
  'GET /api/v1/namespaces/default/pods': [200, 200, 200, 403, 403, 200, 401, 401, 401, 401],
  'GET /api/v1/namespaces/default/secrets': [200, 200, 403, 403, 403, 403, 401, 401, 401, 401],
  'GET /api/v1/nodes': [200, 403, 403, 403, 403, 403, 401, 401, 401, 401],
  'GET /api/v1/nodes/attic': [200, 403, 403, 403, 403, 403, 401, 401, 401, 401],
  'DELETE /api/v1/nodes/none': [404, 403, 403, 403, 403, 403, 401, 401, 401, 401],
  [`POST ${configMaps}`]: [201, 201, 403, 403, 403, 403, 401, 401, 401, 401],
  [`GET ${configMaps}/none`]: [404, 404, 404, 403, 403, 404, 401, 401, 401, 401],
  'GET /apis/rbac.authorization.k8s.io/v1/clusterroles': [200, 403, 403, 403, 403, 403, 401, 401, 401, 401],
  'POST /dunlin/v1/enrol': [403, 403, 403, 403, 403, 403, 400, 401, 401, 401],
  'POST /dunlin/v1/renew': [403, 403, 403, 400, 403, 403, 400, 401, 401, 401],
  'GET /dunlin/v1/documents/state/none': [403, 403, 403, 404, 403, 403, 403, 401, 401, 401],
  'GET /dunlin/v1/join-tokens': [200, 403, 403, 403, 403, 403, 403, 401, 401, 401],
  'POST /dunlin/v1/join-tokens': [201, 403, 403, 403, 403, 403, 403, 401, 401, 401],
  'POST /dunlin/v1/users': [400, 403, 403, 403, 403, 403, 403, 401, 401, 401],
  'DELETE /dunlin/v1/nodes/none': [404, 403, 403, 403, 403, 403, 403, 401, 401, 401],
  'GET /dunlin/v1/backup': [200, 403, 403, 403, 403, 403, 403, 401, 401, 401],
}

t.test('every role at every door of HTTPS: in, or out with the reason', async t => {
  const { hub, ca, visitors } = await everybody(t)
  for (const [request, statuses] of Object.entries(expected)) {
    const [method = '', path = ''] = request.split(' ')
    for (const [index, { who, by, token }] of visitors.entries()) {
      const body = path === configMaps ? { metadata: { name: `made-by-${index}` } } : method === 'POST' ? {} : undefined
      const answer = await ask({
        port: hub.apiPort,
        ca,
        by,
        method,
        path,
        body,
        ...(token === undefined ? {} : { token }),
      })
      t.equal(
        answer.status,
        statuses[index],
        `${request} by ${who}: ${answer.status < 300 ? '' : answer.text.slice(0, 200)}`,
      )
      if (answer.status === 401 || answer.status === 403)
        t.match(
          answer.body,
          { kind: 'Status', code: answer.status, message: /\w+ \w+/ },
          `${request} by ${who} says why`,
        )
    }
  }
})

t.test('a session is for a node whose token was given out, and nobody else', async t => {
  const { hub, ca, visitors } = await everybody(t)
  for (const { who, by, token } of visitors) {
    const path = '/dunlin/v1/sessions/0123456789abcdef0123456789abcdef'
    const answer = await ask({
      port: hub.apiPort,
      ca,
      by,
      method: 'GET',
      path,
      ...(token === undefined ? {} : { token }),
    })
    const isNobody = ['revoked', 'other CA', 'server'].includes(who)
    t.ok(isNobody ? answer.status === 401 : [400, 403, 404, 405, 426].includes(answer.status), `${who}: ${answer.text}`)
  }
})

const openMqtt = (port: number, ca: string, visitor: Visitor): Promise<MqttClient | undefined> =>
  new Promise(resolve => {
    const client = connect({
      protocol: 'mqtts',
      host: '127.0.0.1',
      port,
      ca,
      cert: visitor.by?.certificate,
      key: visitor.by?.key,
      servername: hubServerName,
      clientId: visitor.who === 'node' ? 'attic' : visitor.who === 'revoked' ? 'cellar' : 'visitor',
      protocolVersion: 4,
      reconnectPeriod: 0,
    })
    client.once('connect', () => resolve(client))
    client.once('error', () => client.end(true))
    client.once('close', () => resolve(undefined))
  })

/** What MQTT answers: `refused`, or what the client may then do. */
const mqttOf = async (
  port: number,
  ca: string,
  visitor: Visitor,
  topics: { publish: string[]; subscribe: string[] },
) => {
  const open = () => openMqtt(port, ca, visitor)
  const publish = async (topic: string) => {
    const client = await open()
    if (client === undefined) return 'refused'
    const done = await new Promise<string>(resolve => {
      client.once('close', () => resolve('cut off'))
      client.publish(topic, 'x', { qos: 1 }, error => resolve(error ? 'cut off' : 'taken'))
    })
    await client.endAsync(true)
    return done
  }
  const subscribe = async (topic: string) => {
    const client = await open()
    if (client === undefined) return 'refused'
    const granted = await new Promise<string>(resolve => {
      client.subscribe(topic, { qos: 1 }, (error, granted) =>
        resolve(error || granted?.some(one => one.qos === 128) ? 'no' : 'yes'),
      )
    })
    await client.endAsync(true)
    return granted
  }
  return {
    publish: await Promise.all(topics.publish.map(topic => inTurn(() => publish(topic)))),
    subscribe: await Promise.all(topics.subscribe.map(topic => inTurn(() => subscribe(topic)))),
  }
}

/** One client id is there once. */
let turn: Promise<unknown> = Promise.resolve()
const inTurn = <T>(act: () => Promise<T>): Promise<T> => {
  const mine = turn.then(act)
  turn = mine.catch(() => {})
  return mine
}

t.test('every role at MQTT: a node under its own name, a telemetry user as a reader, nobody else', async t => {
  const { hub, ca, visitors } = await everybody(t)
  const all = `dunlin/1/${hub.fleet}`
  const topics = {
    publish: [
      `${all}/n/attic/u/live`,
      `${all}/n/barn/u/live`,
      `${all}/n/attic/d/cmd`,
      `${all}/t/attic/node/data`,
      `${all}/b/hub`,
    ],
    subscribe: [`${all}/n/attic/d/+`, `${all}/n/barn/d/state`, `${all}/b/hub`, `${all}/t/#`, `${all}/#`, '#'],
  }
  const out = { publish: topics.publish.map(() => 'refused'), subscribe: topics.subscribe.map(() => 'refused') }
  for (const visitor of visitors) {
    const said = await mqttOf(hub.mqttPort, ca, visitor, topics)
    if (visitor.who === 'node')
      t.strictSame(said, {
        publish: ['taken', 'cut off', 'cut off', 'taken', 'cut off'],
        subscribe: ['yes', 'no', 'yes', 'no', 'no', 'no'],
      })
    else if (visitor.who === 'telemetry')
      t.strictSame(said, {
        publish: ['cut off', 'cut off', 'cut off', 'cut off', 'cut off'],
        subscribe: ['no', 'no', 'no', 'yes', 'no', 'no'],
      })
    else t.strictSame(said, out, visitor.who)
  }
})

t.test('a telemetry user who is removed is cut off', async t => {
  const { hub, ca, visitors, asAdmin } = await everybody(t)
  const tom = visitors.find(one => one.who === 'telemetry')!
  const client = await openMqtt(hub.mqttPort, ca, tom)
  t.ok(client?.connected)
  const cut = new Promise<void>(resolve => client?.once('close', () => resolve()))
  t.equal((await asAdmin('DELETE', '/dunlin/v1/users/tom')).status, 200)
  await cut
  t.equal(await openMqtt(hub.mqttPort, ca, tom), undefined)
})
