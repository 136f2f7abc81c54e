/** Looks until `look` gives something, twenty times a second. @throws when it has not after two minutes */
export const until = async <T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> => {
  for (let tries = 0; tries < 2400; tries += 1) {
    const found = await look()
    if (found !== undefined && found !== false) return found
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  throw new Error(`it did not happen: ${what}`)
}
