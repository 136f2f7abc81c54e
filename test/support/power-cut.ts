import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { type FileStep, watchFileSteps } from '../../src/lib/file-steps.ts'

/*
 *   record a deed on a real folder ──> steps ──> for each cut point: every state of the disk that may be left
 *                                                        └──> laid out in a folder of its own ──> the next start
 *
 * What the model lets a power cut take, as ext4 and f2fs may:
 *   content that was not synced: gone (an empty file), or torn in the middle
 *   names in a folder (created, moved, removed) that was not synced: the last of them, or all
 *   and of two folders, either before the other
 * What SQLite writes (hub.db) is its own affair: it is taken as it lies there at the cut.
 */

interface File {
  readonly type: 'file'
  durable: Buffer | undefined
  now: Buffer
}
interface Link {
  readonly type: 'link'
  readonly target: string
}
interface Folder {
  readonly type: 'folder'
  readonly now: Map<string, Entry>
  readonly durable: Map<string, Entry>
}
type Entry = File | Link | Folder

/** A change of names that is in memory only: it lasts when one of its folders is synced. */
interface Change {
  readonly folders: readonly Folder[]
  readonly apply: (folder: Folder) => void
}

/** A state that the disk may be in after the cut, and what was promised before it. */
export interface Cut {
  /** After how many steps, and what survived of them. */
  readonly name: string
  /** Marks that the deed had passed. */
  readonly passed: ReadonlySet<string>
  readonly folder: string
}

interface Recorded {
  readonly step: FileStep | { readonly action: 'mark'; readonly mark: string }
  /** What SQLite had written before this step. */
  readonly databases: ReadonlyMap<string, Buffer>
}

const isDatabase = (name: string): boolean => /^hub\.db(-wal)?$/.test(name)

/**
 * Runs `deed` on `folder` and calls `next` once for each different state that a power cut at any step of it can leave,
 * each in a folder of its own. `mark` says what the deed has promised so far: a token sent, a write acknowledged.
 *
 * @returns how many states there were
 */
export const atEveryCut = async (of: {
  readonly folder: string
  readonly deed: (mark: (mark: string) => void) => Promise<void>
  readonly next: (cut: Cut) => Promise<void>
}): Promise<number> => {
  await mkdir(of.folder, { recursive: true })
  const before = readTree(of.folder)
  const recorded: Recorded[] = []
  const stop = watchFileSteps(step => {
    if (placesOf(step).some(path => path.startsWith(`${of.folder}/`) || path === of.folder))
      recorded.push({ step, databases: databasesIn(of.folder) })
  })
  try {
    await of.deed(mark => recorded.push({ step: { action: 'mark', mark }, databases: databasesIn(of.folder) }))
  } finally {
    stop()
  }
  recorded.push({ step: { action: 'mark', mark: 'end' }, databases: databasesIn(of.folder) })
  return await eachState(of.folder, before, recorded, of.next)
}

/** Hundreds of starts, each with its fsyncs: on a tmpfs they cost nothing. */
const memory = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

const eachState = async (
  folder: string,
  before: Folder,
  recorded: readonly Recorded[],
  next: (cut: Cut) => Promise<void>,
): Promise<number> => {
  const disk = modelDisk(folder, before)
  const passed = new Set<string>()
  const seen = new Set<string>()
  for (const [index, { step, databases }] of recorded.entries()) {
    disk.put(databases)
    if (step.action === 'mark') passed.add(step.mark)
    else disk.take(step)
    for (const [survived, tree] of disk.afterCut()) {
      const listing = [...passed, ...listingOf(tree)].join('\n')
      if (seen.has(listing)) continue
      seen.add(listing)
      const place = await mkdtemp(join(memory, 'dunlin-cut-'))
      try {
        layOut(tree, place)
        const name = `cut after step ${index + 1} (${describe(step, folder)}): ${survived}`
        await next({ name, passed: new Set(passed), folder: place })
      } finally {
        await rm(place, { recursive: true, force: true, maxRetries: 5 })
      }
    }
  }
  return seen.size
}

