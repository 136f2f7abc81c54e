import t from 'tap'
import { type PodNetworkWorld, podNetworkContract } from '../contract/pod-network.ts'
import { lab } from './netproxy-lab.ts'

t.test('the pod network on the kernel', async t => {
  podNetworkContract(t, async (t): Promise<PodNetworkWorld> => {
    const { proxy, sandbox } = await (await lab(t)).node(2, { isConfigured: false })
    const sandboxes = new Map<string, ReturnType<typeof sandbox>>()
    return {
      network: proxy,
      pod: uid => {
        const made = sandboxes.get(uid) ?? sandbox(uid)
        sandboxes.set(uid, made)
        return made
      },
    }
  })
})
