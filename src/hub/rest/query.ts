import { Fault } from '../../api/fault.ts'

/** k8s: absent, `false` and `0` are false; Python writes `True` and `False`; everything else is true. */
export const queryFlag = (query: URLSearchParams, name: string): boolean => {
  const value = query.get(name)
  return value !== null && !['false', 'f', '0'].includes(value.toLowerCase())
}

/**
 * A whole number that is not negative; undefined where it is absent or empty.
 * @throws Fault BadRequest
 */
export const queryNumber = (query: URLSearchParams, name: string): number | undefined => {
  const text = query.get(name) ?? ''
  if (text === '') return undefined
  const value = Number(text)
  if (!/^\d{1,15}$/.test(text)) {
    throw new Fault(
      'BadRequest',
      `${name}: Invalid value: ${JSON.stringify(text.slice(0, 80))}: must be a whole number, 0 or more`,
    )
  }
  return value
}

/**
 * `dryRun=All`.
 * @throws Fault BadRequest for anything else
 */
export const isDryRun = (values: readonly string[]): boolean => {
  const wrong = values.find(value => value !== 'All' && value !== '')
  if (wrong !== undefined) {
    throw new Fault(
      'BadRequest',
      `dryRun: Unsupported value: ${JSON.stringify(wrong.slice(0, 80))}: supported values: "All"`,
    )
  }
  return values.includes('All')
}
