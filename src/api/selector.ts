import { Fault } from './fault.ts'
import { labelValue, qualifiedName } from './names.ts'
import type { LabelSelector, NodeSelectorRequirement, NodeSelectorTerm } from './types.ts'

export type Labels = { readonly [key: string]: string }

/** One condition on the labels; a selector is all of its requirements. */
export interface Requirement {
  readonly key: string
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt'
  readonly values: readonly string[]
}

export type Selector = readonly Requirement[]

/** The selector that selects everything. */
export const everything: Selector = []

/** A selector's text is bounded: nothing longer is looked at. */
const maxLength = 16_384

const malformed = (text: string, why: string): Fault =>
  new Fault('BadRequest', `unable to parse requirement: ${why}`, { selector: text.slice(0, 256) })

/**
 * Reads a label selector as the `labelSelector` parameter carries it (k8s: labels.Parse):
 * `a=b`, `a==b`, `a!=b`, `a in (x,y)`, `a notin (x)`, `a`, `!a`, `a>1`, `a<2`, joined by commas.
 *
 * @throws Fault BadRequest
 * @example matches(parseSelector('app=web,tier!=db'), { app: 'web' }) // true
 */
export const parseSelector = (text: string): Selector => {
  if (text.length > maxLength) throw malformed(text, `the selector is longer than ${maxLength} characters`)
  const tokens = tokensOf(text)
  const requirements: Requirement[] = []
  let at = 0
  const peek = (): string | undefined => tokens[at]
  const take = (): string | undefined => tokens[at++]
  const expectWord = (what: string): string => {
    const token = take()
    if (token === undefined || isSymbol(token)) {
      throw malformed(text, `found '${token ?? ''}', expected: ${what}`)
    }
    return token
  }
  const valueList = (): readonly string[] => {
    if (take() !== '(') throw malformed(text, `found '${tokens[at - 1] ?? ''}', expected: '('`)
    const values = new Set<string>()
    for (;;) {
      const token = peek()
      if (token === undefined) throw malformed(text, "found '', expected: ',', ')' or identifier")
      if (isSymbol(token)) values.add('')
      else {
        values.add(token)
        at += 1
      }
      const next = take()
      if (next === ')') return [...values].toSorted()
      if (next !== ',') throw malformed(text, `found '${next ?? ''}', expected: ',' or ')'`)
    }
  }
  const requirement = (): Requirement => {
    if (peek() === '!') {
      at += 1
      return checked(text, { key: expectWord('identifier'), operator: 'DoesNotExist', values: [] })
    }
    const key = expectWord('!, identifier, or end of selector')
    const operator = peek()
    if (operator === undefined || operator === ',') return checked(text, { key, operator: 'Exists', values: [] })
    at += 1
    if (operator === 'in') return checked(text, { key, operator: 'In', values: valueList() })
    if (operator === 'notin') return checked(text, { key, operator: 'NotIn', values: valueList() })
    const known = operators.get(operator)
    if (known === undefined) {
      throw malformed(text, `found '${operator}', expected: in, notin, =, ==, !=, gt, lt`)
    }
    const value = peek() === undefined || peek() === ',' ? '' : expectWord('identifier')
    return checked(text, { key, operator: known, values: [value] })
  }
  if (tokens.length === 0) return everything
  for (;;) {
    requirements.push(requirement())
    const next = take()
    if (next === undefined) return requirements
    if (next !== ',') throw malformed(text, `found '${next}', expected: ',' or 'end of string'`)
    if (peek() === undefined) throw malformed(text, "found '', expected: identifier after ','")
  }
}

const operators: ReadonlyMap<string, Requirement['operator']> = new Map([
  ['=', 'In'],
  ['==', 'In'],
  ['!=', 'NotIn'],
  ['>', 'Gt'],
  ['<', 'Lt'],
])

const isSymbol = (token: string): boolean => /^[(),!=<>]/.test(token)

const tokensOf = (text: string): readonly string[] =>
  [...text.matchAll(/==|!=|[=!<>(),]|[^\s=!<>(),]+/g)].map(match => match[0])

const checked = (text: string, requirement: Requirement): Requirement => {
  const why = whyBadRequirement(requirement)
  if (why !== undefined) throw malformed(text, why)
  return requirement
}

const whyBadRequirement = ({ key, operator, values }: Requirement): string | undefined => {
  const badKey = qualifiedName(key)
  if (badKey !== undefined) return `key: Invalid value: ${JSON.stringify(key)}: ${badKey}`
  if ((operator === 'Gt' || operator === 'Lt') && !/^[+-]?\d+$/.test(values[0] ?? '')) {
    return `values[0]: Invalid value: ${JSON.stringify(values[0])}: for 'Gt', 'Lt' operators, the value must be an integer`
  }
  for (const [index, value] of values.entries()) {
    const badValue = labelValue(value)
    if (badValue !== undefined) {
      return `values[${index}][${key}]: Invalid value: ${JSON.stringify(value)}: ${badValue}`
    }
  }
  return undefined
}

/** Whether the labels meet every requirement. */
export const matches = (selector: Selector, labels: Labels | undefined): boolean =>
  selector.every(requirement => meets(requirement, labels ?? {}))

