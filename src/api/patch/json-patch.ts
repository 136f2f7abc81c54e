import jsonpatch, { type Operation } from 'fast-json-patch'
import { Fault } from '../fault.ts'

/** k8s: maxJSONPatchOperations */
const maxOperations = 10_000

/** What all `copy` operations of a patch may copy together, in bytes of JSON: doubling has an end. */
const maxCopiedBytes = 3 * 1024 * 1024

/**
 * JSON patch (RFC 6902), applied whole or not at all. `document` is not changed.
 *
 * @throws Fault BadRequest (no patch), RequestEntityTooLarge (too many operations, too much copied), Invalid (a test
 * that fails, a path that is not there)
 * @example jsonPatch({ a: 1 }, [{ op: 'replace', path: '/a', value: 2 }]) // { a: 2 }
 */
export const jsonPatch = (document: unknown, patch: unknown): unknown => {
  if (!Array.isArray(patch)) throw new Fault('BadRequest', 'a JSON patch is a list of operations')
  if (patch.length > maxOperations) {
    throw new Fault(
      'RequestEntityTooLarge',
      `the allowed maximum operations in a JSON patch is ${maxOperations}, got ${patch.length}`,
    )
  }
  let result: unknown = structuredClone(document)
  let copied = 0
  for (const [index, one] of patch.entries()) {
    const operation = operationOf(one, index)
    if (operation.op === 'copy') {
      copied +=
        JSON.stringify(applied(() => jsonpatch.getValueByPointer(result, operation.from), index, operation))?.length ??
        0
      if (copied > maxCopiedBytes) {
        throw new Fault(
          'RequestEntityTooLarge',
          `the copy operations of the JSON patch copy more than ${maxCopiedBytes} bytes`,
        )
      }
    }
    result = applied(
      () => jsonpatch.applyOperation(result, operation, true, true, true, index).newDocument,
      index,
      operation,
    )
  }
  return result
}

const operationOf = (one: unknown, index: number): Operation => {
  if (!isMap(one)) throw new Fault('BadRequest', `operation ${index} of the JSON patch is not an object`)
  const { op, path, from, value } = one
  if (typeof path !== 'string') throw new Fault('BadRequest', `operation ${index} of the JSON patch has no path`)
  for (const pointer of [path, from]) {
    if (typeof pointer === 'string' && isUnsafe(pointer)) {
      throw new Fault(
        'BadRequest',
        `operation ${index} of the JSON patch may not use the path ${JSON.stringify(pointer)}`,
      )
    }
  }
  switch (op) {
    case 'add':
    case 'replace':
    case 'test':
      if (value === undefined)
        throw new Fault('BadRequest', `operation ${index} of the JSON patch (${op}) has no value`)
      return { op, path, value: structuredClone(value) }
    case 'remove':
      return { op, path }
    case 'move':
    case 'copy':
      if (typeof from !== 'string')
        throw new Fault('BadRequest', `operation ${index} of the JSON patch (${op}) has no from`)
      return { op, path, from }
    default:
      throw new Fault(
        'BadRequest',
        `operation ${index} of the JSON patch: ${JSON.stringify(op)?.slice(0, 64)} is none of add, remove, replace, move, copy, test`,
      )
  }
}

/** Whether a pointer leads to a prototype. */
const isUnsafe = (pointer: string): boolean =>
  pointer.split('/').some(part => part === '__proto__' || part === 'prototype' || part === 'constructor')

const isMap = (value: unknown): value is { readonly [field: string]: unknown } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const applied = <T>(act: () => T, index: number, operation: Operation): T => {
  try {
    return act()
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error)
    throw new Fault(
      'Invalid',
      `the server rejected our request due to an error in our request: operation ${index} of the JSON patch (${operation.op} ${operation.path}) cannot be applied: ${why}`,
      {},
      error,
    )
  }
}
