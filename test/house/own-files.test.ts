import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** What of node:fs writes: a file of ours that is written past src/lib/file-steps.ts escapes the tests of power cuts. */
const writes =
  /^(?:writeFile|appendFile|copyFile|cp|rename|link|symlink|truncate|ftruncate|unlink|open|write|fsync|fdatasync)(?:Sync)?$|^createWriteStream$/

/** The few that open a file, or write one that is not ours, and why. */
const others: Record<string, string> = {
  'src/lib/file-steps.ts': 'the one that writes',
  'src/lib/folder-handle.ts': 'opens and makes what a user copies',
  'src/lib/unpack-into.ts': 'puts in place what a user copies',
  'src/agent/own-log.ts': 'keeps the log of one boot on a tmpfs',
  'src/cli/flash/card/write-card.ts': 'writes the card that a user named',
  'src/cli/flash/image-file.ts': 'unpacks the image that a user gave',
  'src/cli/flash/write-file.ts': 'writes the image that a user asked for',
  'src/cli/commands/shell.ts': 'writes the recording that a user asked for',
  'src/agent/sessions/device-policy-file.ts': 'reads what the owner of the device allows',
  'src/agent/sessions/pty.ts': 'writes to a terminal',
  'src/hub/restore.ts': 'reads the first bytes of an archive',
  'src/hub/store/store-file.ts': 'makes the empty file that is then SQLite’s',
  'src/agent/pods/volumes.ts': 'makes the empty file of a hostPath, for a pod',
  'src/runtime-podman/engine/service.ts': 'opens the log that the engine service writes',
  'src/runtime-podman/kernel-log.ts': 'reads the kernel’s messages',
  'src/runtime-podman/logs/read-log.ts': 'reads a container’s log',
  'src/runtime-podman/logs/rotate-log.ts': 'writes to conmon’s control pipe',
  'src/runtime-podman/observed.ts': 'reads the end of a termination message',
}

const files = (readdirSync(`${root}src`, { recursive: true }) as string[])
  .filter(name => name.endsWith('.ts'))
  .map(name => `src/${name}`)

const namesFrom = (text: string): readonly string[] =>
  [...text.matchAll(/^import(?: type)? \{([^}]*)\} from '(?:node:)?fs(?:\/promises)?'/gm)].flatMap(([, names = '']) =>
    names.split(',').map(name =>
      name
        .trim()
        .replace(/^type /, '')
        .replace(/ as .*/, ''),
    ),
  )

t.test('own files are written in one place', async t => {
  const found = files.filter(file => namesFrom(readFileSync(`${root}${file}`, 'utf8')).some(name => writes.test(name)))
  t.strictSame(found.toSorted(), Object.keys(others).toSorted())
})

t.test('nobody gets at the file system by another way', async t => {
  const whole =
    /import (?:\* as )?\w+ from '(?:node:)?fs(?:\/promises)?'|(?:require|import)\('(?:node:)?fs|process\.binding/
  for (const file of files) t.notMatch(readFileSync(`${root}${file}`, 'utf8'), whole, file)
})