const meets = ({ key, operator, values }: Requirement, labels: Labels): boolean => {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      // k8s: an object without the label is not in the set, and is selected.
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
    case 'Gt':
    case 'Lt': {
      if (value === undefined || !/^[+-]?\d{1,18}$/.test(value)) return false
      const [mine, bound] = [BigInt(value.replace(/^\+/, '')), BigInt((values[0] ?? '0').replace(/^\+/, ''))]
      return operator === 'Gt' ? mine > bound : mine < bound
    }
  }
}

/**
 * The selector of a LabelSelector object. An absent one selects nothing (undefined); an empty one everything.
 * @throws Fault BadRequest on an operator that is none
 */
export const selectorOf = (selector: LabelSelector | undefined): Selector | undefined => {
  if (selector === undefined) return undefined
  return [
    ...Object.entries(selector.matchLabels ?? {}).map(
      ([key, value]): Requirement => ({ key, operator: 'In', values: [value] }),
    ),
    ...(selector.matchExpressions ?? []).map(({ key, operator, values = [] }): Requirement => {
      if (operator === 'In' || operator === 'NotIn' || operator === 'Exists' || operator === 'DoesNotExist') {
        return { key, operator, values }
      }
      throw new Fault('BadRequest', `${JSON.stringify(operator)} is not a valid label selector operator`)
    }),
  ]
}

/** Whether a LabelSelector object selects the labels. An absent selector selects nothing. */
export const labelSelectorMatches = (selector: LabelSelector | undefined, labels: Labels | undefined): boolean => {
  const requirements = selectorOf(selector)
  return requirements !== undefined && matches(requirements, labels)
}

/** The text of a selector, as `kubectl get deploy -o wide` shows it. */
export const formatSelector = (selector: Selector): string =>
  selector
    .toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(formatRequirement)
    .join(',')

const formatRequirement = ({ key, operator, values }: Requirement): string => {
  switch (operator) {
    case 'In':
      return values.length === 1 ? `${key}=${values[0]}` : `${key} in (${values.toSorted().join(',')})`
    case 'NotIn':
      return values.length === 1 ? `${key}!=${values[0]}` : `${key} notin (${values.toSorted().join(',')})`
    case 'Exists':
      return key
    case 'DoesNotExist':
      return `!${key}`
    case 'Gt':
      return `${key}>${values[0]}`
    case 'Lt':
      return `${key}<${values[0]}`
  }
}

/**
 * Whether a node's labels and fields meet one term of a node selector. An empty term selects nothing.
 * k8s: component-helpers/scheduling/corev1/nodeaffinity
 */
export const nodeTermMatches = (term: NodeSelectorTerm, labels: Labels | undefined, nodeName: string): boolean => {
  const expressions = term.matchExpressions ?? []
  const fields = term.matchFields ?? []
  if (expressions.length === 0 && fields.length === 0) return false
  const fieldLabels: Labels = { 'metadata.name': nodeName }
  return expressions.every(one => meetsNode(one, labels ?? {})) && fields.every(one => meetsNode(one, fieldLabels))
}

const nodeOperators = ['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt'] as const

const meetsNode = ({ key, operator, values = [] }: NodeSelectorRequirement, labels: Labels): boolean => {
  const known = nodeOperators.find(one => one === operator)
  return known !== undefined && meets({ key, operator: known, values }, labels)
}

/** One condition on an object's fields. */
export interface FieldRequirement {
  readonly field: string
  readonly isEqual: boolean
  readonly value: string
}

/**
 * Reads a field selector (k8s: fields.ParseSelector): `metadata.name=web,status.phase!=Failed`. The value may be empty;
 * `\\`, `\,` and `\=` stand for themselves.
 * @throws Fault BadRequest
 */
export const parseFieldSelector = (text: string): readonly FieldRequirement[] => {
  if (text.length > maxLength) throw malformed(text, `the selector is longer than ${maxLength} characters`)
  if (text === '') return []
  return (text.match(/(?:\\.|[^,\\])+/gs) ?? []).map(term => {
    const match = /^((?:\\.|[^=!\\])*?)(!=|==|=)(.*)$/s.exec(term)
    if (match === null || match[1] === '') {
      throw new Fault(
        'BadRequest',
        `invalid selector: '${text.slice(0, 256)}'; can't understand '${term.slice(0, 256)}'`,
      )
    }
    const [, field = '', operator = '', value = ''] = match
    if (/(?<!\\)(?:\\\\)*=/.test(value)) {
      throw new Fault('BadRequest', `invalid field selector: unescaped "=" in the value '${value.slice(0, 256)}'`)
    }
    return { field, isEqual: operator !== '!=', value: value.replaceAll(/\\([\\,=])/g, '$1') }
  })
}

/**
 * Whether an object with these fields is selected.
 * @throws Fault BadRequest where a field is not among those that may be selected by
 */
export const fieldsMatch = (
  requirements: readonly FieldRequirement[],
  fields: { readonly [path: string]: string },
): boolean =>
  requirements.every(({ field, isEqual, value }) => {
    if (!Object.hasOwn(fields, field)) throw new Fault('BadRequest', `field label not supported: ${field}`)
    return (fields[field] === value) === isEqual
  })
