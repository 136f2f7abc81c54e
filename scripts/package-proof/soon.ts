/** Looks until it is so. @throws Error after ten minutes: programs run under qemu, on a machine with other work */
export const soon = async (what: string, look: () => boolean, why: () => string = () => ''): Promise<void> => {
  for (let tries = 0; tries < 1200; tries += 1) {
    if (look()) return
    await new Promise(resolve => setTimeout(resolve, 500))
  }
  throw new Error(`it did not happen: ${what}\n${why()}`)
}
