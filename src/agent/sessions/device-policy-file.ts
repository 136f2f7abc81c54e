import { open } from 'node:fs/promises'
import { describeError, Fault } from '../../api/fault.ts'
import { type DevicePolicy, type Judgement, usualPolicy } from '../../core/access/device-policy.ts'
import { mostPolicyBytes, parsePolicy } from './parse-policy.ts'

/** What holds now on this device: read anew for each request, so that a change needs no restart. */
export type ReadPolicy = () => Promise<DevicePolicy>

/**
 * The policy of the device's file, which need not be there. One that cannot be read or understood closes every door.
 *
 * @example const policy = policyOf({ path: '/var/lib/dunlin/agent/policy.yaml', allowShell: () => false }); await policy()
 */
export const policyOf =
  (of: { readonly path: string; readonly allowShell: () => boolean }): ReadPolicy =>
  async () => {
    const usual = usualPolicy({ allowShell: of.allowShell() })
    try {
      const text = await textOf(of.path)
      return text === undefined ? usual : parsePolicy(text, of.path, usual)
    } catch (error) {
      throw new Fault(
        'Forbidden',
        `this device's policy cannot be understood, so nothing is allowed: ${describeError(error)}`,
        {},
        error,
      )
    }
  }

/** @throws Fault Forbidden with what the device's policy says */
export const demandAllowed = (judged: Judgement): void => {
  if (!judged.isAllowed) throw new Fault('Forbidden', judged.why)
}

const textOf = async (path: string): Promise<string | undefined> => {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (file === undefined) return undefined
  try {
    const buffer = Buffer.alloc(mostPolicyBytes + 1)
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0)
    if (bytesRead > mostPolicyBytes) throw new Fault('Malformed', `${path} is longer than ${mostPolicyBytes} bytes`)
    return buffer.subarray(0, bytesRead).toString('utf8')
  } finally {
    await file.close()
  }
}
