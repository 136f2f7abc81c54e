import { Fault } from '../api/fault.ts'
import type { Objects } from './objects.ts'
import type { HealthCheck } from './rest/health.ts'
import type { Store } from './store/store.ts'

/** What must be well beside the API itself. The hub ends by itself when its store does, so `livez` asks for little. */
export const healthChecks = (of: {
  readonly store: Pick<Store, 'get'>
  readonly objects: Pick<Objects, 'synced'>
  readonly isBrokerListening: () => boolean
  readonly areControllersRunning: () => boolean
}): readonly HealthCheck[] => [
  {
    name: 'store',
    isLive: true,
    // Any key will do: what matters is that the store's thread reads its file and answers.
    async check() {
      await of.store.get('/')
    },
  },
  { name: 'objects', isLive: false, check: () => of.objects.synced() },
  { name: 'broker', isLive: false, check: () => demand(of.isBrokerListening(), 'the broker does not listen') },
  { name: 'controllers', isLive: false, check: () => demand(of.areControllersRunning(), 'the controllers do not run') },
]

const demand = (is: boolean, otherwise: string): void => {
  if (!is) throw new Fault('Unavailable', otherwise)
}
