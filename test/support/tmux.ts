import { execFile } from 'node:child_process'
import { until } from './until.ts'

/** A program in a terminal of tmux, as somebody sees it. */
export interface Tmux {
  /** Types a text as it is. */
  type(text: string): Promise<void>
  /** Presses keys by tmux's names: `Enter`, `C-c`, `Escape`. */
  keys(...keys: readonly string[]): Promise<void>
  /** What the screen shows, without the blanks at the ends of lines; `-e` with colours as escape sequences. */
  screen(withColours?: boolean): Promise<string>
  /** Waits until the screen shows it. */
  shows(what: RegExp): Promise<string>
  resize(columns: number, rows: number): Promise<void>
  close(): Promise<void>
}

/**
 * Starts a program in a terminal.
 *
 * @example const terminal = await startTmux({ socket: `${folder}/tmux`, words: ['sh'], env: {}, columns: 80, rows: 24 })
 */
export const startTmux = async (of: {
  /** A path of its own. */
  readonly socket: string
  readonly words: readonly string[]
  readonly env: { readonly [name: string]: string }
  readonly columns: number
  readonly rows: number
}): Promise<Tmux> => {
  const tmux = (words: readonly string[]): Promise<string> =>
    new Promise((resolve, reject) => {
      execFile('tmux', ['-S', of.socket, '-f', '/dev/null', ...words], { timeout: 20_000 }, (error, stdout, stderr) =>
        error === null ? resolve(stdout) : reject(new Error(`tmux ${words.join(' ')}: ${stderr}${error.message}`)),
      )
    })
  const size = ['-x', String(of.columns), '-y', String(of.rows)]
  const env = Object.entries(of.env).flatMap(([name, value]) => ['-e', `${name}=${value}`])
  // What the program said last stays on the screen.
  const options = [
    'set-option',
    '-g',
    'remain-on-exit',
    'on',
    ';',
    'set-option',
    '-g',
    'default-terminal',
    'screen',
    ';',
  ]
  await tmux(['start-server', ';', ...options, 'new-session', '-d', ...size, ...env, ...of.words])
  const screen = async (withColours = false): Promise<string> =>
    (await tmux(['capture-pane', '-p', ...(withColours ? ['-e'] : [])])).replaceAll(/ +$/gm, '')
  return {
    async type(text) {
      await tmux(['send-keys', '-l', text])
    },
    async keys(...keys) {
      await tmux(['send-keys', ...keys])
    },
    screen,
    async shows(what) {
      let last = ''
      try {
        return await until(String(what), async () => {
          last = await screen()
          return what.test(last) ? last : undefined
        })
      } catch (error) {
        throw new Error(`the screen does not show ${what}:\n${last}`, { cause: error })
      }
    },
    async resize(columns, rows) {
      await tmux(['resize-window', '-x', String(columns), '-y', String(rows)])
    },
    async close() {
      await tmux(['kill-server']).catch(() => undefined)
    },
  }
}
