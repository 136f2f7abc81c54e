import type { Kind } from '../api/kind.ts'
import { at, isShown, listAt, stringsAt, textAt } from './shown.ts'
import { ageText, formatTable, printable } from './table.ts'

/**
 * The text of `describe`: name, labels, the sections that matter for the kind, everything else of spec and status as
 * an indented outline, and events last. Nothing of a Secret's values is shown.
 */
export const describeObject = (of: {
  readonly kind: Kind
  readonly object: unknown
  readonly events: readonly unknown[]
  readonly related: readonly unknown[]
  readonly now: number
}): string => {
  const { object, kind, now } = of
  const head = [
    ['Name:', textAt(object, 'metadata', 'name') ?? ''],
    ...(kind.isNamespaced ? [['Namespace:', textAt(object, 'metadata', 'namespace') ?? '']] : []),
    ...pairs('Labels:', stringsAt(object, 'metadata', 'labels')),
    ...pairs(
      'Annotations:',
      stringsAt(object, 'metadata', 'annotations').filter(([key]) => !key.includes('last-applied')),
    ),
    [
      'Created:',
      `${textAt(object, 'metadata', 'creationTimestamp') ?? ''} (${ageText(textAt(object, 'metadata', 'creationTimestamp'), now)} ago)`,
    ],
    ...(textAt(object, 'metadata', 'deletionTimestamp') === undefined
      ? []
      : [['Status:', `Terminating (since ${textAt(object, 'metadata', 'deletionTimestamp')})`]]),
  ]
  const sections = [
    formatTable(head),
    ...(sectionsOf[kind.kind] ?? plainSections)(object, of.related, now),
    eventsText(of.events, now),
  ]
  return printableLines(sections.filter(section => section !== '').join(''))
}

const printableLines = (text: string): string => text.split('\n').map(printable).join('\n')

const pairs = (title: string, entries: readonly (readonly [string, string])[]): readonly string[][] =>
  entries.length === 0
    ? [[title, '<none>']]
    : entries.map(([key, value], index) => [index === 0 ? title : '', `${key}=${value}`])

type Section = (object: unknown, related: readonly unknown[], now: number) => readonly string[]

const conditionsText = (object: unknown, now: number): string => {
  const conditions = listAt(object, 'status', 'conditions')
  if (conditions.length === 0) return ''
  const rows = conditions.map(one => [
    `  ${textAt(one, 'type') ?? ''}`,
    textAt(one, 'status') ?? '',
    textAt(one, 'reason') ?? '',
    ageText(textAt(one, 'lastTransitionTime'), now),
    textAt(one, 'message') ?? '',
  ])
  return `Conditions:\n${formatTable([['  TYPE', 'STATUS', 'REASON', 'SINCE', 'MESSAGE'], ...rows])}`
}

const stateText = (state: unknown, now: number): string => {
  if (at(state, 'running') !== undefined) return `Running for ${ageText(textAt(state, 'running', 'startedAt'), now)}`
  if (at(state, 'terminated') !== undefined) {
    const message = textAt(state, 'terminated', 'message')
    return `Terminated: ${textAt(state, 'terminated', 'reason') ?? ''}, exit code ${textAt(state, 'terminated', 'exitCode') ?? '?'}${message === undefined ? '' : `: ${message}`}`
  }
  if (at(state, 'waiting') !== undefined)
    return `Waiting: ${textAt(state, 'waiting', 'reason') ?? ''} ${textAt(state, 'waiting', 'message') ?? ''}`.trimEnd()
  return 'Not observed'
}

const containersText = (
  title: string,
  specs: readonly unknown[],
  statuses: readonly unknown[],
  now: number,
): string => {
  if (specs.length === 0) return ''
  const blocks = specs.map(spec => {
    const name = textAt(spec, 'name') ?? ''
    const status = statuses.find(one => textAt(one, 'name') === name)
    const rows = [
      ['    Image:', textAt(spec, 'image') ?? ''],
      ...(at(spec, 'command') === undefined ? [] : [['    Command:', listAt(spec, 'command').join(' ')]]),
      [
        '    Ports:',
        listAt(spec, 'ports')
          .map(port => `${textAt(port, 'containerPort')}/${textAt(port, 'protocol') ?? 'TCP'}`)
          .join(', ') || '<none>',
      ],
      ['    State:', stateText(at(status, 'state'), now)],
      ...(isShown(at(status, 'lastState')) && Object.keys(at(status, 'lastState') ?? {}).length > 0
        ? [['    Last state:', stateText(at(status, 'lastState'), now)]]
        : []),
      ['    Ready:', textAt(status, 'ready') ?? 'false'],
      ['    Restarts:', textAt(status, 'restartCount') ?? '0'],
      ...quantities('    Requests:', at(spec, 'resources', 'requests')),
      ...quantities('    Limits:', at(spec, 'resources', 'limits')),
      ...['livenessProbe', 'readinessProbe', 'startupProbe'].flatMap(probe =>
        at(spec, probe) === undefined ? [] : [[`    ${probe}:`, outline(at(spec, probe))]],
      ),
      [
        '    Mounts:',
        listAt(spec, 'volumeMounts')
          .map(
            mount =>
              `${textAt(mount, 'mountPath')} from ${textAt(mount, 'name')}${textAt(mount, 'readOnly') === 'true' ? ' (ro)' : ''}`,
          )
          .join(', ') || '<none>',
      ],
    ]
    return `  ${name}:\n${formatTable(rows)}`
  })
  return `${title}\n${blocks.join('')}`
}

