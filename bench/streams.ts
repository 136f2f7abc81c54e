import { ownWorld } from '../test/fleet/own-world.ts'
import { report } from './measure.ts'
import { readProcess } from './soak/read-process.ts'
import { must } from './streams/cable.ts'
import { drained, echoes, ended, pause, type Row, rate, row, worldCpuMs } from './streams/figures.ts'
import { type Ssh, startSsh } from './streams/ssh-server.ts'
import { type TwoEnds, twoEnds } from './streams/two-ends.ts'

/*
 * What the side channel costs beside ssh to the same node.
 *
 *   this process: hub's end ── LAN: veth; slow: veth with tbf (rate), relay (delay) ── node: agent's end, Podman
 *                ssh, scp  ── the same                                             ── sshd
 *
 * Needs root. sshd is looked for in SSHD, else /usr/sbin/sshd (Debian's openssh-server); without it its rows are left out.
 * Candidates take turns, round by round.
 */
const world = ownWorld(import.meta.filename)

/** One way to move bytes from the node to here. */
interface Way {
  readonly name: string
  /** What its ratios are to. */
  readonly beside: 'ssh' | 'scp'
  run(bytes: number): Promise<unknown>
}

const big = 200_000_000
const small = 3_000_000
const forever = new AbortController().signal
const fileOf = (bytes: number): string => (bytes === big ? 'big' : 'small')

const waysOf = (ends: TwoEnds, ssh: Ssh | undefined): readonly Way[] => {
  const { streams, pod } = ends
  const ours: readonly Way[] = [
    {
      name: 'exec',
      beside: 'ssh',
      run: async bytes => await drained((await ends.exec(['head', '-c', String(bytes), '/dev/zero'])).stdout),
    },
    {
      name: 'port-forward',
      beside: 'ssh',
      async run(bytes) {
        const connection = await streams.forward(pod, 7002, forever)
        await drained(connection.incoming, bytes)
        connection.reset('enough')
      },
    },
    {
      name: 'cp out',
      beside: 'scp',
      run: async bytes =>
        await drained((await streams.copyOut(pod, 'main', `/tmp/${fileOf(bytes)}`, forever)).incoming),
    },
  ]
  if (ssh === undefined) return ours
  const theirs: readonly Way[] = [
    {
      name: 'ssh',
      beside: 'ssh',
      async run(bytes) {
        const one = ssh.run(['head', '-c', String(bytes), '/dev/zero'])
        await Promise.all([drained(one.stdout), ended(one)])
      },
    },
    { name: 'scp', beside: 'scp', run: bytes => ssh.copy(`${world.folder}/${fileOf(bytes)}`) },
  ]
  return [...theirs, ...ours]
}

/** The same file in the container, for us, and on the node, for scp. */
const makeFiles = async (ends: TwoEnds): Promise<void> => {
  const commands = (folder: string): string =>
    `head -c ${big} /dev/urandom > ${folder}/big; head -c ${small} ${folder}/big > ${folder}/small`
  await ends.run(commands('/tmp'))
  must('sh', '-c', commands(world.folder))
}

const firstLines = async (ends: TwoEnds): Promise<void> => {
  const times: { readonly [name: string]: number[] } = { podman: [], cold: [], warm: [] }
  for (let round = 0; round < 11; round += 1) {
    times['podman']?.push(await ends.podmanLogs())
    ends.drop()
    for (const which of ['cold', 'warm']) {
      const began = performance.now()
      await ends.firstLogLine()
      times[which]?.push(performance.now() - began)
    }
  }
  const { podman = [], cold = [], warm = [] } = times
  report('streams first log line', 'ms', [
    row('podman logs', podman, podman),
    row('Dunlin, no session yet', cold, podman),
    row('Dunlin, in a session', warm, podman),
  ])
}

/** Runs the ways in turn; the figures of each by its name. */
const inTurn = async <T>(ways: readonly Way[], rounds: number, measure: (way: Way) => Promise<T>) => {
  const found = new Map<string, T[]>(ways.map(way => [way.name, []]))
  for (let round = 0; round < rounds; round += 1) for (const way of ways) found.get(way.name)?.push(await measure(way))
  return found
}

const throughputRows = (ways: readonly Way[], found: ReadonlyMap<string, readonly number[]>): readonly Row[] =>
  ways.map(way => row(way.name, found.get(way.name) ?? [], found.get(way.beside)))

