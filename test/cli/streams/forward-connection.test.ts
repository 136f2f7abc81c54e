import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'

t.test('after a refused connection the program can still leave', async t => {
  const child = fileURLToPath(new URL('./forward-child.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', child], {
    timeout: 25_000,
  })
  t.equal(stdout, 'no connections are forwarded\n')
})
