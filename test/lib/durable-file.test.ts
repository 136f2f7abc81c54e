import { mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import {
  createWhole,
  makeFolderDurably,
  removeDurably,
  replaceFile,
  replaceLink,
  writeDurably,
} from '../../src/lib/durable-file.ts'
import { type FileStep, watchFileSteps } from '../../src/lib/file-steps.ts'
import { folderOf } from '../support/folder-of.ts'

/** The disk fails at the step of that number, once. Resolves to the steps that were asked for. */
const failingAt = async (at: number, code: string, deed: () => Promise<void>) => {
  const steps: FileStep[] = []
  const stop = watchFileSteps(step => {
    steps.push(step)
    if (steps.length === at) throw Object.assign(new Error(`${code}: from the disk`), { code })
  })
  try {
    await deed()
    return { steps, error: undefined }
  } catch (error) {
    return { steps, error: error as NodeJS.ErrnoException }
  } finally {
    stop()
  }
}

for (const code of ['ENOSPC', 'EROFS', 'EIO'])
  t.test(`a disk that answers ${code} at any step leaves the old content or the new, and says so`, async t => {
    const folder = `${folderOf(t)}/state`
    const path = join(folder, 'a')
    await writeDurably(path, 'old')
    for (let at = 1; ; at += 1) {
      await writeDurably(path, 'old')
      const { steps, error } = await failingAt(at, code, () => writeDurably(path, 'new'))
      if (steps.length < at) break
      const isMakingFolder = steps[at - 1]?.action === 'makeFolder'
      t.equal(error?.code, code, `${at}: ${steps[at - 1]?.action}`)
      t.match(readFileSync(path, 'utf8'), isMakingFolder ? 'old' : /^(?:old|new)$/)
      t.strictSame(readdirSync(folder), ['a'], 'nothing half is left')
      await writeDurably(path, 'newer')
      t.equal(readFileSync(path, 'utf8'), 'newer', 'the next write is whole again')
    }
  })

t.test('the steps of a durable write are those that make it durable, in this order', async t => {
  const root = folderOf(t)
  const { steps } = await failingAt(0, '', () => writeDurably(join(root, 'a/b/file'), 'x'))
  const relative = (path: string) => path.slice(root.length + 1) || '.'
  t.strictSame(
    steps.map(
      step => `${step.action} ${'path' in step ? relative(step.path) : `${relative(step.from)} ${relative(step.to)}`}`,
    ),
    [
      // The folders that turned out to be missing, each made durable in the one above.
      'makeFolder a/b',
      'makeFolder a',
      'syncFolder .',
      'makeFolder a/b',
      'syncFolder a',
      'write a/b/file.tmp',
      'sync a/b/file.tmp',
      'rename a/b/file.tmp a/b/file',
      'syncFolder a/b',
    ],
  )
})

t.test('a stream is written whole or not at all', async t => {
  const path = join(folderOf(t), 'archive')
  async function* parts(fails: boolean) {
    yield Buffer.from('one ')
    if (fails) throw new Error('the other side went away')
    yield Buffer.from('two')
  }
  await t.rejects(writeDurably(path, parts(true)), /went away/)
  t.strictSame(readdirSync(join(path, '..')), [])
  await writeDurably(path, parts(false))
  t.equal(readFileSync(path, 'utf8'), 'one two')
})

t.test('the small ones do what they say', async t => {
  const root = folderOf(t)
  await makeFolderDurably(join(root, 'x'))
  await makeFolderDurably(join(root, 'x'))
  mkdirSync(join(root, 'y'))
  await replaceFile(join(root, 'x/run'), 'volatile')
  t.equal(readFileSync(join(root, 'x/run'), 'utf8'), 'volatile')
  await replaceLink('first', join(root, 'x/link'))
  await replaceLink('second', join(root, 'x/link'))
  t.equal(readlinkSync(join(root, 'x/link')), 'second')
  t.equal(await createWhole(join(root, 'x/lock'), 'mine'), true)
  t.equal(await createWhole(join(root, 'x/lock'), 'yours'), false)
  t.equal(readFileSync(join(root, 'x/lock'), 'utf8'), 'mine')
  await removeDurably(join(root, 'x/lock'))
  await removeDurably(join(root, 'x/lock'))
  t.strictSame(readdirSync(join(root, 'x')).toSorted(), ['link', 'run'])
})
