import { invalid, ruled } from '../causes.ts'
import type { FaultCause } from '../fault.ts'
import { qualifiedName } from '../names.ts'
import { tryParseQuantity } from '../quantity.ts'
import type { ResourceRequirements } from '../types.ts'

/** Resources that Kubernetes itself names; any other is `domain/name` and counted in whole numbers. */
const standard = ['cpu', 'memory', 'ephemeral-storage']

/** What is wrong with requests and limits (k8s: ValidateContainerResourceRequirements). */
export const resourceCauses = (resources: ResourceRequirements | undefined, field: string): readonly FaultCause[] => {
  const limits = resources?.limits ?? {}
  const requests = resources?.requests ?? {}
  return [
    ...amountCauses(limits, `${field}.limits`),
    ...amountCauses(requests, `${field}.requests`),
    ...Object.entries(requests).flatMap(([name, request]) => {
      const limit = Object.hasOwn(limits, name) ? limits[name] : undefined
      const [asked, most] = [tryParseQuantity(request), limit === undefined ? undefined : tryParseQuantity(limit)]
      return asked !== undefined && most !== undefined && asked > most
        ? [invalid(`${field}.requests`, request, `must be less than or equal to ${name} limit of ${limit}`)]
        : []
    }),
  ]
}

const amountCauses = (amounts: { readonly [name: string]: string }, field: string): readonly FaultCause[] =>
  Object.entries(amounts).flatMap(([name, amount]) => {
    const at = `${field}[${name}]`
    const nanos = tryParseQuantity(amount)
    const isOurs = standard.includes(name) || name.startsWith('hugepages-')
    return [
      ...ruled(at, name, qualifiedName),
      ...(!isOurs && !name.includes('/') ? [invalid(at, name, 'must be a standard resource for containers')] : []),
      ...(nanos === undefined || nanos < 0n ? [invalid(at, amount, 'must be greater than or equal to 0')] : []),
      ...(!isOurs && name.includes('/') && nanos !== undefined && nanos % 1_000_000_000n !== 0n
        ? [invalid(at, amount, 'must be an integer')]
        : []),
    ]
  })
