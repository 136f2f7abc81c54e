import { invalid } from '../causes.ts'
import { ageOf } from '../duration.ts'
import type { Cell } from '../kind.ts'
import type { Event } from '../types.ts'
import { aKind, column, nameOf, wideColumn } from './a-kind.ts'

export const eventKind = aKind<Event>({
  group: '',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  shortNames: ['ev'],
  isNamespaced: true,
  validate: event => {
    const about = event.involvedObject.namespace ?? ''
    const isRight =
      about === ''
        ? ['default', 'kube-system'].includes(event.metadata.namespace ?? '')
        : about === event.metadata.namespace
    return isRight ? [] : [invalid('involvedObject.namespace', about, 'does not match event.namespace')]
  },
  selectableFields: event => ({
    'involvedObject.kind': event.involvedObject.kind ?? '',
    'involvedObject.namespace': event.involvedObject.namespace ?? '',
    'involvedObject.name': event.involvedObject.name ?? '',
    'involvedObject.uid': event.involvedObject.uid ?? '',
    'involvedObject.apiVersion': event.involvedObject.apiVersion ?? '',
    'involvedObject.resourceVersion': event.involvedObject.resourceVersion ?? '',
    'involvedObject.fieldPath': event.involvedObject.fieldPath ?? '',
    reason: event.reason ?? '',
    reportingComponent: event.reportingComponent ?? '',
    source: event.source?.component || (event.reportingComponent ?? ''),
    type: event.type ?? '',
  }),
  columns: [
    column('Last Seen', 'The time at which the most recent occurrence of this event was recorded.'),
    column('Type', 'Type of this event (Normal, Warning), new types could be added in the future'),
    column(
      'Reason',
      "This should be a short, machine understandable string that gives the reason for the transition into the object's current status.",
    ),
    column('Object', 'The object that this event is about.'),
    wideColumn('Subobject', 'The part of the object that this event is about.'),
    wideColumn('Source', 'The component reporting this event.'),
    column('Message', 'A human-readable description of the status of this operation.'),
    wideColumn('First Seen', 'The time at which the event was first recorded.'),
    wideColumn('Count', 'The number of times this event has occurred.', 'integer'),
    { ...wideColumn('Name', 'Name of the event.'), format: 'name' },
  ],
  cells: eventCells,
})

/** k8s: printEvent */
function eventCells(event: Event, now: number): readonly Cell[] {
  const { involvedObject: about, series } = event
  const first = ageOf(event.firstTimestamp ?? event.eventTime, now)
  const last = series?.lastObservedTime ?? event.lastTimestamp
  const kind = (about.kind ?? '').toLowerCase()
  return [
    last === undefined ? first : ageOf(last, now),
    event.type ?? '',
    event.reason ?? '',
    (about.name ?? '') === '' ? kind : `${kind}/${about.name}`,
    about.fieldPath ?? '',
    [event.source?.component || event.reportingComponent, event.source?.host || event.reportingInstance]
      .filter(one => one !== undefined && one !== '')
      .join(', '),
    (event.message ?? '').trim(),
    first,
    series?.count ?? (event.count || 1),
    nameOf(event),
  ]
}
