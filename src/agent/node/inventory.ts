import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { readIfThere, replaceFile } from '../../lib/durable-file.ts'
import { count, list, oneOf, type Parse, parseJson, record, text } from '../../wire/parse.ts'
import { labelValue } from './label-value.ts'

/** What the machine is made of. Texts are as the firmware gives them, and may be empty. */
export interface Inventory {
  readonly manufacturer: string
  readonly model: string
  readonly cpu: string
  readonly disks: readonly { readonly name: string; readonly type: string; readonly bytes: number }[]
}

const words = text(200)

export const parseInventory: Parse<Inventory> = record<Inventory>({
  manufacturer: words,
  model: words,
  cpu: words,
  disks: list(8, record<Inventory['disks'][number]>({ name: words, type: words, bytes: count })),
})

interface Kept {
  readonly format: 1
  readonly bootId: string
  readonly inventory: Inventory
}

const parseKept: Parse<Kept> = record<Kept>({ format: oneOf(1), bootId: text(64), inventory: parseInventory })

const run = promisify(execFile)
const timeoutMs = 30_000
const mostBytes = 64 * 1024

/** The same file beside this one, as a source or bundled. */
const childPath = (): string =>
  fileURLToPath(
    new URL(import.meta.url.endsWith('.ts') ? './inventory-child.ts' : './inventory-child.js', import.meta.url),
  )

/**
 * The hardware of this machine, found once a boot by a child process that leaves again, and kept in the run folder.
 *
 * @throws Fault Malformed or the child's error; nothing depends on it
 */
export const readInventory = async (of: {
  readonly runFolder: string
  readonly bootId: string
}): Promise<Inventory> => {
  const path = join(of.runFolder, 'inventory.json')
  const known = keptIn(await readIfThere(path), path)
  if (known?.bootId === of.bootId) return known.inventory
  const { stdout } = await run(process.execPath, [childPath()], { timeout: timeoutMs, maxBuffer: mostBytes })
  const inventory = parseJson(stdout, parseInventory, 'the inventory')
  await mkdir(of.runFolder, { recursive: true, mode: 0o700 })
  await replaceFile(path, JSON.stringify({ format: 1, bootId: of.bootId, inventory } satisfies Kept))
  return inventory
}

const keptIn = (bytes: Buffer | undefined, path: string): Kept | undefined => {
  if (bytes === undefined) return undefined
  try {
    return parseJson(bytes.toString(), parseKept, path)
  } catch {
    // A torn file: the machine is asked again.
    return undefined
  }
}

/** Labels by which pods may choose a node; what the firmware does not say is left out. */
export const inventoryLabels = (inventory: Inventory): { readonly [key: string]: string } => {
  const of: readonly (readonly [string, string])[] = [
    ['dunlin.io/manufacturer', inventory.manufacturer],
    ['dunlin.io/model', inventory.model],
    ['dunlin.io/cpu', inventory.cpu],
    ['dunlin.io/disk', inventory.disks[0]?.type ?? ''],
  ]
  return Object.fromEntries(
    of.map(([key, value]) => [key, labelValue(value)] as const).filter(([, value]) => value !== ''),
  )
}
