import { spawn } from 'node:child_process'
import { chmodSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/lib/clock.ts'
import { execInContainer } from '../../src/runtime-podman/exec.ts'
import { watchExits } from '../../src/runtime-podman/exits.ts'
import { isSame, pidIn, processNow, signalProcess, treeOf } from '../../src/runtime-podman/processes.ts'
import { mustRun, runProgram } from '../../src/runtime-podman/run-program.ts'
import { stopProcess } from '../../src/runtime-podman/stop-container.ts'

/** A shell that runs `script`, says `ready` when it says so itself, and is gone after the test. */
const aShell = async (t: Test, script: string) => {
  const child = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<number | NodeJS.Signals | null>(resolve =>
    child.once('exit', (code, signal) => resolve(signal ?? code)),
  )
  t.teardown(() => child.kill('SIGKILL'))
  await new Promise(resolve => child.stdout.once('data', resolve))
  const process = processNow(child.pid ?? 0)
  if (process === undefined) throw new Error('the shell is not there')
  return { process, ended }
}

t.test('a process is told apart from a later one with its number', async t => {
  const own = processNow(process.pid)
  t.ok(isSame(own, processNow(process.pid)))
  t.notOk(isSame(own, own === undefined ? undefined : { ...own, startTicks: '1' }))
  for (const wrong of [0, -1, 1.5, 2 ** 30]) t.equal(processNow(wrong), undefined)
  t.equal(pidIn('/proc/self/stat'), undefined)
  // Neither a wrong start time nor a process that is gone is signalled.
  signalProcess({ pid: process.pid, startTicks: '1' }, 'SIGKILL')
  signalProcess({ pid: 2 ** 22 - 1, startTicks: '1' }, 'SIGKILL')
})

t.test('the tree of a process has its children', async t => {
  const shell = await aShell(t, 'sleep 50 & echo ready; wait')
  t.equal(treeOf(shell.process.pid).length, 2)
  for (const pid of treeOf(shell.process.pid)) process.kill(pid, 'SIGKILL')
})

const stop = (process: Parameters<typeof stopProcess>[0]['process'], graceSeconds: number) =>
  stopProcess({ process, cgroup: '/no/such/cgroup', signal: 15, graceSeconds, clock: systemClock })

t.test('an obedient process ends by its own code, a deaf one is killed after its grace', async t => {
  const obedient = await aShell(t, "trap 'exit 3' TERM; echo ready; while :; do sleep 0.02; done")
  await stop(obedient.process, 20)
  t.equal(await obedient.ended, 3)
  const deaf = await aShell(t, "trap '' TERM; echo ready; while :; do sleep 0.02; done")
  await stop(deaf.process, 0.2)
  t.equal(await deaf.ended, 'SIGKILL')
})

t.test('without grace there is no request, only the kill', async t => {
  const shell = await aShell(t, "trap 'exit 3' TERM; echo ready; while :; do sleep 0.02; done")
  await stop(shell.process, 0)
  t.equal(await shell.ended, 'SIGKILL')
})

/** An OCI runtime that runs the command right here. */
const aRuntime = (t: Test) => {
  const runFolder = t.testdir({
    runtime:
      '#!/bin/sh\n[ "$1 $2" = "exec --pid-file" ] || exit 9\npid=$3; shift 4\n"$@" &\necho $! > "$pid"\nwait $!\n',
  })
  chmodSync(`${runFolder}/runtime`, 0o755)
  return (command: readonly string[], timeoutMs: number) =>
    execInContainer({ ociRuntimePath: `${runFolder}/runtime`, engineId: 'abc', command, timeoutMs, runFolder })
}

t.test('a command has its code and output, cut at 16 KiB, and leaves no file', async t => {
  const exec = aRuntime(t)
  t.strictSame(await exec(['sh', '-c', 'echo out; exit 4'], 10_000), { exitCode: 4, output: 'out\n', timedOut: false })
  t.equal((await exec(['sh', '-c', 'head -c 100000 /dev/zero'], 10_000)).output.length, 16 * 1024)
  t.strictSame(readdirSync(t.testdirName), ['runtime'])
})

t.test('a command whose time is over is killed with all that it started', async t => {
  const exec = aRuntime(t)
  const mark = `${7_000_000 + process.pid}`
  t.match(await exec(['sh', '-c', `echo early; sleep ${mark} & sleep ${mark}`], 300), { exitCode: 124, timedOut: true })
  t.notMatch(await runProgram(['ps', '-e', '-o', 'args']), { output: new RegExp(`^sleep ${mark}`, 'm') })
})

t.test('an OCI runtime that is not there is named', async t => {
  const folder = t.testdir({})
  await t.rejects(
    execInContainer({
      ociRuntimePath: '/nowhere/runc',
      engineId: 'a',
      command: ['x'],
      timeoutMs: 1000,
      runFolder: folder,
    }),
    /cannot run \/nowhere\/runc/,
  )
})

t.test('an exit file tells of an end; other files do not', async t => {
  const folder = t.testdir({})
  const exits = watchExits(folder)
  t.teardown(() => exits.close())
  const id = 'a'.repeat(64)
  const first = new Promise<string>(resolve => exits.onEnd(resolve))
  writeFileSync(`${folder}/exits/noise`, '')
  // As conmon does it.
  writeFileSync(`${folder}/exits/${id}.tmp`, '7')
  renameSync(`${folder}/exits/${id}.tmp`, `${folder}/exits/${id}`)
  t.equal(await first, id)
})

t.test('an exit file that is gone before anybody looks has told of the end all the same', async t => {
  const folder = t.testdir({})
  const exits = watchExits(folder)
  t.teardown(() => exits.close())
  const id = 'b'.repeat(64)
  const first = new Promise<string>(resolve => exits.onEnd(resolve))
  writeFileSync(`${folder}/exits/${id}.tmp`, '7')
  renameSync(`${folder}/exits/${id}.tmp`, `${folder}/exits/${id}`)
  rmSync(`${folder}/exits/${id}`)
  t.equal(await first, id)
})

t.test('programs: output, code, time limit, and the package to install where one is missing', async t => {
  t.strictSame(await runProgram(['sh', '-c', 'cat; exit 3'], { input: 'in' }), { code: 3, output: 'in' })
  await t.rejects(runProgram(['sleep', '50'], { timeoutMs: 50 }), /sleep 50 did not end in 50 ms/)
  await t.rejects(mustRun(['sh', '-c', 'echo why >&2; exit 2']), /sh -c echo why.* failed \(2\): why/)
  await t.rejects(runProgram(['/nowhere/ip']), /cannot run \/nowhere\/ip/)
})
