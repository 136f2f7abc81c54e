import { duplicate, forbidden, oneOf, required, ruled } from '../causes.ts'
import type { FaultCause } from '../fault.ts'
import { labelValue, qualifiedName } from '../names.ts'
import { canonicalAmounts } from '../pods/pod-defaults.ts'
import type { Node } from '../types.ts'
import { age, ageColumn, aKind, column, nameColumn, nameOf, orNone, wideColumn } from './a-kind.ts'

export const nodeKind = aKind<Node>({
  group: '',
  version: 'v1',
  kind: 'Node',
  plural: 'nodes',
  shortNames: ['no'],
  isNamespaced: false,
  subresources: ['status'],
  defaults: node => ({
    ...node,
    spec: node.spec ?? {},
    ...(node.status === undefined
      ? {}
      : {
          status: {
            ...node.status,
            ...(node.status.capacity === undefined ? {} : { capacity: canonicalAmounts(node.status.capacity) }),
            ...((node.status.allocatable ?? node.status.capacity) === undefined
              ? {}
              : { allocatable: canonicalAmounts(node.status.allocatable ?? node.status.capacity ?? {}) }),
          },
        }),
  }),
  validate: (node, before) => [...taintCauses(node), ...updateCauses(node, before)],
  warnings: node => [
    ...(node.spec?.configSource === undefined ? [] : ['spec.configSource: has no effect; configure the agent instead']),
    ...(node.spec?.externalID === undefined ? [] : ['spec.externalID: this field is deprecated and is unused']),
  ],
  selectableFields: node => ({ 'spec.unschedulable': String(node.spec?.unschedulable ?? false) }),
  columns: [
    nameColumn,
    column('Status', 'The status of the node'),
    column('Roles', 'The roles of the node'),
    ageColumn,
    column('Version', 'Kubelet Version reported by the node.'),
    wideColumn('Internal-IP', 'Address at which the node is reached in its own network.'),
    wideColumn('External-IP', 'Address at which the node is reached from outside.'),
    wideColumn('OS-Image', 'OS Image reported by the node from /etc/os-release.'),
    wideColumn('Kernel-Version', "Kernel Version reported by the node from 'uname -r'."),
    wideColumn('Container-Runtime', 'ContainerRuntime Version reported by the node.'),
  ],
  cells: (node, now) => [
    nameOf(node),
    nodeStatusText(node),
    orNone(rolesOf(node).join(',')),
    age(node, now),
    node.status?.nodeInfo?.kubeletVersion ?? '',
    orNone(addressOf(node, 'InternalIP')),
    orNone(addressOf(node, 'ExternalIP')),
    node.status?.nodeInfo?.osImage || '<unknown>',
    node.status?.nodeInfo?.kernelVersion || '<unknown>',
    node.status?.nodeInfo?.containerRuntimeVersion || '<unknown>',
  ],
})

/**
 * `Ready`, `NotReady` or `Unknown`, and `,SchedulingDisabled` where it is cordoned (k8s: printNode); `,BoardChanged` where
 * its card was seen in another board.
 */
export const nodeStatusText = (node: Node): string => {
  const ready = node.status?.conditions?.find(one => one.type === 'Ready')
  const word = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady'
  const isMoved = node.status?.conditions?.some(one => one.type === 'BoardChanged' && one.status === 'True') === true
  return [
    word,
    ...(node.spec?.unschedulable === true ? ['SchedulingDisabled'] : []),
    ...(isMoved ? ['BoardChanged'] : []),
  ].join()
}

const rolesOf = (node: Node): readonly string[] =>
  [
    ...new Set(
      Object.entries(node.metadata.labels ?? {}).flatMap(([key, value]) => {
        if (key.startsWith('node-role.kubernetes.io/')) return [key.slice('node-role.kubernetes.io/'.length)]
        return key === 'kubernetes.io/role' && value !== '' ? [value] : []
      }),
    ),
  ]
    .filter(role => role !== '')
    .toSorted()

const addressOf = (node: Node, type: string): string | undefined =>
  node.status?.addresses?.find(one => one.type === type)?.address

const taintCauses = (node: Node): readonly FaultCause[] => {
  const taints = node.spec?.taints ?? []
  return taints.flatMap((taint, index) => {
    const field = `spec.taints[${index}]`
    const isRepeated = taints.slice(0, index).some(one => one.key === taint.key && one.effect === taint.effect)
    return [
      ...(taint.key === '' ? [required(`${field}.key`)] : ruled(`${field}.key`, taint.key, qualifiedName)),
      ...ruled(`${field}.value`, taint.value ?? '', labelValue),
      ...(taint.effect === ''
        ? [required(`${field}.effect`)]
        : oneOf(`${field}.effect`, taint.effect, ['NoSchedule', 'PreferNoSchedule', 'NoExecute'])),
      ...(isRepeated ? [duplicate(field, { key: taint.key, effect: taint.effect })] : []),
    ]
  })
}

const updateCauses = (node: Node, before: Node | undefined): readonly FaultCause[] => {
  const was = before?.spec?.podCIDR ?? ''
  return was !== '' && was !== node.spec?.podCIDR
    ? [forbidden('spec.podCIDR', 'node updates may not change podCIDR except from "" to valid')]
    : []
}
