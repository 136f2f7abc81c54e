import t from 'tap'
import type { HealthCheck } from '../../../src/hub/rest/health.ts'
import { startKit } from '../../support/rest.ts'

/** One check that follows `mood`, and is no matter of life. */
const aKit = async (t: Parameters<typeof startKit>[0], mood: { isWell: boolean }) => {
  const garden: HealthCheck = {
    name: 'garden',
    isLive: false,
    async check() {
      if (!mood.isWell) throw new Error('the secret of the garden')
    },
  }
  return await startKit(t, { checks: [garden] })
}

t.test('a hub that is well says ok, and with verbose every check', async t => {
  const { ask } = await aKit(t, { isWell: true })
  for (const path of ['/healthz', '/livez', '/readyz'])
    t.match(await ask({ path, as: 'nobody' }), { status: 200, text: /^ok$/ })
  t.equal(
    (await ask({ path: '/readyz?verbose', as: 'nobody' })).text,
    '[+]ping ok\n[+]shutdown ok\n[+]garden ok\nreadyz check passed\n',
  )
  t.equal((await ask({ path: '/livez?verbose=1' })).text, '[+]ping ok\nlivez check passed\n', 'life asks for less')
})

t.test('a check that fails is named, and its reason stays in the log', async t => {
  const mood = { isWell: false }
  const { ask } = await aKit(t, mood)
  t.match(await ask({ path: '/readyz', as: 'nobody' }), {
    status: 500,
    text: '[+]ping ok\n[+]shutdown ok\n[-]garden failed: reason withheld\nreadyz check failed\n',
  })
  t.match(await ask({ path: '/healthz' }), { status: 500, text: /healthz check failed/ })
  t.match(await ask({ path: '/livez' }), { status: 200, text: 'ok' }, 'it lives')
  t.match(await ask({ path: '/readyz?exclude=garden&verbose' }), { status: 200, text: /\[\+\]garden excluded: ok/ })
  t.match(await ask({ path: '/readyz?exclude=gaden' }), { status: 500, text: /no matches for "gaden"/ })
  t.match(await ask({ path: '/readyz/garden' }), { status: 500, text: /reason withheld/ })
  mood.isWell = true
  t.match(await ask({ path: '/readyz' }), { status: 200, text: 'ok' })
})

t.test('one check alone is asked for by its name', async t => {
  const { ask } = await aKit(t, { isWell: true })
  t.match(await ask({ path: '/readyz/garden' }), { status: 200, text: 'ok' })
  t.match(await ask({ path: '/livez/ping' }), { status: 200, text: 'ok' })
  t.match(await ask({ path: '/livez/garden' }), { status: 404, json: { kind: 'Status' } })
  t.match(await ask({ path: '/readyz/garden/bed' }), { status: 404 })
  t.match(await ask({ path: '/readyz/garden', as: 'nobody' }), { status: 401 }, 'that is for who may look closer')
})
