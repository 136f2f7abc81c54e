import { spawn } from 'node:child_process'
import { Fault } from '../api/fault.ts'

export interface ToolResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program of this machine with `input` on its standard input. Resolves also when it fails: look at `code`. */
export type RunTool = (program: string, args: readonly string[], input?: string) => Promise<ToolResult>

const packages: { readonly [program: string]: string } = {
  nft: 'nftables',
  ip: 'iproute2',
  conntrack: 'conntrack',
  nsenter: 'util-linux',
}

const timeoutMs = 10_000
const mostOutput = 32 * 1024 * 1024

/**
 * The real tools. No shell is involved. A program that runs longer than 10 s is ended with code 124;
 * output beyond 32 MiB ends it too, with code 125.
 *
 * @throws {Fault} Machine when the program is not there
 * @example (await runTool('ip', ['-j', 'link'])).stdout
 */
export const runTool: RunTool = (program, args, input) =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] })
    const output = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
    let bytes = 0
    let ended: number | undefined
    const end = (code: number): void => {
      ended = code
      child.kill('SIGKILL')
    }
    const timer = setTimeout(() => end(124), timeoutMs)
    const take = (of: Buffer[]) => (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > mostOutput) end(125)
      else of.push(chunk)
    }
    child.stdout?.on('data', take(output.stdout))
    child.stderr?.on('data', take(output.stderr))
    // A program that ends before it has read its input; its exit code tells.
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
    child.on('error', cause => {
      clearTimeout(timer)
      const wanted = packages[program] ?? program
      reject(
        new Fault(
          'Machine',
          `the program "${program}" could not be run: install the package ${wanted}`,
          { program },
          cause,
        ),
      )
    })
    child.on('close', code => {
      clearTimeout(timer)
      resolve({
        code: ended ?? code ?? 128,
        stdout: Buffer.concat(output.stdout).toString('utf8'),
        stderr: Buffer.concat(output.stderr).toString('utf8'),
      })
    })
  })

/**
 * Runs a program that must succeed.
 *
 * @throws {Fault} Machine with what the program said, unless `isFine` accepts what it said
 */
export const mustRun = async (
  run: RunTool,
  program: string,
  args: readonly string[],
  input?: string,
  isFine: (stderr: string) => boolean = () => false,
): Promise<string> => {
  const result = await run(program, args, input)
  if (result.code === 0 || isFine(result.stderr)) return result.stdout
  const said = result.stderr.trim().slice(0, 1000) || `exit code ${result.code}`
  throw new Fault('Machine', `${program} ${args.join(' ')} failed: ${said}`, { program, code: result.code })
}