const quantities = (title: string, map: unknown): readonly string[][] => {
  const entries = stringsAt(map)
  return entries.length === 0 ? [] : [[title, entries.map(([key, value]) => `${key} ${value}`).join(', ')]]
}

/** A value on one line: maps as `key value`, lists with commas. */
const outline = (value: unknown): string => {
  if (Array.isArray(value)) return value.map(outline).join(' ')
  if (!isShown(value)) return String(value)
  return Object.entries(value)
    .map(([key, member]) => (isShown(member) ? `${key} (${outline(member)})` : `${key} ${outline(member)}`))
    .join(', ')
}

/** Spec and status as indented lines: the honest rest for kinds without sections of their own. */
const indented = (value: unknown, depth: number): string =>
  Object.entries(isShown(value) ? value : {})
    .map(([key, member]) => {
      const pad = '  '.repeat(depth)
      if (isShown(member)) return `${pad}${key}:\n${indented(member, depth + 1)}`
      if (Array.isArray(member)) return `${pad}${key}:\n${member.map(item => `${pad}  - ${outline(item)}\n`).join('')}`
      return `${pad}${key}: ${String(member)}\n`
    })
    .join('')

const plainSections: Section = (object, _related, now) => {
  const others = Object.entries(isShown(object) ? object : {}).filter(
    ([key]) => !['apiVersion', 'kind', 'metadata', 'status'].includes(key),
  )
  const conditions = conditionsText(object, now)
  const status = Object.entries(isShown(at(object, 'status')) ? (at(object, 'status') ?? {}) : {}).filter(
    ([key]) => key !== 'conditions',
  )
  return [
    indented(Object.fromEntries(others), 0),
    status.length === 0 ? '' : `status:\n${indented(Object.fromEntries(status), 1)}`,
    conditions,
  ]
}

const podSections: Section = (pod, _related, now) => [
  formatTable([
    ['Node:', textAt(pod, 'spec', 'nodeName') ?? '<none>'],
    ['Phase:', textAt(pod, 'status', 'phase') ?? 'Unknown'],
    ...(textAt(pod, 'status', 'reason') === undefined ? [] : [['Reason:', textAt(pod, 'status', 'reason') ?? '']]),
    ...(textAt(pod, 'status', 'message') === undefined ? [] : [['Message:', textAt(pod, 'status', 'message') ?? '']]),
    ['IP:', textAt(pod, 'status', 'podIP') ?? '<none>'],
    [
      'Controlled by:',
      listAt(pod, 'metadata', 'ownerReferences')
        .map(owner => `${textAt(owner, 'kind')}/${textAt(owner, 'name')}`)
        .join(', ') || '<none>',
    ],
    ['QoS class:', textAt(pod, 'status', 'qosClass') ?? '<unknown>'],
  ]),
  containersText(
    'Init containers:',
    listAt(pod, 'spec', 'initContainers'),
    listAt(pod, 'status', 'initContainerStatuses'),
    now,
  ),
  containersText('Containers:', listAt(pod, 'spec', 'containers'), listAt(pod, 'status', 'containerStatuses'), now),
  conditionsText(pod, now),
  `Volumes:\n${
    listAt(pod, 'spec', 'volumes')
      .map(
        volume =>
          `  ${textAt(volume, 'name')}: ${outline(Object.fromEntries(Object.entries(isShown(volume) ? volume : {}).filter(([key]) => key !== 'name')))}\n`,
      )
      .join('') || '  <none>\n'
  }`,
]

