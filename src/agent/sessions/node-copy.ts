import { realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { describeError, Fault } from '../../api/fault.ts'
import { type DevicePolicy, judgePath } from '../../core/access/device-policy.ts'
import { type FolderHandle, openFolder } from '../../lib/folder-handle.ts'
import { packFolder } from '../../lib/pack-folder.ts'
import { readEntries, writeEntries } from '../../lib/tar-entries.ts'
import { unpackInto } from '../../lib/unpack-into.ts'
import { parseNodeCopyRequest } from '../../wire/side-channel/node-requests.ts'
import { demandAllowed, type ReadPolicy } from './device-policy-file.ts'
import { type StreamService, streamService } from './stream-service.ts'

/*
 *   out: path, its links followed ──> allowed? ──> its folder held open ──> archive
 *   in:  archive ──> folder held open, allowed? ──> nothing outside of it
 */

/**
 * An archive of a path of this device. Its first name is the last part of the path that was asked for.
 *
 * @throws Fault NotFound, Forbidden as the device's policy says
 */
export const serveNodeCopyOut = (of: { readonly policy: ReadPolicy }): StreamService =>
  streamService('node-copy-out', parseNodeCopyRequest, async (request, stream) => {
    const policy = await of.policy()
    const real = await readable(policy, request.path)
    const folder = await held(dirname(real))
    try {
      const name = basename(real)
      const as = basename(request.path) || 'root'
      const entries = packFolder(folder, name === '' ? '.' : name, as)
      stream.accept()
      for await (const chunk of writeEntries(entries)) await stream.write(chunk)
      return undefined
    } catch (error) {
      throw asFault(error, request.path)
    } finally {
      await folder.close()
    }
  })

/**
 * Unpacks an archive: into the path where that is a folder, else under the path's own name beside it, as cp does.
 *
 * @throws Fault NotFound (not even its folder is there), Forbidden as the policy says, Malformed (the archive), and what
 *   was left out
 */
export const serveNodeCopyIn = (of: { readonly policy: ReadPolicy; readonly newName: () => string }): StreamService =>
  streamService('node-copy-in', parseNodeCopyRequest, async (request, stream) => {
    const policy = await of.policy()
    const { folder, rename } = await destination(policy, request.path)
    try {
      stream.accept()
      const done = await unpackInto(folder, readEntries(stream.incoming), {
        newName: of.newName,
        ...(rename === undefined ? {} : { rename }),
      })
      if (done.leftOutCount === 0) return undefined
      const more =
        done.leftOutCount > done.leftOut.length ? `, and ${done.leftOutCount - done.leftOut.length} more` : ''
      throw new Fault(
        'BadRequest',
        `copied, but ${done.leftOutCount} of it left out: ${done.leftOut.join('; ').slice(0, 3000)}${more}`,
      )
    } catch (error) {
      throw asFault(error, request.path)
    } finally {
      await folder.close()
    }
  })

const readable = async (policy: DevicePolicy, path: string): Promise<string> => {
  // Whether a path is there is told only of paths that may be read.
  const real = await realpath(path).catch((error: unknown) => {
    demandAllowed(judgePath(policy, 'read', path.replace(/\/+$/, '')))
    throw asFault(error, path)
  })
  demandAllowed(judgePath(policy, 'read', real === '/' ? '' : real))
  return real
}

/** The folder of a path that was judged, held open: where something was moved meanwhile, it is none of ours. */
const held = async (path: string): Promise<FolderHandle> => {
  const folder = await openFolder(path)
  const found = await folder.realPath()
  if (found === path) return folder
  await folder.close()
  throw new Fault('Conflict', `${path} was moved to ${found} while it was opened; try again`)
}

const destination = async (
  policy: DevicePolicy,
  path: string,
): Promise<{ readonly folder: FolderHandle; readonly rename?: string }> => {
  const real = await realpath(path).catch(() => undefined)
  const whole = real === '/' ? '' : real
  const inside = real === undefined ? undefined : await openFolder(real).catch(() => undefined)
  await inside?.close()
  if (real !== undefined && inside !== undefined) {
    demandAllowed(judgePath(policy, 'write', whole ?? ''))
    return { folder: await held(real) }
  }
  const name = basename(path)
  const parent = await realpath(dirname(path)).catch((error: unknown) => {
    demandAllowed(judgePath(policy, 'write', path))
    throw asFault(error, dirname(path))
  })
  demandAllowed(judgePath(policy, 'write', join(parent, name)))
  if (path.endsWith('/')) throw new Fault('NotFound', `this device has no folder ${path}`)
  return { folder: await held(parent), rename: name }
}

const asFault = (error: unknown, path: string): unknown => {
  if (error instanceof Fault) return error
  if (error instanceof RangeError) return new Fault('Malformed', error.message, { path }, error)
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code === 'ENOENT') return new Fault('NotFound', `this device has no ${path}`, { path }, error)
  if (code === 'ENOTDIR' || code === 'ELOOP')
    return new Fault(
      'Forbidden',
      `a link or a file stands in the way below ${path}: links are not followed`,
      { path },
      error,
    )
  return new Fault('Machine', `${path} cannot be copied: ${describeError(error)}`, { path }, error)
}