const modelDisk = (root: string, top: Folder) => {
  let changes: Change[] = []
  const walk = (path: string): Folder => {
    let at: Entry = top
    for (const name of path.slice(root.length).split('/').filter(Boolean)) {
      const below: Entry | undefined = at.type === 'folder' ? at.now.get(name) : undefined
      if (below === undefined) throw new Error(`the model has no ${path}`)
      at = below
    }
    if (at.type !== 'folder') throw new Error(`the model has no folder ${path}`)
    return at
  }
  const entryAt = (path: string): Entry | undefined => walk(dirname(path)).now.get(basename(path))
  const fileAt = (path: string): File => {
    const entry = entryAt(path)
    if (entry?.type !== 'file') throw new Error(`the model has no file ${path}`)
    return entry
  }
  /** A step that fails (its folder is not there yet, or it is there already) changes nothing. */
  const isMissing = (path: string): boolean => {
    if (path === root) return false
    try {
      return entryAt(path) === undefined
    } catch {
      return false
    }
  }
  const change = (folders: readonly Folder[], apply: Change['apply']): void => {
    for (const folder of new Set(folders)) apply({ ...folder, durable: folder.now })
    changes.push({ folders, apply })
  }
  const add = (path: string, entry: Entry): void =>
    change([walk(dirname(path))], ({ durable }) => void durable.set(basename(path), entry))
  const drop = (path: string): void => {
    const entry = entryAt(path)
    if (entry === undefined) return
    if (entry.type === 'folder') for (const name of [...entry.now.keys()]) drop(join(path, name))
    change([walk(dirname(path))], ({ durable }) => void durable.delete(basename(path)))
  }
  const move = (from: string, to: string): void => {
    const entry = entryAt(from)
    if (entry === undefined) throw new Error(`the model has no ${from}`)
    const [source, target] = [walk(dirname(from)), walk(dirname(to))]
    change([source, target], folder => {
      if (folder.now === source.now) folder.durable.delete(basename(from))
      if (folder.now === target.now) folder.durable.set(basename(to), entry)
    })
  }
  return {
    put(databases: ReadonlyMap<string, Buffer>): void {
      for (const [path, bytes] of databases) {
        const folder = walk(dirname(path))
        const there = folder.now.get(basename(path))
        if (there?.type === 'file') {
          there.durable = bytes
          there.now = bytes
          continue
        }
        const file: File = { type: 'file', durable: bytes, now: bytes }
        folder.now.set(basename(path), file)
        folder.durable.set(basename(path), file)
      }
      for (const { folder, name } of databasesOf(top, root))
        if (!databases.has(join(folder, name))) {
          walk(folder).now.delete(name)
          walk(folder).durable.delete(name)
        }
    },
    take(step: FileStep): void {
      switch (step.action) {
        case 'write': {
          const there = entryAt(step.path)
          if (there?.type === 'file') there.now = Buffer.from(step.bytes)
          else add(step.path, { type: 'file', durable: undefined, now: Buffer.from(step.bytes) })
          return
        }
        case 'append': {
          const there = entryAt(step.path)
          if (there?.type === 'file') there.now = Buffer.concat([there.now, Buffer.from(step.bytes)])
          else add(step.path, { type: 'file', durable: undefined, now: Buffer.from(step.bytes) })
          return
        }
        case 'overwrite': {
          fileAt(step.path).now = Buffer.from(step.bytes)
          return
        }
        case 'sync': {
          const file = fileAt(step.path)
          file.durable = file.now
          return
        }
        case 'rename':
          move(step.from, step.to)
          return
        case 'link':
          if (entryAt(step.to) === undefined) add(step.to, fileAt(step.from))
          return
        case 'symlink':
          add(step.path, { type: 'link', target: step.target })
          return
        case 'remove':
          drop(step.path)
          return
        case 'makeFolder':
          if (isMissing(step.path)) add(step.path, { type: 'folder', now: new Map(), durable: new Map() })
          return
        case 'syncFolder': {
          const folder = walk(step.path)
          for (const one of changes.filter(one => one.folders.includes(folder)))
            for (const each of new Set(one.folders)) one.apply(each)
          changes = changes.filter(one => !one.folders.includes(folder))
        }
      }
    },
    /** The states that may be left now. */
    afterCut(): readonly (readonly [string, Folder])[] {
      const folders = [...new Set(changes.flatMap(one => one.folders))]
      const choices: [string, readonly Change[]][] = [['nothing of what was not synced', []]]
      for (let kept = 1; kept < changes.length; kept += 1)
        choices.push([`the first ${kept} names`, changes.slice(0, kept)])
      choices.push(['all names', changes])
      for (const [index, folder] of folders.entries())
        choices.push([`names of folder ${index + 1} alone`, changes.filter(one => one.folders.includes(folder))])
      return choices.flatMap(([names, kept]) =>
        contents.map(content => [`${names}, content ${content}`, copyOf(top, kept, content)] as const),
      )
    },
  }
}

