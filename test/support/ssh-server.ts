import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { sshServer } from '../../scripts/debian-part.ts'
import { until } from './until.ts'

/** Needs root. In a mount name space of its own: the machine need not have the server's user and folder. */
const world = `
set -e
mount --bind "$1/passwd" /etc/passwd
mkdir -p /run/sshd
shift
exec "$@"
`

/**
 * OpenSSH's own server on the loopback address, into which root logs in with a key. Returns words for ssh's -o.
 *
 * @param env what every session has
 */
export const sshServerAt = async (
  t: { teardown(act: () => Promise<void>): void },
  folder: string,
  env: { readonly [name: string]: string },
): Promise<readonly string[]> => {
  mkdirSync(folder)
  const at = (name: string): string => join(folder, name)
  for (const name of ['host', 'user'])
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(name)], { stdio: 'ignore' })
  const users = readFileSync('/etc/passwd', 'utf8')
  const own = 'sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin\n'
  writeFileSync(at('passwd'), users.includes('\nsshd:') ? users : `${users.trimEnd()}\n${own}`)
  const port = await freePort()
  writeFileSync(
    at('config'),
    [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${at('host')}`,
      `AuthorizedKeysFile ${at('user.pub')}`,
      'StrictModes no',
      'UsePAM no',
      'PermitRootLogin prohibit-password',
      'PidFile none',
      'Subsystem sftp internal-sftp',
      `SetEnv ${Object.entries(env)
        .map(([name, value]) => `${name}=${value}`)
        .join(' ')}`,
      '',
    ].join('\n'),
  )
  const server = spawn(
    'unshare',
    [
      '--mount',
      '--propagation',
      'private',
      'sh',
      '-c',
      world,
      'sh',
      folder,
      sshServer(),
      '-D',
      '-e',
      '-f',
      at('config'),
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let log = ''
  server.stderr.on('data', (bytes: Buffer) => {
    log += bytes.toString('utf8')
  })
  const ended = once(server, 'exit')
  t.teardown(async () => {
    server.kill('SIGTERM')
    await ended
  })
  await until('the ssh server listens', () => {
    if (server.exitCode !== null) throw new Error(log)
    return log.includes('Server listening')
  })
  writeFileSync(at('known'), `[127.0.0.1]:${port} ${readFileSync(at('host.pub'), 'utf8')}`)
  return [
    `Port=${port}`,
    `IdentityFile=${at('user')}`,
    `UserKnownHostsFile=${at('known')}`,
    'IdentitiesOnly=yes',
    'BatchMode=yes',
  ]
}

const freePort = async (): Promise<number> => {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise(resolve => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}
