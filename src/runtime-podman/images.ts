import { Fault, isFault } from '../api/fault.ts'
import type { ObservedImage, RegistryCredentials } from '../core/pods/runtime.ts'
import { causeOf, type EngineClient, parseJson } from './client.ts'
import { pauseImage } from './engine/pause-image.ts'
import { fullReference } from './names.ts'
import { listOf, numberOf, objectOf, textOf, textsIn } from './parse.ts'

export interface Images {
  /** By name, digest or id; undefined when it is not there. */
  inspect(reference: string): Promise<KnownImage | undefined>
  /** All but our own pause image. */
  list(): Promise<readonly ObservedImage[]>
  pull(reference: string, credentials: RegistryCredentials | undefined, signal: AbortSignal): Promise<ObservedImage>
  load(archivePath: string): Promise<readonly ObservedImage[]>
  remove(id: string): Promise<void>
}

export interface KnownImage extends ObservedImage {
  /** The user that the image's config names; '' for none. */
  readonly user: string
}

/** A pull may take long on a slow link; what is stuck for an hour is given up, and tried again later. */
const pullTimeoutMs = 60 * 60_000

/** Images of the store on the card. Never prunes, never asks a registry but to pull. */
export const imagesOf = (api: EngineClient): Images => {
  const inspect = async (reference: string): Promise<KnownImage | undefined> => {
    try {
      const answer = await api.json({
        path: `/images/${encodeURIComponent(fullReference(reference))}/json`,
        doing: `inspect image ${reference}`,
      })
      const fields = objectOf(answer, `image ${reference}`)
      const config = fields['Config'] === undefined ? {} : objectOf(fields['Config'], 'the config of an image')
      return { ...observedImage(fields), user: typeof config['User'] === 'string' ? config['User'] : '' }
    } catch (error) {
      // podman: 404 on 4.3 and 5.x here, 500 elsewhere; only the cause says so.
      const cause = causeOf(error)
      if (cause.includes('image not known') || cause.includes('no such image')) return undefined
      throw error
    }
  }

  const mustBeThere = async (reference: string, after: string): Promise<KnownImage> => {
    const image = await inspect(reference)
    if (image === undefined)
      throw new Fault('Runtime', `${after} ended well, but image "${reference}" is not there`, { image: reference })
    return image
  }

  return {
    inspect,
    async list() {
      const answer = await api.json({ path: '/images/json', doing: 'list images' })
      return listOf(answer, 'the list of images')
        .map(entry => observedImage(objectOf(entry, 'an image of the list')))
        .filter(image => !image.names.includes(pauseImage))
    },

    async pull(reference, credentials, signal) {
      signal.throwIfAborted()
      const full = fullReference(reference)
      const answer = await api.call({
        method: 'POST',
        path: '/images/pull',
        query: { reference: full, policy: 'always', quiet: 'true' },
        headers: credentials === undefined ? {} : { 'x-registry-auth': registryAuth(credentials) },
        timeoutMs: pullTimeoutMs,
        signal,
        doing: `pull ${full}`,
      })
      // podman: the status is 200 always; the last line tells how it ended.
      const line = answer.text.trim().split('\n').at(-1) ?? ''
      const last = objectOf(parseJson(line, `pull ${full}`), 'the last line of a pull')
      if (typeof last['error'] === 'string' && last['error'] !== '')
        throw new Fault('Runtime', `pull of ${full}: ${last['error'].slice(0, 2000)}`, {
          cause: last['error'].slice(0, 2000),
          image: full,
        })
      return await mustBeThere(full, 'the pull')
    },

    async load(archivePath) {
      const answer = await api.json({
        method: 'POST',
        path: '/images/load',
        bodyFile: archivePath,
        timeoutMs: 30 * 60_000,
        doing: `load ${archivePath}`,
      })
      const names = textsIn(objectOf(answer, 'the answer of a load')['Names'])
      const loaded: ObservedImage[] = []
      for (const name of names) loaded.push(await mustBeThere(name, 'the load'))
      return loaded
    },

    async remove(id) {
      try {
        await api.call({
          method: 'DELETE',
          path: `/images/${encodeURIComponent(id)}`,
          query: { force: 'true' },
          timeoutMs: 120_000,
          doing: `remove image ${id}`,
        })
      } catch (error) {
        if (isFault(error, 'Runtime') && causeOf(error).includes('image not known')) return
        throw error
      }
    },
  }
}

/** podman: JSON in base64 of the URL alphabet, with padding; without it 4.3 says "unexpected EOF". */
export const registryAuth = ({ username, password }: RegistryCredentials): string =>
  Buffer.from(JSON.stringify({ username, password })).toString('base64').replaceAll('+', '-').replaceAll('/', '_')

const observedImage = (fields: ReturnType<typeof objectOf>): ObservedImage => ({
  id: textOf(fields['Id'], 'the id of an image').replace(/^sha256:/, ''),
  // 4.3 has Names in lists only, RepoTags everywhere.
  names: textsIn(fields['RepoTags'] ?? fields['Names']),
  digests: textsIn(fields['RepoDigests']),
  bytes: numberOf(fields['Size'], 'the size of an image'),
})
