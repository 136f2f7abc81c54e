import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { parseJoinToken } from '../../src/wire/join-token.ts'
import { aDevice } from '../hub/a-device.ts'
import { aWholeHub } from '../hub/a-whole-hub.ts'
import { until } from '../support/until.ts'

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

interface Ran {
  readonly code: number
  readonly out: string
  readonly notes: string
}

/** The command itself, as a process of its own. */
const dunlin = (...words: readonly string[]): Promise<Ran> =>
  new Promise(resolve => {
    execFile(process.execPath, [main, ...words], (error, out, notes) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, notes })
    })
  })

t.test('a node is given another board, and a moved card is accepted, by commands', async t => {
  const folder = t.testdir()
  const kubeconfig = `${folder}/kubeconfig`
  const { joinToken } = await aWholeHub(t, `${folder}/hub`, { argv: ['--kubeconfig', kubeconfig] })
  const at = ['--kubeconfig', kubeconfig]
  const none = await dunlin('node', 'replace', 'nobody', ...at)
  t.match(none, { code: 1, notes: /nodes "nobody" not found/ })

  const first = await aDevice(t, { stateFolder: `${folder}/a`, name: 'barn', token: await joinToken(), board: 'aaaa' })
  await until('its report', async () => /Ready/.test((await dunlin('get', 'nodes', ...at)).out))
  const made = await dunlin('node', 'replace', 'barn', ...at)
  t.match(made, { code: 0, notes: /It becomes node "barn"[\s\S]*is there now: .* is then shut out/ })
  const token = made.out.trim()
  t.ok(parseJoinToken(token).id)
  t.match(await dunlin('doctor', '--state', `${folder}/none`, '--join-token', token), {
    out: /ok +hub +answers at .*will take the token until/,
  })
  const second = await aDevice(t, { stateFolder: `${folder}/b`, name: 'barn', token, board: 'bbbb' })
  t.equal(second.identity.membership?.node.uid, first.identity.membership?.node.uid)
  t.match(await dunlin('doctor', '--state', `${folder}/a`), {
    code: 5,
    out: /wrong +membership .*its name moved to another board \(serial bbbb\).*dunlin node reset/,
  })
  await second.close()

  const moved = await aDevice(t, { stateFolder: `${folder}/b`, name: 'barn', board: 'cccc' })
  await until('the list that says so', async () => /BoardChanged/.test((await dunlin('get', 'nodes', ...at)).out))
  t.match(
    (await dunlin('describe', 'node', 'barn', ...at)).out,
    /CardInAnotherBoard .*is in board cccc; board bbbb joined/,
  )
  t.match(await dunlin('node', 'accept', 'barn', ...at), { code: 0, out: /node\/barn accepted on its new board/ })
  await moved.say()
  await until('its end', async () => !/BoardChanged/.test((await dunlin('get', 'nodes', ...at)).out))
  t.match(await dunlin('node', 'accept', 'barn', ...at), { out: /is on the board that joined, cccc/ })
})

t.test('a reset that nobody confirmed, or whose token is mistyped, touches nothing', async t => {
  t.match(await dunlin('node', 'reset', 'barn'), { code: 2, notes: /on the device itself/ })
  t.match(await dunlin('node', 'reset', '--yes', '--join-token', 'dunlin1.x'), { code: 2, notes: /was cut when/ })
  t.match(await dunlin('node', 'mend', 'barn'), { code: 2, notes: /node "mend" is not known/ })
})
