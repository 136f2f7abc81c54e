/** One kind of harm. What the judge needs to know of it stands here; how it is done stands in `inject-*.ts`. */
export interface FaultFacts {
  /** A line of the table. */
  readonly about: string
  /** Which containers it ends by itself: those, and no other, may have started anew after it. */
  readonly kills: 'nothing' | 'one container' | 'a node'
  /** Whether clients of the Service may see a failure: it takes a node or the way to it. Otherwise none may. */
  readonly cutsClients: boolean
  /** Whether it happens to one node, which is then drawn. */
  readonly onNode: boolean
  /** How long it lasts, ms: from, to. */
  readonly lasts: readonly [number, number]
}

/** Every fault that a round may draw. */
export const faultTable = {
  'hub killed': {
    about: 'SIGKILL to the hub, started again',
    kills: 'nothing',
    cutsClients: false,
    onNode: false,
    lasts: [0, 5000],
  },
  'agent killed': {
    about: 'SIGKILL to the agent, started again',
    kills: 'nothing',
    cutsClients: false,
    onNode: true,
    lasts: [0, 4000],
  },
  'engine killed': {
    about: 'SIGKILL to Podman’s service again and again while pods are made',
    kills: 'nothing',
    cutsClients: false,
    onNode: true,
    lasts: [2000, 4000],
  },
  'container killed': {
    about: 'SIGKILL to the main process of one container',
    kills: 'one container',
    cutsClients: true,
    onNode: false,
    lasts: [0, 0],
  },
  'node rebooted': {
    about: 'power of a node cut and back',
    kills: 'a node',
    cutsClients: true,
    onNode: true,
    lasts: [0, 3000],
  },
  'node rebooted without hub': {
    about: 'power cut and back while there is no hub; its pods answer before the hub is back',
    kills: 'a node',
    cutsClients: true,
    onNode: true,
    lasts: [0, 1000],
  },
  'link cut': {
    about: 'the node’s cable out and in',
    kills: 'nothing',
    cutsClients: true,
    onNode: true,
    lasts: [1000, 8000],
  },
  'packets lost': {
    about: '30 % of the packets between node and hub dropped',
    kills: 'nothing',
    cutsClients: true,
    onNode: true,
    lasts: [4000, 8000],
  },
  'link delayed': {
    about: 'every byte between agent and hub 2 s late',
    kills: 'nothing',
    cutsClients: false,
    onNode: true,
    lasts: [2000, 4000],
  },
  'link a trickle': {
    about: 'the node’s link at 16 kbit/s',
    kills: 'nothing',
    cutsClients: true,
    onNode: true,
    lasts: [4000, 8000],
  },
  'broker port blocked': {
    about: 'port 8883 refused to the node, only 6443 left',
    kills: 'nothing',
    cutsClients: false,
    onNode: true,
    lasts: [0, 0],
  },
  'hub restored': {
    about: 'hub replaced by a backup taken before; what was applied since is gone',
    kills: 'nothing',
    cutsClients: false,
    onNode: false,
    lasts: [0, 1000],
  },
  'hub disk full': {
    about: 'no byte free in the hub’s data folder',
    kills: 'nothing',
    cutsClients: false,
    onNode: false,
    lasts: [1000, 4000],
  },
  'node disk full': {
    about: 'no byte free for agent and engine',
    kills: 'nothing',
    cutsClients: false,
    onNode: true,
    lasts: [2000, 5000],
  },
  'hub clock ahead': {
    about: 'the hub’s clock a year on, and back: every certificate has ended meanwhile',
    kills: 'nothing',
    cutsClients: false,
    onNode: false,
    lasts: [3000, 6000],
  },
  'hub clock behind': {
    about: 'the hub’s clock a year back, and right again',
    kills: 'nothing',
    cutsClients: false,
    onNode: false,
    lasts: [3000, 6000],
  },
  'agent clock ahead': {
    about: 'the agent’s clock a year on, and right again',
    kills: 'nothing',
    cutsClients: false,
    onNode: true,
    lasts: [3000, 6000],
  },
  'agent clock behind': {
    about: 'the agent’s clock a year back, and right again',
    kills: 'nothing',
    cutsClients: false,
    onNode: true,
    lasts: [3000, 6000],
  },
  'certificate expired': {
    about: 'the node’s certificate replaced by one that ended yesterday, agent killed',
    kills: 'nothing',
    cutsClients: false,
    onNode: true,
    lasts: [0, 1000],
  },
  'engine slow': {
    about: 'Podman’s service stopped (SIGSTOP) while a pod is to be made',
    kills: 'nothing',
    cutsClients: false,
    onNode: true,
    lasts: [3000, 9000],
  },
  'same state again': {
    about: 'every manifest applied again, unchanged',
    kills: 'nothing',
    cutsClients: false,
    onNode: false,
    lasts: [0, 0],
  },
  'other Deployment': {
    about: 'an unrelated Deployment added and removed',
    kills: 'nothing',
    cutsClients: false,
    onNode: false,
    lasts: [0, 0],
  },
  'device impersonated': {
    about: 'a node’s own key used from elsewhere, to speak for another node and to listen to it',
    kills: 'nothing',
    cutsClients: false,
    onNode: true,
    lasts: [0, 0],
  },
} as const satisfies Record<string, FaultFacts>

export type FaultName = keyof typeof faultTable

/** In the order of the table. */
export const faultNames: readonly FaultName[] = Object.keys(faultTable).filter(
  (name): name is FaultName => name in faultTable,
)