const nodeSections: Section = (node, pods, now) => [
  formatTable([
    ['Pod range:', textAt(node, 'spec', 'podCIDR') ?? '<none>'],
    ['Unschedulable:', textAt(node, 'spec', 'unschedulable') ?? 'false'],
    [
      'Taints:',
      listAt(node, 'spec', 'taints')
        .map(taint => `${textAt(taint, 'key')}=${textAt(taint, 'value') ?? ''}:${textAt(taint, 'effect')}`)
        .join(', ') || '<none>',
    ],
    [
      'Addresses:',
      listAt(node, 'status', 'addresses')
        .map(one => `${textAt(one, 'type')} ${textAt(one, 'address')}`)
        .join(', ') || '<none>',
    ],
    ...quantities('Capacity:', at(node, 'status', 'capacity')),
    ...quantities('Allocatable:', at(node, 'status', 'allocatable')),
  ]),
  conditionsText(node, now),
  `System:\n${indented(at(node, 'status', 'nodeInfo'), 1)}`,
  `Pods:\n${formatTable([['  NAMESPACE', 'NAME', 'PHASE', 'AGE'], ...pods.map(pod => [`  ${textAt(pod, 'metadata', 'namespace')}`, textAt(pod, 'metadata', 'name') ?? '', textAt(pod, 'status', 'phase') ?? '', ageText(textAt(pod, 'metadata', 'creationTimestamp'), now)])])}`,
]

const serviceSections: Section = (service, slices) => {
  const endpoints = slices.flatMap(slice =>
    listAt(slice, 'endpoints').map(one => ({ one, ports: listAt(slice, 'ports') })),
  )
  return [
    formatTable([
      [
        'Selector:',
        stringsAt(service, 'spec', 'selector')
          .map(([key, value]) => `${key}=${value}`)
          .join(',') || '<none>',
      ],
      ['Type:', textAt(service, 'spec', 'type') ?? ''],
      ['IP:', textAt(service, 'spec', 'clusterIP') ?? '<none>'],
      ...(listAt(service, 'status', 'loadBalancer', 'ingress').length === 0
        ? []
        : [
            [
              'Ingress:',
              listAt(service, 'status', 'loadBalancer', 'ingress')
                .map(one => textAt(one, 'ip') ?? textAt(one, 'hostname') ?? '')
                .join(', '),
            ],
          ]),
      [
        'Ports:',
        listAt(service, 'spec', 'ports')
          .map(
            port =>
              `${textAt(port, 'name') ?? '<unset>'} ${textAt(port, 'port')}/${textAt(port, 'protocol')} -> ${textAt(port, 'targetPort')}${textAt(port, 'nodePort') === undefined ? '' : `, node port ${textAt(port, 'nodePort')}`}`,
          )
          .join('; '),
      ],
      ['Session affinity:', textAt(service, 'spec', 'sessionAffinity') ?? 'None'],
    ]),
    `Endpoints:\n${endpoints.map(({ one, ports }) => `  ${listAt(one, 'addresses').join(',')} port ${ports.map(port => textAt(port, 'port')).join(',')} on ${textAt(one, 'nodeName') ?? '?'}: ${at(one, 'conditions', 'ready') === true ? 'ready' : 'not ready'}\n`).join('') || '  <none>\n'}`,
  ]
}

const secretSections: Section = secret => [
  `Type: ${textAt(secret, 'type') ?? ''}\nData:\n${
    stringsAt(secret, 'data')
      .map(([key, value]) => `  ${key}: ${Buffer.from(value, 'base64').length} bytes\n`)
      .join('') || '  <none>\n'
  }`,
]

const sectionsOf: Record<string, Section> = {
  Pod: podSections,
  Node: nodeSections,
  Service: serviceSections,
  Secret: secretSections,
}

const eventsText = (events: readonly unknown[], now: number): string => {
  if (events.length === 0) return 'Events: <none>\n'
  const lastOf = (event: unknown): string =>
    textAt(event, 'lastTimestamp') ?? textAt(event, 'eventTime') ?? textAt(event, 'metadata', 'creationTimestamp') ?? ''
  const rows = events
    .toSorted((a, b) => lastOf(a).localeCompare(lastOf(b)))
    .map(event => [
      `  ${textAt(event, 'type') ?? ''}`,
      textAt(event, 'reason') ?? '',
      `${ageText(lastOf(event), now)}${(textAt(event, 'count') ?? '1') === '1' ? '' : ` (x${textAt(event, 'count')})`}`,
      textAt(event, 'reportingComponent') || textAt(event, 'source', 'component') || '',
      textAt(event, 'message') ?? '',
    ])
  return `Events:\n${formatTable([['  TYPE', 'REASON', 'AGE', 'FROM', 'MESSAGE'], ...rows])}`
}
