import { Fault } from '../api/fault.ts'
import { type BackupOptions, takeBackup } from './backup.ts'
import { admitAdmins, only } from './identity/doors.ts'
import type { Door, HttpRequest } from './rest/door.ts'

/**
 * `GET /dunlin/v1/backup`, or POST with `{"passphrase": "…"}`: the archive as a stream, for admins. One at a time, for
 * each lays a copy of the store on the disk.
 */
export const backupDoor = (of: Omit<BackupOptions, 'passphrase'>): Door => {
  let isBusy = false
  const refuseIfBusy = (): void => {
    if (isBusy) throw new Fault('TooManyRequests', 'a backup is being taken already; try again when it is done')
  }

  // Busy from the first read on: an answer that is never read takes no copy.
  async function* one(passphrase: string | undefined): AsyncGenerator<Uint8Array> {
    refuseIfBusy()
    isBusy = true
    try {
      yield* takeBackup({ ...of, ...(passphrase === undefined ? {} : { passphrase }) })
    } finally {
      isBusy = false
    }
  }

  return {
    prefix: '/dunlin/v1/backup',
    async handle(request) {
      admitAdmins(request)
      only(request, 'GET', 'POST')
      const passphrase = request.method === 'POST' ? await readPassphrase(request) : undefined
      refuseIfBusy()
      return { status: 200, headers: { 'content-type': 'application/octet-stream' }, body: one(passphrase) }
    },
  }
}

const readPassphrase = async (request: HttpRequest): Promise<string | undefined> => {
  const body = (await request.body(4096)).toString('utf8')
  let json: unknown
  try {
    json = JSON.parse(body === '' ? '{}' : body)
  } catch (error) {
    throw new Fault('Malformed', 'the order of a backup is not JSON', {}, error)
  }
  const passphrase = typeof json === 'object' && json !== null && 'passphrase' in json ? json.passphrase : undefined
  if (passphrase === undefined || (typeof passphrase === 'string' && passphrase.length >= 8)) return passphrase
  throw new Fault('Invalid', 'passphrase: expected a text of at least 8 characters')
}
