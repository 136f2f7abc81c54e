/**
 * Settings of a program from three places: flags win over environment variables, these over one file, that over what
 * is built in. A table says once what each setting is called, what it may be and what it is for.
 */
export interface Setting<V> {
  /** Without dashes: `port` is `--port`, `DUNLIN_PORT`, and `port:` in the file. */
  readonly name: string
  /** One sentence for `--help`. */
  readonly about: string
  /** What is expected, to follow "expected": `a port, 1 to 65535`. */
  readonly expected: string
  readonly fallback: V
  /** Given more than once, or as a list in the file. Else the last flag counts. */
  readonly isList?: boolean
  /** From the words that were given (one, unless it is a list); undefined when they are not as expected. */
  parse(words: readonly string[]): V | undefined
}

export interface SettingsTable {
  // The values differ in type from row to row; each is known again by its name.
  readonly [key: string]: Setting<unknown>
}

export type SettingsOf<T extends SettingsTable> = { readonly [K in keyof T]: T[K] extends Setting<infer V> ? V : never }

export interface SettingsSources {
  /** Words after the command: `--name value` or `--name=value`. */
  readonly argv: readonly string[]
  readonly env: { readonly [name: string]: string | undefined }
  /** The file, parsed, and what to call it in messages. */
  readonly file?: { readonly name: string; readonly content: unknown }
}

/**
 * Values of all settings, and a sentence for everything that is wrong, naming the place, what was found there and what
 * was expected. The values are whole only when nothing is wrong.
 *
 * @example readSettings(table, { argv: ['--port', 'x'], env: {} }).problems
 * // ['--port: found "x"; expected a port, 1 to 65535']
 */
export const readSettings = <T extends SettingsTable>(
  table: T,
  sources: SettingsSources,
): { readonly values: SettingsOf<T>; readonly problems: readonly string[] } => {
  const problems: string[] = []
  const flags = readFlags(table, sources.argv, problems)
  const file = readFileWords(table, sources.file, problems)
  const entries = Object.entries(table).map(([key, setting]) => {
    const variable = `DUNLIN_${setting.name.toUpperCase().replaceAll('-', '_')}`
    const fromEnv = sources.env[variable]
    const found: Found | undefined =
      flags.get(setting.name) ??
      (fromEnv === undefined || fromEnv === ''
        ? undefined
        : { place: variable, words: setting.isList ? fromEnv.split(',').map(word => word.trim()) : [fromEnv] }) ??
      file.get(setting.name)
    if (found === undefined) return [key, setting.fallback]
    const value = setting.parse(setting.isList ? found.words : found.words.slice(-1))
    if (value === undefined) problems.push(`${found.place}: found ${quote(found.words)}; expected ${setting.expected}`)
    return [key, value]
  })
  // Each entry was made from the table's row of that key.
  return { values: Object.fromEntries(entries) as SettingsOf<T>, problems }
}

interface Found {
  readonly place: string
  readonly words: readonly string[]
}

const quote = (words: readonly string[]): string => words.map(word => JSON.stringify(word.slice(0, 200))).join(', ')

const readFlags = (table: SettingsTable, argv: readonly string[], problems: string[]): ReadonlyMap<string, Found> => {
  const found = new Map<string, Found>()
  const known = Object.values(table).map(one => one.name)
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? ''
    const [flag = '', ...rest] = word.split('=')
    const name = flag.slice(2)
    if (!flag.startsWith('--') || !known.includes(name)) {
      problems.push(
        `unknown ${flag.startsWith('-') ? 'flag' : 'word'} ${JSON.stringify(word.slice(0, 200))}; known flags: ${known.map(one => `--${one}`).join(' ')}`,
      )
      continue
    }
    if (rest.length === 0) at += 1
    const value = rest.length > 0 ? rest.join('=') : argv[at]
    if (value === undefined) problems.push(`--${name}: no value follows it`)
    else found.set(name, { place: `--${name}`, words: [...(found.get(name)?.words ?? []), value] })
  }
  return found
}

const readFileWords = (
  table: SettingsTable,
  file: SettingsSources['file'],
  problems: string[],
): ReadonlyMap<string, Found> => {
  const found = new Map<string, Found>()
  const content = file?.content
  if (file === undefined || content === null || content === undefined) return found
  if (typeof content !== 'object' || Array.isArray(content)) {
    problems.push(`${file.name}: found ${JSON.stringify(content).slice(0, 80)}; expected a mapping of settings`)
    return found
  }
  for (const [name, value] of Object.entries(content)) {
    const setting = Object.values(table).find(one => one.name === name)
    const words: readonly unknown[] = Array.isArray(value) ? value : [value]
    if (setting === undefined)
      problems.push(
        `${file.name}: unknown setting ${JSON.stringify(name)}; known: ${Object.values(table)
          .map(one => one.name)
          .join(', ')}`,
      )
    else if (!words.every(isScalar) || (Array.isArray(value) && setting.isList !== true))
      problems.push(
        `${file.name}: ${name}: found ${JSON.stringify(value)?.slice(0, 200)}; expected ${setting.expected}`,
      )
    else found.set(name, { place: `${file.name}: ${name}`, words: words.map(String) })
  }
  return found
}

const isScalar = (value: unknown): boolean => ['string', 'number', 'boolean'].includes(typeof value)

/** A setting that is any text, or one that `isFine`. */
export const textSetting = (
  of: Omit<Setting<string>, 'parse'> & { readonly isFine?: (text: string) => boolean },
): Setting<string> => ({ ...of, parse: ([word = '']) => (of.isFine?.(word) === false ? undefined : word) })

/** As `textSetting`, and absent unless given. */
export const optionalSetting = (
  of: Omit<Setting<string | undefined>, 'parse' | 'fallback'> & { readonly isFine?: (text: string) => boolean },
): Setting<string | undefined> => ({
  ...of,
  fallback: undefined,
  parse: ([word = '']) => (of.isFine?.(word) === false ? undefined : word),
})

/** A whole number within bounds. */
export const numberSetting = (
  of: Omit<Setting<number>, 'parse' | 'expected'> & {
    readonly least: number
    readonly most: number
    readonly unit: string
  },
): Setting<number> => ({
  ...of,
  expected: `${of.unit}, ${of.least} to ${of.most}`,
  parse: ([word = '']) => {
    const value = /^\d{1,10}$/.test(word) ? Number(word) : Number.NaN
    return value >= of.least && value <= of.most ? value : undefined
  },
})

/** Texts that are each fine. */
export const listSetting = (
  of: Omit<Setting<readonly string[]>, 'parse' | 'isList' | 'fallback'> & {
    readonly isFine: (text: string) => boolean
  },
): Setting<readonly string[]> => ({
  ...of,
  isList: true,
  fallback: [],
  parse: words => (words.every(of.isFine) ? words : undefined),
})
