import { Fault } from '../../api/fault.ts'

/** How the client wants objects: whole, as rows, or their metadata alone. */
export type Representation =
  | { readonly as: 'object' }
  | { readonly as: 'table'; readonly version: 'v1' | 'v1beta1' }
  | { readonly as: 'metadata'; readonly version: 'v1' | 'v1beta1' }

interface MediaType {
  readonly type: string
  readonly parameters: { readonly [name: string]: string }
}

/** The entries of an Accept header, in the order in which they stand: clients put first what they want most. */
export const parseAccept = (header: string | undefined): readonly MediaType[] =>
  (header ?? '*/*')
    .slice(0, 4096)
    .split(',')
    .map(part => {
      const [type = '', ...words] = part.split(';').map(word => word.trim())
      const pairs = words.map(word => word.split('=', 2)).map(([name = '', value = '']) => [name.toLowerCase(), value])
      return { type: type.toLowerCase(), parameters: Object.fromEntries(pairs) }
    })

const isJson = (type: string): boolean => ['application/json', 'application/*', '*/*', ''].includes(type)

/**
 * The first entry that we can give.
 *
 * @throws Fault NotAcceptable where there is none
 */
export const chooseRepresentation = (header: string | undefined): Representation => {
  for (const { type, parameters } of parseAccept(header)) {
    if (!isJson(type)) continue
    const version = parameters['v'] ?? ''
    const as = parameters['as'] ?? ''
    if (as === '') return { as: 'object' }
    if (parameters['g'] !== 'meta.k8s.io' || (version !== 'v1' && version !== 'v1beta1')) continue
    if (as === 'Table') return { as: 'table', version }
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') return { as: 'metadata', version }
  }
  throw new Fault(
    'NotAcceptable',
    `only the following media types are accepted: application/json, application/json;as=Table;g=meta.k8s.io;v=v1, application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1 (asked for: ${(header ?? '').slice(0, 200)})`,
  )
}
