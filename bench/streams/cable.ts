import { spawnSync } from 'node:child_process'
import { tcpRelay } from '../../test/support/tcp-relay.ts'

export const hubAddress = '10.9.0.1'
export const nodeAddress = '10.9.0.2'

/** @throws Error with what the program said */
export const must = (...words: readonly string[]): void => {
  const [program = '', ...args] = words
  const done = spawnSync(program, args, { encoding: 'utf8' })
  if (done.status !== 0) throw new Error(`${words.join(' ')}: ${done.stderr}${done.error?.message ?? ''}`)
}

/** The words that run a program in the node's network. */
export const inNode = (...words: readonly string[]): readonly string[] => [
  'nsenter',
  '--net=/run/netns/node',
  '--',
  ...words,
]

/** The ports by which one end reaches the other. */
export interface Way {
  /** On `hubAddress`, for the node. */
  readonly hubPort: number
  /** For ssh. */
  readonly sshHost: string
  readonly sshPort: number
}

export interface Cable {
  way(): Way
  /** Rate by tbf at both ends; delay by relays that Dunlin and ssh both go through. */
  slowDown(): void
  close(): void
}

const shape = ['root', 'tbf', 'rate', '5mbit', 'burst', '16kb', 'latency', '100ms']
/** Each way: 40 ms there and back. */
const delayMs = 20

/**
 * One cable between this network namespace and another, the node's. First it is as fast as the machine, without relays.
 *
 * @example const cable = await layCable(6443); cable.slowDown()
 */
export const layCable = async (hubPort: number): Promise<Cable> => {
  must('ip', 'netns', 'add', 'node')
  must('ip', 'link', 'add', 'hub0', 'type', 'veth', 'peer', 'name', 'node0', 'netns', 'node')
  must('ip', 'addr', 'add', `${hubAddress}/24`, 'dev', 'hub0')
  must('ip', 'link', 'set', 'hub0', 'up')
  must(...inNode('ip', 'addr', 'add', `${nodeAddress}/24`, 'dev', 'node0'))
  must(...inNode('ip', 'link', 'set', 'node0', 'up'))
  must(...inNode('ip', 'link', 'set', 'lo', 'up'))
  const toHub = await tcpRelay(hubPort, { delayMs, host: '0.0.0.0' })
  const toSsh = await tcpRelay(22, { delayMs, toHost: nodeAddress })
  let isSlow = false
  return {
    way: () =>
      isSlow
        ? { hubPort: toHub.port, sshHost: '127.0.0.1', sshPort: toSsh.port }
        : { hubPort, sshHost: nodeAddress, sshPort: 22 },
    slowDown() {
      isSlow = true
      must('tc', 'qdisc', 'add', 'dev', 'hub0', ...shape)
      must(...inNode('tc', 'qdisc', 'add', 'dev', 'node0', ...shape))
    },
    close() {
      toHub.close()
      toSsh.close()
    },
  }
}
