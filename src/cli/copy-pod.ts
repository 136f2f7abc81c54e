import { basename, dirname } from 'node:path/posix'
import { Fault, isFault } from '../api/fault.ts'
import type { KubeClient } from './kube-client.ts'
import { packLocal } from './local-copy.ts'
import { kindOfWord, pathOf } from './resources.ts'
import { openChannels } from './streams/channel-socket.ts'
import { talk } from './streams/talk.ts'

/*
 *   has the image a tar? ── yes ──> exec tar in the container
 *                        └─ no ───> the node's agent does it
 */

export interface PodPlace {
  readonly kube: KubeClient
  readonly namespace: string
  readonly pod: string
  readonly container: string
  readonly path: string
  readonly signal: AbortSignal
}

/** Something of a path of a container, as an archive. What it gives out is read by `take`. */
export const copyFromPod = async (
  of: PodPlace,
  take: (archive: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<void> => {
  const name = basename(of.path)
  if (await hasTar(of)) {
    // A member that begins with a dash is none of tar's options.
    const command = ['tar', '-cf', '-', '-C', dirname(of.path), name === '' ? '.' : `./${name}`]
    await received(of, execPath(of), execQuery(of, command, false), take, 'tar')
  } else await received(of, agentPath(of), agentQuery(of, of.path, 'here'), take, undefined)
}

/** A path of this machine into a container: into its folder, or under the path's own name beside it, as cp does. */
export const copyToPod = async (of: PodPlace, local: string): Promise<void> => {
  const own = basename(local.replace(/\/+$/, '')) || 'root'
  const [folder, name] = [dirname(of.path), basename(of.path)]
  if (await hasTar(of)) {
    const isFolder = (await exec(of, ['test', '-d', of.path])) === 0
    if (!isFolder && of.path.endsWith('/'))
      throw new Fault('NotFound', `container ${of.container} has no folder ${of.path}`)
    const command = ['tar', '-xmf', '-', '-C', isFolder ? of.path : folder]
    await sent(of, execPath(of), execQuery(of, command, true), packLocal(local, isFolder ? own : name), 'tar')
    return
  }
  try {
    await sent(of, agentPath(of), agentQuery(of, of.path, 'pod'), packLocal(local, own), undefined)
  } catch (error) {
    // It is no folder there: then the copy has its name.
    if (of.path.endsWith('/') || !isFault(error, 'NotFound', 'BadRequest', 'Invalid', 'Conflict')) throw error
    await sent(of, agentPath(of), agentQuery(of, folder, 'pod'), packLocal(local, name), undefined)
  }
}

/** Whether a tar is in the image, asked by running it. */
const hasTar = async (of: PodPlace): Promise<boolean> => {
  try {
    const code = await exec(of, ['tar', '--help'])
    return code !== 126 && code !== 127
  } catch (error) {
    if (isFault(error, 'Unauthorized', 'Forbidden', 'Unavailable', 'Timeout')) throw error
    return false
  }
}

const exec = async (of: PodPlace, command: readonly string[]): Promise<number> => {
  const socket = await openChannels(of.kube.context, execPath(of), execQuery(of, command, false), of.signal)
  try {
    return await talk(socket, { stdout() {}, stderr() {} })
  } finally {
    socket.close()
  }
}

type Query = readonly (readonly [string, string])[]

const execPath = (of: PodPlace): string => pathOf(kindOfWord('pods'), of.namespace, of.pod, 'exec')
const execQuery = (of: PodPlace, command: readonly string[], stdin: boolean): Query => [
  ...command.map(word => ['command', word] as const),
  ['container', of.container],
  ['stdin', String(stdin)],
  ['stdout', 'true'],
  ['stderr', 'true'],
]

const agentPath = (of: PodPlace): string =>
  `/apis/dunlin.io/v1/namespaces/${encodeURIComponent(of.namespace)}/pods/${encodeURIComponent(of.pod)}/copy`
const agentQuery = (of: PodPlace, path: string, to: 'here' | 'pod'): Query => [
  ['container', of.container],
  ['path', path],
  ['to', to],
]

/** Runs what makes an archive, and has it taken. @throws Fault of either side; that of the maker first */
export const received = async (
  of: Pick<PodPlace, 'kube' | 'signal'>,
  path: string,
  query: Query,
  take: (archive: AsyncIterable<Uint8Array>) => Promise<void>,
  program: string | undefined,
): Promise<void> => {
  const socket = await openChannels(of.kube.context, path, query, of.signal)
  try {
    const archive = new TransformStream<Uint8Array, Uint8Array>()
    const writer = archive.writable.getWriter()
    let complaint = ''
    const taken = take(archive.readable).then(
      () => undefined,
      async (error: unknown) => {
        // Whoever makes it need not go on.
        socket.close()
        await writer.abort(error).catch(() => undefined)
        return { error }
      },
    )
    let failure: unknown
    try {
      const code = await talk(socket, {
        stdout: bytes => writer.write(bytes).catch(() => undefined),
        stderr(bytes) {
          complaint = `${complaint}${Buffer.from(bytes)}`.slice(-2000)
        },
      })
      if (code !== 0) failure = new Fault('NotFound', endOf(program, code, complaint))
      await writer.close().catch(() => undefined)
    } catch (error) {
      failure = error
      await writer.abort(error).catch(() => undefined)
    }
    const refused = await taken
    // An archive that is cut short is what came of the failure.
    if (failure !== undefined && (refused === undefined || !isFault(refused.error, 'Invalid', 'BadRequest')))
      throw failure
    if (refused !== undefined) throw refused.error
  } finally {
    socket.close()
  }
}

/** Sends an archive to what unpacks it. @throws Fault */
export const sent = async (
  of: Pick<PodPlace, 'kube' | 'signal'>,
  path: string,
  query: Query,
  archive: AsyncIterable<Uint8Array>,
  program: string | undefined,
): Promise<void> => {
  const socket = await openChannels(of.kube.context, path, query, of.signal)
  let complaint = ''
  let unread: unknown
  async function* read(): AsyncIterable<Uint8Array> {
    try {
      yield* archive
    } catch (error) {
      unread = error
      socket.close()
    }
  }
  try {
    const code = await talk(socket, {
      stdin: read(),
      stdout() {},
      stderr(bytes) {
        complaint = `${complaint}${Buffer.from(bytes)}`.slice(-2000)
      },
    })
    if (code !== 0) throw new Fault('BadRequest', endOf(program, code, complaint))
  } catch (error) {
    throw unread ?? error
  } finally {
    socket.close()
  }
}

const endOf = (program: string | undefined, code: number, complaint: string): string =>
  complaint.trim() || `${program ?? 'the copy'} ended with exit code ${code}`

/** A note for people: what was left out of a copy. */
export const leftOutNote = (leftOut: readonly string[], count: number): string =>
  `left out ${count}: ${leftOut.join('; ')}${count > leftOut.length ? '; …' : ''}`
