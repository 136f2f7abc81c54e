import { execFile, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Fault } from '../../src/api/fault.ts'

/** A machine of arm64 in QEMU, emulated in software, with the network of a user: this machine is 10.0.2.2 to it. */
export interface VirtualMachine {
  readonly pid: number
  /** Everything it wrote on its console so far. */
  console(): string
  /** Milliseconds from the start of QEMU until the console showed `pattern`. @throws Fault Timeout with its last lines */
  shows(pattern: RegExp, seconds: number): Promise<number>
  /** Runs a program inside, as root over ssh. Resolves to what it wrote. @throws Error with what it wrote to stderr */
  run(command: string, options?: { readonly input?: string | Buffer; readonly seconds?: number }): Promise<string>
  /** Resolves when QEMU is gone. */
  readonly ended: Promise<void>
  /** Asks the system to switch off; after `seconds` the power is cut. */
  powerOff(seconds: number): Promise<void>
  /** Cuts the power now. */
  cut(): Promise<void>
}

export interface MachineSettings {
  /** Its disk, as words of `-drive` or `-blockdev`. */
  readonly disk: readonly string[]
  readonly memoryMebibytes: number
  readonly folder: string
  /** The console's log in the folder. */
  readonly consoleName: string
  readonly sshPort: number
  /** A key pair made by ssh-keygen, NAME and NAME.pub: root's, given to the system as a credential. */
  readonly keyPath: string
  readonly publicKey: string
}

export const startMachine = (of: MachineSettings): VirtualMachine => {
  const credential = Buffer.from(of.publicKey).toString('base64')
  const words = [
    ...['-M', 'virt', '-cpu', 'cortex-a72', '-smp', '2', '-m', String(of.memoryMebibytes)],
    ...['-bios', '/usr/share/qemu-efi-aarch64/QEMU_EFI.fd'],
    ...of.disk,
    ...[
      '-netdev',
      `user,id=n0,hostfwd=tcp:127.0.0.1:${of.sshPort}-:22`,
      '-device',
      'virtio-net-pci,netdev=n0,romfile=',
    ],
    ...['-device', 'virtio-rng-pci', '-display', 'none', '-monitor', 'none', '-serial', 'stdio', '-no-reboot'],
    // systemd takes credentials from the firmware's tables: systemd.system-credentials(7).
    ...['-smbios', `type=11,value=io.systemd.credential.binary:ssh.authorized_keys.root=${credential}`],
    ...['-fw_cfg', `name=opt/io.systemd.credentials/ssh.authorized_keys.root,string=${of.publicKey}`],
  ]
  const began = performance.now()
  const child = spawn('nice', ['-n', '10', 'qemu-system-aarch64', ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  const log = createWriteStream(join(of.folder, of.consoleName))
  let text = ''
  let complaint = ''
  let isOver = false
  const keep = (chunk: Buffer): void => {
    log.write(chunk)
    text += chunk.toString('latin1')
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', chunk => {
    complaint = `${complaint}${chunk}`.slice(-4000)
  })
  const ended = new Promise<void>((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', () => {
      isOver = true
      log.end()
      resolve()
    })
  })
  const ssh = [
    ...['-i', of.keyPath, '-p', String(of.sshPort), '-q', '-o', 'BatchMode=yes', '-o', 'ConnectTimeout=20'],
    ...['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'IdentitiesOnly=yes'],
    'root@127.0.0.1',
  ]
  const machine: VirtualMachine = {
    pid: child.pid ?? 0,
    ended,
    console: () => text,
    async shows(pattern, seconds) {
      const deadline = performance.now() + seconds * 1000
      while (performance.now() < deadline) {
        if (pattern.test(text)) return performance.now() - began
        if (isOver) throw new Fault('Machine', `QEMU ended before its console showed ${pattern}:\n${complaint}`)
        await pause(100)
      }
      throw new Fault(
        'Timeout',
        `the console did not show ${pattern} within ${seconds} s; its end:\n${text.slice(-3000)}`,
      )
    },
    run: (command, options = {}) =>
      new Promise((resolve, reject) => {
        const limits = { timeout: (options.seconds ?? 120) * 1000, maxBuffer: 64 * 1024 * 1024 }
        const asked = execFile('ssh', [...ssh, command], limits, (error, out, err) => {
          if (error === null) resolve(out)
          else reject(new Error(`${command}: ${error.message}\n${out}${err}`))
        })
        asked.stdin?.on('error', () => undefined)
        asked.stdin?.end(options.input ?? '')
      }),
    async powerOff(seconds) {
      await machine.run('systemctl poweroff --no-block').catch(() => undefined)
      await Promise.race([ended, pause(seconds * 1000)])
      await machine.cut()
    },
    async cut() {
      if (!isOver) child.kill('SIGKILL')
      await ended
    },
  }
  return machine
}
