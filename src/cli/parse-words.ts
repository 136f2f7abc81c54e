import { Fault } from '../api/fault.ts'
import type { Option } from './command.ts'

export interface ParsedWords {
  readonly words: readonly string[]
  readonly rest: readonly string[]
  readonly options: ReadonlyMap<string, readonly string[]>
}

/**
 * Splits a command line into words and options, with kubectl's habits: `-n web`, `--namespace=web`, `-f-`, `-it`;
 * `--` ends options. An option that nobody knows is an error that names the nearest one.
 *
 * @throws Fault BadRequest that names the option and what it wants
 * @example parseWords(['pods', '-n', 'web'], options).options.get('namespace') // ['web']
 */
export const parseWords = (line: readonly string[], known: readonly Option[]): ParsedWords => {
  const words: string[] = []
  const options = new Map<string, string[]>()
  const set = (option: Option, value: string): void => {
    const values = options.get(option.name) ?? []
    options.set(option.name, option.many ? [...values, value] : [value])
  }
  for (let at = 0; at < line.length; at += 1) {
    const word = line[at] ?? ''
    if (word === '--') return { words, rest: line.slice(at + 1), options }
    if (!word.startsWith('-') || word === '-') {
      words.push(word)
      continue
    }
    if (word.startsWith('--')) {
      const [name = '', ...value] = word.slice(2).split('=')
      const option = known.find(one => one.name === name)
      if (option === undefined) throw unknownOption(`--${name}`, known)
      if (option.value === undefined) set(option, value.length > 0 ? value.join('=') : 'true')
      else if (value.length > 0) set(option, value.join('='))
      else set(option, needValue(option, line[++at]))
      continue
    }
    for (let letter = 1; letter < word.length; letter += 1) {
      const option = known.find(one => one.short === word[letter])
      if (option === undefined) throw unknownOption(`-${word[letter]}`, known)
      if (option.value === undefined) {
        set(option, 'true')
        continue
      }
      const attached = word.slice(letter + 1).replace(/^=/, '')
      set(option, attached !== '' ? attached : needValue(option, line[++at]))
      break
    }
  }
  return { words, rest: [], options }
}

const needValue = (option: Option, value: string | undefined): string => {
  if (value !== undefined) return value
  throw new Fault('BadRequest', `option --${option.name} needs a value: --${option.name}=${option.value}`)
}

const unknownOption = (word: string, known: readonly Option[]): Fault => {
  const nearest = nearestOf(
    word.replace(/^-+/, ''),
    known.map(one => one.name),
  )
  const hint = nearest === undefined ? '' : `; did you mean --${nearest}?`
  return new Fault('BadRequest', `unknown option ${word}${hint}`)
}

/** The candidate within two edits of `word`, if there is one. */
export const nearestOf = (word: string, candidates: readonly string[]): string | undefined => {
  let best: { readonly candidate: string; readonly distance: number } | undefined
  for (const candidate of candidates) {
    const distance = editDistance(word, candidate)
    if (distance <= 2 && distance < candidate.length && (best === undefined || distance < best.distance))
      best = { candidate, distance }
  }
  return best?.candidate
}

const editDistance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const substitute = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(substitute, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