const onTheLan = async (ends: TwoEnds, ways: readonly Way[]): Promise<void> => {
  const cpuMs = (of: NodeJS.CpuUsage): number => (of.user + of.system) / 1000
  const reading = async () => {
    const agent = cpuMs((await ends.usage()).cpu)
    return { all: worldCpuMs(), hub: cpuMs(process.cpuUsage()), agent }
  }
  const found = await inTurn(ways, 3, async way => {
    const before = await reading()
    const speed = await rate(big, () => way.run(big))
    const after = await reading()
    const each = (of: keyof typeof before): number => (after[of] - before[of]) / (big / 1e6)
    return { speed, all: each('all'), hub: each('hub'), agent: each('agent') }
  })
  type Figure = 'speed' | 'all' | 'hub' | 'agent'
  const pick = (name: string, figure: Figure): readonly number[] => (found.get(name) ?? []).map(one => one[figure])
  const speeds = new Map(ways.map(way => [way.name, pick(way.name, 'speed')]))
  report('streams throughput on the LAN', 'MB/s', throughputRows(ways, speeds), { bytes: big })
  const rows = ways.flatMap(({ name, beside }) => {
    const all = row(`${name}, all processes`, pick(name, 'all'), pick(beside, 'all'))
    if (name === beside) return [all]
    return [all, row(`${name}, hub`, pick(name, 'hub')), row(`${name}, agent`, pick(name, 'agent'))]
  })
  report('streams CPU', 'ms a MB', rows, { bytes: big })
}

const onASlowLink = async (ways: readonly Way[]): Promise<void> => {
  const found = await inTurn(ways, 3, way => rate(small, () => way.run(small)))
  const about = { bytes: small, link: '5 Mbit/s, 40 ms there and back', burst: '16kb', queue: '100 ms' }
  report('streams throughput on a slow link', 'MB/s', throughputRows(ways, found), about)
}

const keystrokes = async (ends: TwoEnds, ssh: Ssh | undefined): Promise<void> => {
  const typed = await ends.exec(['cat'])
  const echo = (rounds: number) => echoes(bytes => void typed.stdin.write(bytes), typed.stdout, rounds)
  await echo(3)
  const idle = await echo(40)
  const copy = await ends.streams.copyOut(ends.pod, 'main', '/tmp/big', forever)
  const bulk = drained(copy.incoming).catch(() => 0)
  await pause(3000)
  const busy = await echo(40)
  copy.reset('enough')
  await bulk
  const rows = [row('Dunlin, idle', idle, idle), row('Dunlin, during a copy', busy, idle)]
  if (ssh !== undefined) {
    const shell = ssh.run(['cat'])
    const theirs = (rounds: number) => echoes(bytes => shell.stdin.write(bytes), shell.stdout, rounds)
    await theirs(3)
    const idle = await theirs(40)
    const beside = ssh.startCopy(`${world.folder}/big`)
    await pause(3000)
    const busy = await theirs(40)
    rows.push(row('ssh, idle', idle, idle), row('ssh, during scp', busy, idle))
    beside.kill()
    shell.kill()
  }
  report('streams keystroke echo', 'ms', rows, { link: '5 Mbit/s, 40 ms there and back', queue: '100 ms' })
}

const memory = async (ends: TwoEnds, ssh: Ssh | undefined): Promise<void> => {
  ends.drop()
  await ends.run('true')
  const { pid } = await ends.usage()
  const reading = () => ({ hub: readProcess(process.pid), agent: readProcess(pid) })
  const mib = (kib: number | undefined): readonly number[] => [(kib ?? Number.NaN) / 1024]
  const none = reading()
  const open = []
  for (let index = 0; index < 100; index += 1) open.push(await ends.exec(['cat'], true))
  await pause(1000)
  const many = reading()
  for (const one of open) one.close('enough')
  const rows = (['hub', 'agent'] as const).flatMap(end =>
    (['rss', 'pss'] as const).flatMap(size => [
      row(`${end}, none, ${size.toUpperCase()}`, mib(none[end]?.[size])),
      row(`${end}, 100 terminals, ${size.toUpperCase()}`, mib(many[end]?.[size])),
    ]),
  )
  if (ssh !== undefined) {
    const sshd = () => ssh.serverPids().reduce((sum, one) => sum + (readProcess(one)?.pss ?? 0), 0)
    const alone = sshd()
    const shells = Array.from({ length: 100 }, () => ssh.run(['cat'], true))
    for (const shell of shells) {
      shell.stdin.write('x')
      await shell.stdout[Symbol.asyncIterator]().next()
    }
    rows.push(row('sshd, none, PSS', mib(alone)), row('sshd, 100 terminals, PSS', mib(sshd())))
    for (const shell of shells) shell.kill()
  }
  report('streams memory of 100 terminals', 'MiB', rows)
}

const ends = await twoEnds(world)
const ssh = await startSsh(world.folder, ends.cable)
const ways = waysOf(ends, ssh)
await makeFiles(ends)
await firstLines(ends)
// Before bulk has made the heaps large, so that what a terminal needs is seen.
await memory(ends, ssh)
await onTheLan(ends, ways)
ends.cable.slowDown()
ends.drop()
await onASlowLink(ways)
await keystrokes(ends, ssh)
ssh?.close()
await ends.close()
process.exit(0)
