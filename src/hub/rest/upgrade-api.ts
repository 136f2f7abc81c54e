import type { Duplex } from 'node:stream'
import { Fault } from '../../api/fault.ts'
import { auditedRest } from '../remote/audited-rest.ts'
import type { SessionEnd } from '../streams/serve-process.ts'
import { upgradeForward } from '../streams/upgrade-forward.ts'
import { upgradeLog } from '../streams/upgrade-log.ts'
import { upgradeProcess } from '../streams/upgrade-process.ts'
import { upgradeProxy } from '../streams/upgrade-proxy.ts'
import { type Audited, admitRequest, askerOf } from './admit-request.ts'
import type { ApiHttpRequest, Rest, UpgradeRequest } from './api-request.ts'

/**
 * Takes a connection over for what kubectl, and whoever speaks as it does, opens to a pod. Resolves when it is over.
 *
 * @throws Fault while nothing has been answered yet: it becomes the answer
 */
export const upgradeApi = async (
  http: ApiHttpRequest,
  connection: { readonly socket: Duplex; readonly head: Buffer; accepted(): void },
  rest: Rest,
  audited: Audited,
): Promise<SessionEnd> => {
  const { route, caller } = admitRequest(http, rest, audited)
  const at = route.route === 'resource' && route.at.group === '' && route.at.version === 'v1' ? route.at : undefined
  const upgrade = at && upgrades[`${at.plural}/${at.subresource}`]
  const kind = rest.objects.kinds.find(one => one.group === '' && one.plural === at?.plural)
  if (at === undefined || kind === undefined || upgrade === undefined || at.name === '' || at.namespace === '')
    throw new Fault('BadRequest', `there is nothing to upgrade at ${http.path.slice(0, 200)}`)
  const request = { ...http, caller }
  return await upgrade({ http: request, kind, at, ...connection }, auditedRest(rest, askerOf(request, audited)))
}

const upgrades: { readonly [resource: string]: (request: UpgradeRequest, rest: Rest) => Promise<SessionEnd> } = {
  'pods/exec': upgradeProcess,
  'pods/attach': upgradeProcess,
  'pods/portforward': upgradeForward,
  'pods/log': upgradeLog,
  'pods/proxy': upgradeProxy,
  'services/proxy': upgradeProxy,
}
