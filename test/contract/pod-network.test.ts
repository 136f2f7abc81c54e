import t from 'tap'
import { fakePodNetwork } from '../fakes/pod-network.ts'
import { podNetworkContract } from './pod-network.ts'

t.test('the pod network in memory', async t => {
  podNetworkContract(t, async () => ({
    network: fakePodNetwork(),
    pod: async uid => ({ uid, namespace: 'default', name: uid, netnsPath: `/run/nowhere/${uid}`, hostPorts: [] }),
  }))
})
