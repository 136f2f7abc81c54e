import { duplicate, immutable, invalid, oneOf, required, ruled } from '../causes.ts'
import type { FaultCause } from '../fault.ts'
import { dnsLabel, isIPv4, isIPv6, portNumber } from '../names.ts'
import type { EndpointSlice } from '../types.ts'
import { age, ageColumn, aKind, column, nameColumn, nameOf } from './a-kind.ts'

/** k8s: discovery/validation */
const maxEndpoints = 1000
const maxAddresses = 100

export const endpointSliceKind = aKind<EndpointSlice>({
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  isNamespaced: true,
  defaults: slice => ({
    ...slice,
    endpoints: slice.endpoints ?? [],
    ports: (slice.ports ?? []).map(port => ({ ...port, name: port.name ?? '', protocol: port.protocol ?? 'TCP' })),
  }),
  validate: (slice, before) => [
    ...(slice.addressType === ''
      ? [required('addressType')]
      : oneOf('addressType', slice.addressType, ['FQDN', 'IPv4', 'IPv6'])),
    ...(before !== undefined && before.addressType !== slice.addressType
      ? [immutable('addressType', slice.addressType)]
      : []),
    ...endpointCauses(slice),
    ...portCauses(slice),
  ],
  columns: [
    nameColumn,
    column('AddressType', 'addressType specifies the type of address carried by this EndpointSlice.'),
    column('Ports', 'ports specifies the list of network ports exposed by each endpoint in this slice.'),
    column('Endpoints', 'endpoints is a list of unique endpoints in this slice.'),
    ageColumn,
  ],
  cells: (slice, now) => [
    nameOf(slice),
    slice.addressType,
    firstFew((slice.ports ?? []).map(port => (port.port === undefined ? '*' : String(port.port)))),
    firstFew((slice.endpoints ?? []).flatMap(one => one.addresses)),
    age(slice, now),
  ],
})

/** Three of them, and how many more there are. */
const firstFew = (all: readonly string[]): string =>
  all.length === 0
    ? '<unset>'
    : all.length > 3
      ? `${all.slice(0, 3).join(',')} + ${all.length - 3} more...`
      : all.join(',')

const endpointCauses = (slice: EndpointSlice): readonly FaultCause[] => {
  const endpoints = slice.endpoints ?? []
  if (endpoints.length > maxEndpoints) {
    return [
      {
        reason: 'FieldValueTooMany',
        field: 'endpoints',
        message: `Too many: ${endpoints.length}: must have at most ${maxEndpoints} items`,
      },
    ]
  }
  return endpoints.flatMap((endpoint, index) => {
    const field = `endpoints[${index}].addresses`
    if (endpoint.addresses.length === 0) return [required(field, 'must contain at least 1 address')]
    if (endpoint.addresses.length > maxAddresses) {
      return [
        {
          reason: 'FieldValueTooMany',
          field,
          message: `Too many: ${endpoint.addresses.length}: must have at most ${maxAddresses} items`,
        },
      ]
    }
    return endpoint.addresses.flatMap((address, number) => {
      const isRight =
        slice.addressType === 'IPv4' ? isIPv4(address) : slice.addressType === 'IPv6' ? isIPv6(address) : true
      return isRight ? [] : [invalid(`${field}[${number}]`, address, `must be an ${slice.addressType} address`)]
    })
  })
}

const portCauses = (slice: EndpointSlice): readonly FaultCause[] => {
  const ports = slice.ports ?? []
  return ports.flatMap((port, index) => {
    const at = `ports[${index}]`
    const name = port.name ?? ''
    const wrongPort = port.port === undefined ? undefined : portNumber(port.port)
    return [
      ...(name === '' ? [] : ruled(`${at}.name`, name, dnsLabel)),
      ...(ports.findIndex(one => (one.name ?? '') === name) < index ? [duplicate(`${at}.name`, name)] : []),
      ...oneOf(`${at}.protocol`, port.protocol, ['SCTP', 'TCP', 'UDP']),
      ...(wrongPort === undefined ? [] : [invalid(`${at}.port`, port.port, wrongPort)]),
    ]
  })
}
