import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { version } from '../../src/lib/version.ts'
import { until } from './lab.ts'
import type { Record } from './record.ts'
import type { VirtualMachine } from './virtual-machine.ts'

const unit = 'dunlin-agent.service'

const property = async (machine: VirtualMachine, name: string): Promise<string> =>
  (await machine.run(`systemctl show -P ${name} ${unit}`)).trim()

/** Every process of a pod, with the time it was started: the same line is the same process. */
const podProcesses = async (machine: VirtualMachine): Promise<string> => {
  const list = 'cat $(find /sys/fs/cgroup/dunlin -name cgroup.procs) | sort -n'
  return (await machine.run(`for pid in $(${list}); do echo "$pid $(cut -d' ' -f22 /proc/$pid/stat)"; done`)).trim()
}

/** Does `harm`, waits until another agent process runs, and holds the pods' processes against those before. */
const survives = async (of: {
  readonly machine: VirtualMachine
  readonly record: Record
  readonly what: string
  readonly harm: (pid: string) => Promise<unknown>
  readonly isReady: () => Promise<boolean>
  readonly seconds: number
}): Promise<void> => {
  const { machine, record, what } = of
  const before = await podProcesses(machine)
  const old = await property(machine, 'MainPID')
  const began = performance.now()
  await of.harm(old)
  await until(`another agent, after: ${what}`, of.seconds, async () => {
    const now = await property(machine, 'MainPID')
    return now !== '0' && now !== old && (await of.isReady()) ? now : undefined
  })
  record.say(`${what}: the new agent is there after ${((performance.now() - began) / 1000).toFixed(1)} s`)
  const after = await podProcesses(machine)
  record.check(
    `${what}: every process of every pod goes on`,
    before !== '' && before === after,
    `${before} -> ${after}`,
  )
}

/** The agent's unit is restarted, upgraded and hung; its pods notice nothing. */
export const agentLife = async (of: {
  readonly machine: VirtualMachine
  readonly record: Record
  /** Folder of the packages that are in the image. */
  readonly packages: string
  readonly work: string
  readonly isReady: () => Promise<boolean>
}): Promise<void> => {
  const { machine, record } = of
  const base = { machine, record, isReady: of.isReady }
  await survives({
    ...base,
    what: 'systemctl restart',
    harm: () => machine.run(`systemctl restart ${unit}`),
    seconds: 300,
  })
  for (const path of nextPackages(of.packages, of.work))
    await machine.run(`cat > /var/tmp/${path.slice(path.lastIndexOf('/') + 1)}`, {
      input: readFileSync(path),
      seconds: 600,
    })
  await survives({
    ...base,
    what: 'an upgrade by dpkg',
    harm: () => machine.run('dpkg -i /var/tmp/dunlin*.deb && rm /var/tmp/dunlin*.deb', { seconds: 900 }),
    seconds: 300,
  })
  const now = (await machine.run('dpkg-query -s dunlin-agent')).trim()
  record.check(
    'the upgraded package is installed whole',
    now.includes('Status: install ok installed') && now.includes(`Version: ${version}+next`),
    now,
  )
  const watchdog = await property(machine, 'WatchdogUSec')
  record.check('the unit has a watchdog', /^[1-9]/.test(watchdog), watchdog)
  await survives({
    ...base,
    what: 'an agent that hangs (SIGSTOP), found by the watchdog',
    harm: pid => machine.run(`kill -STOP ${pid}`),
    seconds: 600,
  })
}

/** The same packages under a version that is one further. */
const nextPackages = (folder: string, work: string): readonly string[] =>
  [`dunlin_${version}_arm64`, `dunlin-agent_${version}_all`].map(name => {
    const tree = join(work, 'next')
    rmSync(tree, { recursive: true, force: true })
    mkdirSync(work, { recursive: true })
    execFileSync('dpkg-deb', ['-R', join(folder, `${name}.deb`), tree])
    const control = join(tree, 'DEBIAN/control')
    const text = readFileSync(control, 'utf8')
      .replace(`Version: ${version}`, `Version: ${version}+next`)
      .replace(`dunlin (= ${version})`, `dunlin (= ${version}+next)`)
    writeFileSync(control, text)
    const target = join(work, `${name}-next.deb`)
    execFileSync('dpkg-deb', ['-Zgzip', '-z1', '--root-owner-group', '-b', tree, target], { stdio: 'ignore' })
    rmSync(tree, { recursive: true })
    return target
  })
