import { forbidden, invalid, notNegative, oneOf, required } from '../causes.ts'
import type { FaultCause } from '../fault.ts'
import { portName, portNumber } from '../names.ts'
import type { HTTPGetAction, IntOrString, Lifecycle, LifecycleHandler, Probe } from '../types.ts'

/**
 * What is wrong with a probe.
 * @param success `once`: liveness and startup probes succeed with one success
 */
export const probeCauses = (
  probe: Probe | undefined,
  field: string,
  success: 'once' | 'often',
): readonly FaultCause[] => {
  if (probe === undefined) return []
  const counts = [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ] as const
  return [
    ...handlerCauses(probe, field, ['exec', 'httpGet', 'tcpSocket', 'grpc']),
    ...counts.flatMap(name => notNegative(`${field}.${name}`, probe[name])),
    ...(success === 'once' && (probe.successThreshold ?? 1) !== 1
      ? [invalid(`${field}.successThreshold`, probe.successThreshold, 'must be 1')]
      : []),
    ...(probe.terminationGracePeriodSeconds !== undefined && probe.terminationGracePeriodSeconds <= 0
      ? [
          invalid(
            `${field}.terminationGracePeriodSeconds`,
            probe.terminationGracePeriodSeconds,
            'must be greater than 0',
          ),
        ]
      : []),
  ]
}

/** What is wrong with a container's hooks. */
export const lifecycleCauses = (lifecycle: Lifecycle | undefined, field: string): readonly FaultCause[] => [
  ...hookCauses(lifecycle?.postStart, `${field}.postStart`),
  ...hookCauses(lifecycle?.preStop, `${field}.preStop`),
]

const hookCauses = (hook: LifecycleHandler | undefined, field: string): readonly FaultCause[] => {
  if (hook === undefined) return []
  return [
    ...handlerCauses(hook, field, ['exec', 'httpGet', 'tcpSocket', 'sleep']),
    ...(hook.sleep === undefined ? [] : notNegative(`${field}.sleep.seconds`, hook.sleep.seconds)),
  ]
}

interface Handler {
  readonly exec?: { readonly command?: readonly string[] }
  readonly httpGet?: HTTPGetAction
  readonly tcpSocket?: { readonly port: IntOrString }
  readonly grpc?: { readonly port: number }
  readonly sleep?: object
}

/** One way of asking, and one only (k8s: validateHandler). */
const handlerCauses = (handler: Handler, field: string, ways: readonly (keyof Handler)[]): readonly FaultCause[] => {
  const used = ways.filter(way => handler[way] !== undefined)
  if (used.length === 0) return [required(field, 'must specify a handler type')]
  return [
    ...used.slice(1).map(way => forbidden(`${field}.${way}`, 'may not specify more than 1 handler type')),
    ...(handler.exec !== undefined && (handler.exec.command?.length ?? 0) === 0
      ? [required(`${field}.exec.command`)]
      : []),
    ...(handler.httpGet === undefined ? [] : httpGetCauses(handler.httpGet, `${field}.httpGet`)),
    ...(handler.tcpSocket === undefined ? [] : portCauses(handler.tcpSocket.port, `${field}.tcpSocket.port`)),
    ...(handler.grpc === undefined ? [] : portCauses(handler.grpc.port, `${field}.grpc.port`)),
  ]
}

const httpGetCauses = (get: HTTPGetAction, field: string): readonly FaultCause[] => [
  ...(get.path === '' ? [required(`${field}.path`)] : []),
  ...portCauses(get.port, `${field}.port`),
  ...oneOf(`${field}.scheme`, get.scheme, ['HTTP', 'HTTPS']),
  ...(get.httpHeaders ?? []).flatMap((header, index) =>
    /^[-!#$%&'*+.^_`|~0-9A-Za-z]+$/.test(header.name)
      ? []
      : [
          invalid(
            `${field}.httpHeaders[${index}].name`,
            header.name,
            "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name')",
          ),
        ],
  ),
]

/** A number, or the name of a port. */
export const portCauses = (port: IntOrString, field: string): readonly FaultCause[] => {
  const why = typeof port === 'number' ? portNumber(port) : portName(port)
  return why === undefined ? [] : [invalid(field, port, why)]
}
