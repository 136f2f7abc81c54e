import { describeError, Fault } from '../../../api/fault.ts'

/** What an error of the kernel on a card means for the one who holds it, by its code. */
const meanings: { readonly [code: string]: string } = {
  EBUSY: 'it is in use (mounted, or opened by another program); take it out of use first',
  EACCES: 'this user may not write to it; run this with sudo',
  EPERM: 'this user may not write to it; run this with sudo',
  ENOENT: 'there is no such device',
  ENODEV: 'it is gone: the card was taken out',
  ENXIO: 'it is gone: the card was taken out',
  ENOMEDIUM: 'there is no card in it',
  EROFS: 'it is read-only: look for the switch at the card’s side',
  ENOSPC: 'it ended before its stated size: the card is not what it says it is',
  EIO: 'it does not take or give the data: the card was taken out, or is worn out',
}

/**
 * The Fault for an error while a card is opened, written or read.
 *
 * @param place after how many bytes, where that says something
 */
export const cardFault = (device: string, error: unknown, place?: number): Fault => {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  const where = place === undefined ? '' : ` at ${Math.floor(place / 1024 / 1024)} MiB`
  const after = place === undefined ? '' : '. What is on it now is of no use: write it again, or take another card'
  return new Fault(
    'Machine',
    `${device}${where}: ${meanings[code] ?? describeError(error)}${after}`,
    { device, code },
    error,
  )
}
