import { type ChildProcess, spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { pidsOf } from '../soak/read-process.ts'
import { type Cable, inNode, must, nodeAddress } from './cable.ts'
import { ended, pause } from './figures.ts'

export interface Ssh {
  /** Runs a program on the node; `isTerminal` gives it one. */
  run(
    words: readonly string[],
    isTerminal?: boolean,
  ): ReturnType<typeof spawn> & {
    readonly stdin: NodeJS.WritableStream
    readonly stdout: NodeJS.ReadableStream & AsyncIterable<Uint8Array>
  }
  /** Copies a file of the node's here. */
  startCopy(path: string): ChildProcess
  copy(path: string): Promise<void>
  /** Of sshd, and of its processes that serve a client. */
  serverPids(): readonly number[]
  close(): void
}

/**
 * An sshd on the node: SSHD (and SFTP_SERVER), else Debian's openssh-server. Undefined where there is none.
 *
 * @example const ssh = await startSsh('/tmp/world', cable); await ssh?.copy('/tmp/world/big')
 */
export const startSsh = async (world: string, cable: Cable): Promise<Ssh | undefined> => {
  const sshd = process.env['SSHD'] ?? '/usr/sbin/sshd'
  const sftp = process.env['SFTP_SERVER'] ?? '/usr/lib/openssh/sftp-server'
  if (!existsSync(sshd)) return undefined
  const folder = `${world}/ssh`
  mkdirSync(folder, { mode: 0o700 })
  mkdirSync('/run/sshd', { recursive: true })
  for (const name of ['id', 'host']) must('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', `${folder}/${name}`)
  copyFileSync(`${folder}/id.pub`, `${folder}/authorized`)
  // A user for its lesser rights, in this world's own list of users.
  const others = readFileSync('/etc/passwd', 'utf8').replaceAll(/^sshd:.*\n/gm, '')
  writeFileSync(`${folder}/passwd`, `${others}sshd:x:999:65534::/run/sshd:/usr/sbin/nologin\n`)
  must('mount', '--bind', `${folder}/passwd`, '/etc/passwd')
  writeFileSync(
    `${folder}/config`,
    [
      `HostKey ${folder}/host`,
      `AuthorizedKeysFile ${folder}/authorized`,
      'StrictModes no',
      'PermitRootLogin yes',
      'UsePAM no',
      'MaxStartups 200',
      `Subsystem sftp ${sftp}`,
      `ListenAddress ${nodeAddress}:22`,
      'PidFile none\n',
    ].join('\n'),
  )
  const [program = '', ...words] = inNode(sshd, '-D', '-e', '-f', `${folder}/config`)
  const server = spawn(program, words, { stdio: ['ignore', 'ignore', 'ignore'] })
  await pause(500)
  if (server.exitCode !== null) throw new Error(`${sshd} ended with ${server.exitCode}: does "${sshd} -t" work?`)

  const options = [
    ...['-F', 'none', '-i', `${folder}/id`],
    ...['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR'].flatMap(one => ['-o', one]),
  ]
  const startCopy = (path: string): ChildProcess => {
    const { sshHost, sshPort } = cable.way()
    const from = `root@${sshHost}:${path}`
    return spawn('scp', [...options, '-q', '-P', String(sshPort), from, '/dev/shm/copied'], { stdio: 'inherit' })
  }
  return {
    run(words, isTerminal = false) {
      const { sshHost, sshPort } = cable.way()
      const to = [isTerminal ? '-tt' : '-T', '-p', String(sshPort), `root@${sshHost}`, ...words]
      return spawn('ssh', [...options, ...to], { stdio: ['pipe', 'pipe', 'inherit'] })
    },
    startCopy,
    copy: path => ended(startCopy(path)),
    serverPids: () => pidsOf(words => /^sshd\b|^\S*\/sshd$/.test(words[0] ?? '')),
    close: () => void server.kill(),
  }
}
