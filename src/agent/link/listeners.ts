/** Those who want to be told. Each is told even when another throws; the first error then goes to the teller. */
export interface Listeners<T> {
  add(listener: (value: T) => void): () => void
  tell(value: T): void
}

export const listeners = <T>(): Listeners<T> => {
  const all = new Set<(value: T) => void>()
  return {
    add(listener) {
      all.add(listener)
      return () => {
        all.delete(listener)
      }
    },
    tell(value) {
      const errors: unknown[] = []
      for (const listener of all)
        try {
          listener(value)
        } catch (error) {
          errors.push(error)
        }
      if (errors.length > 0) throw errors[0]
    },
  }
}
