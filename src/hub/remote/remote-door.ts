import type { Duplex } from 'node:stream'
import { Fault } from '../../api/fault.ts'
import type { Clock } from '../../lib/clock.ts'
import type { NodeSessions } from '../fleet/node-sessions.ts'
import type { Caller } from '../identity/caller.ts'
import type { Objects } from '../objects.ts'
import { accessRules, admitCaller, demand, impersonated } from '../rest/access-gate.ts'
import type { Door, HttpRequest, HttpResponse } from '../rest/door.ts'
import { successStatus } from '../rest/status-object.ts'
import { copyNode } from './copy-node.ts'
import { copyPod } from './copy-pod.ts'
import { askForward, forwardNode } from './forward-node.ts'
import { journalNode } from './journal-node.ts'
import type { LiveSessions, SessionFacts } from './live-sessions.ts'
import { listSessions, type ShellsLeft, stopSession } from './sessions-list.ts'
import { shellNode } from './shell-node.ts'

/*
 *   /apis/dunlin.io/v1 / nodes/NAME/shell                  WebSocket   create nodes/shell
 *                        nodes/NAME/copy                   WebSocket   get or create nodes/copy
 *                        nodes/NAME/forward                WebSocket   create nodes/forward
 *                        nodes/NAME/forward                GET         create nodes/forward: whether the device allows it
 *                        nodes/NAME/journal                GET         get nodes/journal
 *                        namespaces/NS/pods/NAME/copy      WebSocket   create pods/exec
 *                        sessions                          GET         list sessions
 *                        sessions/ID                       DELETE      delete sessions
 */

export const remotePrefix = '/apis/dunlin.io/v1'

export interface RemoteParts {
  readonly objects: Objects
  readonly nodes: NodeSessions
  readonly sessions: LiveSessions
  readonly shells: ShellsLeft
  readonly clock: Clock
}

/** A request that was admitted: who asks, from where, for which device. */
export interface NodeRequest {
  readonly http: HttpRequest
  readonly caller: Caller
  readonly node: string
  readonly facts: Omit<SessionFacts, 'what'>
}

/** A connection that is to be taken over. */
export interface Upgrade {
  readonly http: HttpRequest
  readonly socket: Duplex
  readonly head: Buffer
}

export type NodeUpgrade = NodeRequest & Upgrade

interface Admitted {
  /** Absent: our own. */
  readonly group?: string
  readonly namespace?: string
  readonly resource: string
  readonly subresource?: string
  readonly name?: string
  readonly verb: string
}

/**
 * The way to the devices themselves, with the rights of RBAC under names of its own.
 *
 * @example doors: [remoteDoor({ objects, nodes, sessions, shells, clock })]
 */