const halfOf = (bytes: Buffer): Buffer => {
  const half = halves.get(bytes) ?? bytes.subarray(0, Math.floor(bytes.length / 2))
  halves.set(bytes, half)
  return half
}
const halves = new WeakMap<Buffer, Buffer>()
const nothing = Buffer.alloc(0)

/** What may be left of content that was not synced. */
const contents = ['whole', 'torn', 'empty', 'old'] as const

/** The tree as it is on the disk when these changes made it there. */
const copyOf = (top: Folder, changes: readonly Change[], content: (typeof contents)[number]): Folder => {
  const copyFile = (file: File): File => {
    if (file.durable === file.now) return { type: 'file', durable: file.now, now: file.now }
    const half = halfOf(file.now)
    const bytes = { whole: file.now, torn: half, empty: nothing, old: file.durable ?? half }[content]
    return { type: 'file', durable: bytes, now: bytes }
  }
  const copyFolder = (folder: Folder): Folder => {
    const own: Folder = { type: 'folder', now: folder.now, durable: new Map(folder.durable) }
    for (const one of changes) if (one.folders.includes(folder)) one.apply(own)
    const names = new Map<string, Entry>()
    for (const [name, entry] of own.durable) {
      if (entry.type === 'folder') names.set(name, copyFolder(entry))
      else names.set(name, entry.type === 'file' ? copyFile(entry) : entry)
    }
    return { type: 'folder', now: names, durable: names }
  }
  return copyFolder(top)
}

const readTree = (folder: string): Folder => {
  const names = new Map<string, Entry>()
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) names.set(entry.name, readTree(path))
    else if (entry.isFile()) {
      const bytes = readFileSync(path)
      names.set(entry.name, { type: 'file', durable: bytes, now: bytes })
    }
  }
  return { type: 'folder', now: names, durable: new Map(names) }
}

const layOut = (folder: Folder, place: string): void => {
  for (const [name, entry] of folder.now) {
    const path = join(place, name)
    if (entry.type === 'link') symlinkSync(entry.target, path)
    else if (entry.type === 'file') writeFileSync(path, entry.now, { mode: 0o600 })
    else {
      mkdirSync(path, { mode: 0o700 })
      layOut(entry, path)
    }
  }
}

const listingOf = (folder: Folder, place = ''): readonly string[] =>
  [...folder.now].flatMap(([name, entry]) => {
    const path = `${place}/${name}`
    if (entry.type === 'folder') return [path, ...listingOf(entry, path)]
    // Nobody reads a temporary file: how much of it is left makes no other state.
    if (name.endsWith('.tmp')) return [path]
    return [`${path} ${entry.type === 'file' ? digestOf(entry.now) : entry.target}`]
  })

/** Computed once for each content: most of the tree is the same in every state. */
const digestOf = (bytes: Buffer): string => {
  const known = digests.get(bytes) ?? createHash('sha256').update(bytes).digest('base64')
  digests.set(bytes, known)
  return known
}
const digests = new WeakMap<Buffer, string>()

const databasesIn = (folder: string): ReadonlyMap<string, Buffer> =>
  new Map(
    (readdirSync(folder, { recursive: true }) as string[])
      .filter(name => isDatabase(basename(name)) && statSync(join(folder, name)).isFile())
      .map(name => [join(folder, name), readFileSync(join(folder, name))]),
  )

const databasesOf = (folder: Folder, path: string): readonly { readonly folder: string; readonly name: string }[] =>
  [...folder.now].flatMap(([name, entry]) =>
    entry.type === 'folder' ? databasesOf(entry, join(path, name)) : isDatabase(name) ? [{ folder: path, name }] : [],
  )

const placesOf = (step: FileStep): readonly string[] => ('path' in step ? [step.path] : [step.from, step.to])

const describe = (step: Recorded['step'], root: string): string =>
  step.action === 'mark'
    ? step.mark
    : `${step.action} ${placesOf(step)
        .map(path => path.slice(root.length + 1))
        .join(' to ')}`
