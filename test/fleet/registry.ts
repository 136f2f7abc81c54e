import { type ChildProcess, spawn } from 'node:child_process'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { registryProgram } from '../../scripts/debian-part.ts'
import { always, issueCertificate } from '../../src/hub/identity/certificates.ts'

/** Debian's docker-registry, with TLS by a CA of its own and one user. */
export interface Registry {
  /** e.g. `192.168.50.1:5443` */
  readonly host: string
  readonly username: string
  readonly password: string
  /** For the engine's `certsFolder`: `<host:port>/ca.crt`. */
  readonly certsFolder: string
  close(): Promise<void>
}

const username = 'dunlin'
const password = 'correct-horse'
/** bcrypt of that password. */
const htpasswd = `${username}:$2y$05$C3lV2ECf/p2C3H36Fi8KgufmsX82aXjM9u7MPN7iDzGtH15BzkyWC\n`

/**
 * Starts a registry on that address of the test's own world. Its storage lies in `folder`.
 *
 * @throws where Debian's package docker-registry cannot be had
 */
export const startRegistry = async (of: {
  readonly folder: string
  readonly address: string
  readonly port?: number
}): Promise<Registry> => {
  const host = `${of.address}:${of.port ?? 5443}`
  const certsFolder = `${of.folder}/certs.d`
  mkdirSync(`${of.folder}/storage`, { recursive: true })
  mkdirSync(`${certsFolder}/${host}`, { recursive: true })
  const { ca, certificate, key } = certificates(of.address)
  writeFileSync(`${certsFolder}/${host}/ca.crt`, ca)
  writeFileSync(`${of.folder}/tls.crt`, certificate)
  writeFileSync(`${of.folder}/tls.key`, key)
  writeFileSync(`${of.folder}/htpasswd`, htpasswd)
  writeFileSync(
    `${of.folder}/config.yml`,
    JSON.stringify({
      version: '0.1',
      log: { level: 'error' },
      storage: { filesystem: { rootdirectory: `${of.folder}/storage` } },
      http: { addr: host, tls: { certificate: `${of.folder}/tls.crt`, key: `${of.folder}/tls.key` } },
      auth: { htpasswd: { realm: 'dunlin', path: `${of.folder}/htpasswd` } },
    }),
  )
  const server = spawn(registryProgram(), ['serve', `${of.folder}/config.yml`], { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  const take = (chunk: Buffer): void => {
    said = `${said}${chunk}`.slice(-4000)
  }
  server.stdout.on('data', take)
  server.stderr.on('data', take)
  let failure: Error | undefined
  server.once('error', error => {
    failure = new Error("Debian's docker-registry cannot be run", { cause: error })
  })
  server.once('exit', code => {
    failure ??= new Error(`docker-registry ended with ${code}: ${said}`)
  })
  for (let tries = 0; !(await answers(of.address, of.port ?? 5443, ca)); tries += 1) {
    if (failure !== undefined) throw failure
    if (tries > 200) throw new Error(`docker-registry does not answer on ${host}: ${said}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  return { host, username, password, certsFolder, close: () => stop(server) }
}

const stop = async (server: ChildProcess): Promise<void> => {
  if (server.exitCode !== null || server.signalCode !== null) return
  const ended = new Promise(resolve => server.once('exit', resolve))
  server.kill('SIGKILL')
  await ended
}

/** Whether it asks for a password, which is an answer. */
const answers = (address: string, port: number, ca: string): Promise<boolean> =>
  new Promise(resolve => {
    const asked = request({ host: address, port, path: '/v2/', ca }, response => {
      response.resume()
      resolve(response.statusCode === 401)
    })
    asked.on('error', () => resolve(false))
    asked.end()
  })

const certificates = (address: string) => {
  const authority = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const server = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const subject = { name: 'registry test CA', groups: [] }
  const issuer = { subject, privateKey: authority.privateKey }
  return {
    ca: issueCertificate(issuer, {
      ...always,
      subject,
      publicKey: authority.publicKey,
      purpose: 'authority',
      serial: randomBytes(16),
    }),
    certificate: issueCertificate(issuer, {
      ...always,
      subject: { name: 'registry', groups: [] },
      publicKey: server.publicKey,
      purpose: 'server',
      altNames: { hosts: [address] },
      serial: randomBytes(16),
    }),
    key: server.privateKey.export({ type: 'pkcs8', format: 'pem' }),
  }
}
