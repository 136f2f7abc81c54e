import { join } from 'node:path'

/** Where a boot partition may be mounted, in the order in which it is looked for. */
export const bootFolders: readonly string[] = ['/boot/firmware', '/boot/efi', '/boot']

/** Files of the card's folder. */
export const onCard = (boot: string) => ({
  folder: join(boot, 'dunlin'),
  join: join(boot, 'dunlin', 'join.json'),
  status: join(boot, 'dunlin', 'status.txt'),
  images: join(boot, 'dunlin', 'images'),
})

/** What is kept until the device has joined: settings as the agent's unit reads them, and what is left to do. */
export const inState = (stateFolder: string) => ({
  settings: join(stateFolder, 'first-boot.env'),
  rest: join(stateFolder, 'first-boot.json'),
})
