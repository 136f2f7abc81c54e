/** One line of `dunlin doctor`: what was found and, where it is not right, the one command or act that mends it. */
export interface Finding {
  readonly verdict: 'ok' | 'warning' | 'wrong'
  readonly what: string
  readonly found: string
  readonly mend?: string
}
