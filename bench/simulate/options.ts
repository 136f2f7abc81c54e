import { parseArgs } from 'node:util'

/** What `npm run simulate` was asked for. */
export interface SimulateOptions {
  readonly nodes: number
  /** Pods on each node, besides those of the Deployment. */
  readonly pods: number
  /** Sites that the nodes are spread over: nodes of a site know each other. */
  readonly sites: number
  /** Replicas of the Deployment that is applied and updated. */
  readonly replicas: number
  readonly steadySeconds: number
  /** Milliseconds from one node's first connection to the next one's. */
  readonly spreadMs: number
  /** By which processes the simulated nodes are run. */
  readonly nodesPerProcess: number
  readonly hubCore: number
  readonly scenarios: readonly ScenarioName[]
  /** Where CPU profiles of the hub are put, one a scenario. */
  readonly profiles: string | undefined
  /** Where the figures are written as JSON. */
  readonly result: string | undefined
}

/** In the order in which they are played. */
export const scenarioNames = ['fill', 'steady', 'deploy', 'update', 'cut', 'kill', 'away'] as const
export type ScenarioName = (typeof scenarioNames)[number]

export const usage = `npm run simulate -- [--nodes 1000] [--pods 10] [--sites 1] [--replicas 1000] [--steady-seconds 60]
                       [--spread-ms 5] [--nodes-per-process 1250] [--hub-core 0] [--scenarios ${scenarioNames.join(',')}]
                       [--profiles FOLDER] [--result FILE]
`

/** @throws RangeError that names the option and what it may be */
export const readOptions = (argv: readonly string[]): SimulateOptions => {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      nodes: { type: 'string', default: '1000' },
      pods: { type: 'string', default: '10' },
      sites: { type: 'string', default: '1' },
      replicas: { type: 'string', default: '1000' },
      'steady-seconds': { type: 'string', default: '60' },
      'spread-ms': { type: 'string', default: '5' },
      'nodes-per-process': { type: 'string', default: '1250' },
      'hub-core': { type: 'string', default: '0' },
      scenarios: { type: 'string', default: scenarioNames.join(',') },
      profiles: { type: 'string' },
      result: { type: 'string' },
    },
  })
  const wanted = values.scenarios.split(',')
  const unknown = wanted.find(name => !scenarioNames.some(known => known === name))
  if (unknown !== undefined) throw new RangeError(`--scenarios ${unknown}: there are ${scenarioNames.join(', ')}`)
  return {
    nodes: whole('nodes', values.nodes, 2, 16_000),
    pods: whole('pods', values.pods, 0, 100),
    sites: whole('sites', values.sites, 1, 16_000),
    replicas: whole('replicas', values.replicas, 1, 20_000),
    steadySeconds: whole('steady-seconds', values['steady-seconds'], 1, 86_400),
    spreadMs: whole('spread-ms', values['spread-ms'], 0, 1000),
    nodesPerProcess: whole('nodes-per-process', values['nodes-per-process'], 1, 15_000),
    hubCore: whole('hub-core', values['hub-core'], 0, 1023),
    // All that follows needs a fleet that has joined.
    scenarios: scenarioNames.filter(name => name === 'fill' || wanted.includes(name)),
    profiles: values.profiles,
    result: values.result,
  }
}

const whole = (name: string, text: string, least: number, most: number): number => {
  const value = Number(text)
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw new RangeError(`--${name} ${text}: a whole number from ${least} to ${most} was expected`)
}
