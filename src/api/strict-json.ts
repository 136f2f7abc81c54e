import { Fault } from './fault.ts'

/** Deeper nesting than this is no manifest. */
export const maxDepth = 100

export interface StrictJson {
  readonly value: unknown
  /** Paths of members that stand twice in their object: `spec.replicas`. The last one won. At most 32. */
  readonly duplicates: readonly string[]
}

/** How many duplicates are told; more add nothing. */
const maxDuplicates = 32

/**
 * Reads JSON (RFC 8259) and finds what JSON.parse hides: members that stand twice. Objects are made so that no key
 * reaches a prototype; `__proto__` as a key is refused. Nesting is bounded by `maxDepth`; the size is the caller's bound.
 *
 * @throws Fault BadRequest with the place
 * @example parseStrictJson('{"a":1,"a":2}') // { value: { a: 2 }, duplicates: ['a'] }
 */
export const parseStrictJson = (text: string): StrictJson => {
  const scanner = new Scanner(text)
  const value = scanner.document()
  return { value, duplicates: scanner.duplicates }
}

const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const blankPattern = /[ \t\n\r]*/y

/** One reading of one text, from left to right. */
class Scanner {
  readonly duplicates: string[] = []
  readonly #text: string
  /** Members by name, items by number. */
  readonly #path: (string | number)[] = []
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  document(): unknown {
    const value = this.#value()
    this.#skipBlanks()
    if (this.#at < this.#text.length) throw this.#unexpected('the end')
    return value
  }

  #value(): unknown {
    this.#skipBlanks()
    const next = this.#text[this.#at]
    if (next === '{') return this.#object()
    if (next === '[') return this.#list()
    if (next === '"') return this.#string()
    for (const [word, value] of words) {
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length
        return value
      }
    }
    const number = this.#take(numberPattern)
    if (number === undefined) throw this.#unexpected('a value')
    return Number(number)
  }

  #object(): unknown {
    this.#enter()
    const members = new Map<string, unknown>()
    this.#skipBlanks()
    if (this.#text[this.#at] === '}') this.#at += 1
    else {
      do {
        this.#skipBlanks()
        const key = this.#string()
        if (key === '__proto__') throw new Fault('BadRequest', 'a member may not be named "__proto__"')
        this.#expect(':')
        this.#path.push(key)
        if (members.has(key) && this.duplicates.length < maxDuplicates) this.duplicates.push(this.#where())
        members.set(key, this.#value())
        this.#path.pop()
      } while (this.#separator('}'))
    }
    this.#leave()
    return Object.fromEntries(members)
  }

  #list(): unknown {
    this.#enter()
    const items: unknown[] = []
    this.#skipBlanks()
    if (this.#text[this.#at] === ']') this.#at += 1
    else {
      do {
        this.#path.push(items.length)
        items.push(this.#value())
        this.#path.pop()
      } while (this.#separator(']'))
    }
    this.#leave()
    return items
  }

  #string(): string {
    if (this.#text[this.#at] !== '"') throw this.#unexpected('a string')
    const start = this.#at
    const end = this.#endOfString()
    this.#at = end
    try {
      // Escapes and control characters are JSON.parse's affair.
      return String(JSON.parse(this.#text.slice(start, end)))
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      this.#at = start
      throw this.#unexpected('a string with valid escapes and no control characters')
    }
  }

  /** Where the string that begins here ends: the first quote with an even number of backslashes before it. */
  #endOfString(): number {
    for (let at = this.#at + 1; ; at += 1) {
      at = this.#text.indexOf('"', at)
      if (at === -1) throw this.#unexpected('a string that ends')
      let slashes = 0
      while (this.#text[at - 1 - slashes] === '\\') slashes += 1
      if (slashes % 2 === 0) return at + 1
    }
  }

  /** Whether another item follows, else the end has been read. */
  #separator(end: string): boolean {
    this.#skipBlanks()
    const found = this.#text[this.#at]
    if (found !== ',' && found !== end) throw this.#unexpected(`"," or "${end}"`)
    this.#at += 1
    return found === ','
  }

  #expect(mark: string): void {
    this.#skipBlanks()
    if (this.#text[this.#at] !== mark) throw this.#unexpected(`"${mark}"`)
    this.#at += 1
  }

  #where(): string {
    return this.#path
      .map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`))
      .join('')
  }

  #depth = 0

  #enter(): void {
    this.#at += 1
    this.#depth += 1
    if (this.#depth > maxDepth) {
      throw new Fault('BadRequest', `the JSON is nested deeper than ${maxDepth} levels at character ${this.#at}`)
    }
  }

  #leave(): void {
    this.#depth -= 1
  }

  #skipBlanks(): void {
    this.#take(blankPattern)
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }

  #unexpected(expected: string): Fault {
    const found = this.#text.slice(this.#at, this.#at + 1)
    const line = this.#text.slice(0, this.#at).split('\n').length
    return new Fault(
      'BadRequest',
      `invalid JSON at line ${line}, character ${this.#at}: expected ${expected}, found ${found === '' ? 'the end' : JSON.stringify(found)}`,
    )
  }
}

const words: readonly (readonly [string, unknown])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
]
