import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** What a run says: on the terminal as it goes, and in a file under bench/results at the end. */
export interface Record {
  say(text: string): void
  /** A fact, printed and kept under its name. */
  fact(name: string, value: unknown): void
  /** What a program printed, kept whole. */
  shown(command: string, output: string): void
  /** Something that must hold. A broken one is told at once and makes the run fail at its end. */
  check(what: string, holds: boolean, found?: unknown): void
  readonly broken: readonly string[]
  write(name: string): string
}

export const openRecord = (command: string): Record => {
  const began = performance.now()
  const lines: string[] = []
  const facts: { [name: string]: unknown } = {}
  const broken: string[] = []
  const record: Record = {
    say(text) {
      const line = `${`${((performance.now() - began) / 1000).toFixed(1)}s`.padStart(8)}  ${text}`
      lines.push(line)
      process.stdout.write(`${line}\n`)
    },
    fact(name, value) {
      facts[name] = value
      record.say(`${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    },
    shown(what, output) {
      record.say(`$ ${what}`)
      for (const line of output.trimEnd().split('\n')) {
        lines.push(`          ${line}`)
        process.stdout.write(`          ${line}\n`)
      }
    },
    check(what, holds, found) {
      record.say(`${holds ? 'ok' : 'NOT OK'}  ${what}${holds || found === undefined ? '' : `: found ${String(found)}`}`)
      if (!holds) broken.push(what)
    },
    broken,
    write(name) {
      const path = join(root, 'bench/results', name)
      const commit = execFileSync('git', ['-C', root, 'describe', '--always', '--dirty=+'], { encoding: 'utf8' }).trim()
      const machine = `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, Linux ${release()}, Node ${process.versions.node}`
      const head = [`# ${command}`, `# ${new Date().toISOString()}, commit ${commit}`, `# ${machine}`]
      writeFileSync(path, `${[...head, ...lines, `facts ${JSON.stringify(facts)}`].join('\n')}\n`)
      return path
    },
  }
  return record
}
