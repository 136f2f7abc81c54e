import { readFile } from 'node:fs/promises'
import { describeError, Fault, faults, isFault } from '../api/fault.ts'
import { parseYaml } from '../api/yaml.ts'
import { jsonLog } from '../lib/log.ts'
import type { Command, Invocation, Output } from './command.ts'
import { commands } from './commands.ts'
import { commandHelp, overview } from './help.ts'
import { type KubeClient, kubeClient } from './kube-client.ts'
import { findKubeconfig, readContext } from './kubeconfig.ts'
import { common } from './options.ts'
import { nearestOf, parseWords } from './parse-words.ts'

/*
 * words -> command -> parsed options -> run -> exit code
 *                                        └─ Fault: its sentence on standard error, the code of its table row
 */

/**
 * Runs one command line and resolves to its exit code. Nothing is thrown.
 *
 * @example process.exitCode = await runCli(process.argv.slice(2), world)
 */
export const runCli = async (
  line: readonly string[],
  world: { readonly out: Output; readonly env: NodeJS.ProcessEnv; readonly signal: AbortSignal },
): Promise<number> => {
  const [name = 'help', ...words] = line
  try {
    if (name === 'help' || name === '--help' || name === '-h') {
      const about = commands.find(one => one.name === words[0])
      world.out.write(about === undefined ? overview(commands) : commandHelp(about))
      return 0
    }
    const command = commands.find(one => one.name === (name === '--version' ? 'version' : name))
    if (command === undefined) {
      const nearest = nearestOf(
        name,
        commands.map(one => one.name),
      )
      throw new Fault(
        'BadRequest',
        `there is no command "${name}"${nearest === undefined ? '' : `; did you mean "${nearest}"?`} "dunlin help" lists them all`,
      )
    }
    return await runCommand(command, words, world)
  } catch (error) {
    if (world.signal.aborted) return 130
    world.out.note(`error: ${describeError(error)}`)
    return isFault(error) ? faults[error.reason].exit : 1
  }
}

const runCommand = async (
  command: Command,
  line: readonly string[],
  world: { readonly out: Output; readonly env: NodeJS.ProcessEnv; readonly signal: AbortSignal },
): Promise<number> => {
  const parsed = parseWords(line, [...command.options, common.help, common.verbose])
  if (parsed.options.has('help')) {
    world.out.write(commandHelp(command))
    return 0
  }
  const text = (option: string): string | undefined => parsed.options.get(option)?.at(-1)
  let client: Promise<KubeClient> | undefined
  const invocation: Invocation = {
    line,
    words: parsed.words,
    rest: parsed.rest,
    text,
    texts: option => parsed.options.get(option) ?? [],
    isSet: option => text(option) !== undefined && text(option) !== 'false',
    kube: () => {
      client ??= openClient(text('kubeconfig'), text('context'), world.env)
      return client
    },
    out: world.out,
    env: world.env,
    log: jsonLog({
      write: line => world.out.note(line.trimEnd()),
      level: parsed.options.has('verbose') ? 'debug' : 'info',
      now: Date.now,
    }),
    signal: world.signal,
    now: Date.now,
  }
  try {
    return await command.run(invocation)
  } finally {
    if (client !== undefined) (await client.catch(() => undefined))?.close()
  }
}

const openClient = async (
  file: string | undefined,
  context: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<KubeClient> => {
  const path = await findKubeconfig(file, env, process.cwd())
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Fault(
      'BadRequest',
      `cannot read the kubeconfig ${path}: ${error.code === 'ENOENT' ? 'there is no such file' : error.message}. Name one with --kubeconfig or KUBECONFIG`,
      { path },
      error,
    )
  })
  return kubeClient(await readContext(parseYaml(text)[0]?.value, path, context))
}

/** Standard output and error of this process. A reader that goes away (head) ends it quietly. */
const terminal = (): Output => {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
  return {
    write: text => {
      process.stdout.write(text)
    },
    drained: () =>
      process.stdout.writableNeedDrain
        ? new Promise(resolve => process.stdout.once('drain', resolve))
        : Promise.resolve(),
    note: text => {
      process.stderr.write(`${text}\n`)
    },
    isTerminal: process.stdout.isTTY === true,
    columns: process.stdout.columns ?? 80,
  }
}

if (import.meta.main) {
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(name, () => stop.abort(new Error(`the signal ${name}`)))
  process.exitCode = await runCli(process.argv.slice(2), { out: terminal(), env: process.env, signal: stop.signal })
}
