import { Fault } from '../../api/fault.ts'
import { causeOf } from '../client.ts'
import type { Engine } from '../engine/open-engine.ts'

/** As if there were a tar in the container: the engine walks its files, links resolved inside it. */
export const copyOutOf = async (of: {
  readonly engine: Engine
  readonly engineId: string
  readonly path: string
  readonly signal: AbortSignal
}): Promise<AsyncIterable<Uint8Array>> =>
  await namingThePath(of.path, () =>
    of.engine.streams.download({
      path: `/containers/${of.engineId}/archive`,
      query: { path: of.path },
      signal: of.signal,
      doing: `copy ${of.path} out of a container`,
    }),
  )

export const copyInto = async (of: {
  readonly engine: Engine
  readonly engineId: string
  readonly path: string
  readonly archive: AsyncIterable<Uint8Array>
  readonly signal: AbortSignal
}): Promise<void> => {
  const { path, signal } = of
  const archive = `/containers/${of.engineId}/archive`
  const doing = `copy into ${path} of a container`
  // podman: else it would make the folder, and a mistyped name would be no mistake.
  if ((await of.engine.streams.head({ path: archive, query: { path }, signal, doing })) >= 400) throw notThere(path)
  await namingThePath(path, () =>
    of.engine.streams.upload(
      // podman: without `pause` the container would stand still for as long as the copy takes.
      { path: archive, query: { path, pause: 'false' }, signal, doing },
      of.archive,
    ),
  )
}

const notThere = (path: string, cause?: unknown): Fault =>
  new Fault('NotFound', `${path}: no such file or folder in the container`, { path }, cause)

const namingThePath = async <T>(path: string, deed: () => Promise<T>): Promise<T> => {
  try {
    return await deed()
  } catch (error) {
    const cause = causeOf(error)
    if (cause.includes('no such file') || cause.includes('could not be found')) throw notThere(path, error)
    throw error
  }
}