export const remoteDoor = (of: RemoteParts): Door => {
  /** @throws Fault Unauthorized, Forbidden; NotFound where there is no such node */
  const admit = (http: HttpRequest, asked: Admitted): Caller => {
    const rules = accessRules(of.objects)
    const caller = impersonated(admitCaller(http.caller), http.headers, rules)
    demand(caller, { group: 'dunlin.io', ...asked }, rules)
    return caller
  }
  const nodeRequest = (http: HttpRequest, node: string, subresource: string, verb: string): NodeRequest => {
    const caller = admit(http, { verb, resource: 'nodes', subresource, name: node })
    if (of.objects.get('Node', { namespace: '', name: node }) === undefined)
      throw new Fault('NotFound', `nodes "${node.slice(0, 253)}" not found`, { kind: 'nodes', name: node })
    return { http, caller, node, facts: { ...askerOf(http, caller), node } }
  }

  return {
    prefix: remotePrefix,
    async handle(http) {
      const [resource = '', name = '', subresource = '', ...more] = partsOf(http.path)
      if (resource === '' && http.method === 'GET') return json(resourceList)
      if (resource === 'nodes' && subresource === 'journal' && more.length === 0) {
        if (http.method !== 'GET') throw methodNotAllowed(http)
        return await journalNode(nodeRequest(http, name, 'journal', 'get'), of)
      }
      if (resource === 'nodes' && isUpgrade(subresource) && more.length === 0) {
        const request = nodeRequest(http, name, subresource, upgradeVerb(subresource, http))
        if (subresource === 'forward' && http.method === 'GET') {
          await askForward(request, of)
          return json(successStatus())
        }
        throw new Fault('BadRequest', `${subresource} of a node is opened by a WebSocket`)
      }
      if (resource === 'sessions' && name === '') {
        if (http.method !== 'GET') throw methodNotAllowed(http)
        admit(http, { verb: 'list', resource: 'sessions' })
        return json(await listSessions(of, http.query.getAll('node')))
      }
      if (resource === 'sessions' && subresource === '') {
        if (http.method !== 'DELETE') throw methodNotAllowed(http)
        const caller = admit(http, { verb: 'delete', resource: 'sessions', name })
        return json(await stopSession(of, { id: name, by: caller.user, node: http.query.get('node') ?? undefined }))
      }
      throw new Fault('NotFound', 'the server could not find the requested resource')
    },
    async upgrade(http, socket, head) {
      const parts = partsOf(http.path)
      const [resource = '', name = '', subresource = '', ...more] = parts
      if (resource === 'namespaces' && parts.length === 5 && subresource === 'pods' && more[1] === 'copy') {
        const place = { namespace: name, name: more[0] ?? '' }
        const asked = { verb: 'create', group: '', resource: 'pods', subresource: 'exec', ...place }
        const caller = admit(http, asked)
        await copyPod({ http, socket, head, caller, facts: askerOf(http, caller) }, place, of)
        return
      }
      if (resource !== 'nodes' || more.length > 0 || !isUpgrade(subresource))
        throw new Fault('BadRequest', `there is nothing to upgrade at ${http.path.slice(0, 200)}`)
      const request = nodeRequest(http, name, subresource, upgradeVerb(subresource, http))
      await upgrades[subresource]({ ...request, socket, head }, of)
    },
  }
}

const askerOf = (http: HttpRequest, caller: Caller) => ({
  user: caller.user,
  ...(caller.user === http.caller.user ? {} : { impersonatedBy: http.caller.user }),
  from: http.remoteAddress,
})

const upgrades = { shell: shellNode, copy: copyNode, forward: forwardNode } as const

const isUpgrade = (subresource: string): subresource is keyof typeof upgrades => Object.hasOwn(upgrades, subresource)

/** What is read from a device changes nothing there. */
const upgradeVerb = (subresource: keyof typeof upgrades, http: HttpRequest): string =>
  subresource === 'copy' && http.query.get('to') !== 'node' ? 'get' : 'create'

const partsOf = (path: string): readonly string[] =>
  path
    .slice(remotePrefix.length + 1)
    .split('/')
    .map(part => {
      try {
        return decodeURIComponent(part)
      } catch (error) {
        throw new Fault('BadRequest', `the path has a broken percent-encoding: ${part.slice(0, 80)}`, {}, error)
      }
    })

const methodNotAllowed = (http: HttpRequest): Fault =>
  new Fault('MethodNotAllowed', `the server does not allow this method on the requested resource: ${http.method}`)

export const json = (value: unknown): HttpResponse => ({
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(value),
})

const resource = (name: string, kind: string, verbs: readonly string[]) => ({
  name,
  singularName: '',
  namespaced: false,
  kind,
  verbs,
})

const resourceList = {
  kind: 'APIResourceList',
  apiVersion: 'v1',
  groupVersion: 'dunlin.io/v1',
  resources: [
    resource('nodes/copy', 'NodeCopy', ['create', 'get']),
    resource('nodes/forward', 'NodeForward', ['create']),
    resource('nodes/journal', 'NodeJournal', ['get']),
    resource('nodes/shell', 'NodeShell', ['create']),
    resource('sessions', 'Session', ['delete', 'list']),
  ],
}
