import t from 'tap'
import type { Pod } from '../../../src/api/types.ts'
import { podStory } from '../../../src/hub/controllers/pod-story.ts'
import { jsonLog } from '../../../src/lib/log.ts'
import { controlled } from '../../support/controlled.ts'

const web = { namespace: 'default', name: 'web' }

t.test('the log tells the life of a pod, and each line holds its uid', async t => {
  const world = await controlled(t)
  const lines: { readonly [fact: string]: unknown }[] = []
  const log = jsonLog({ write: line => void lines.push(JSON.parse(line)), level: 'info', now: () => 0 })
  const story = podStory({ objects: world.objects, log })
  story.start()
  await world.objects.create<Pod>('Pod', {
    metadata: { ...web },
    spec: { containers: [{ name: 'web', image: 'web:1' }] },
  })
  await world.addNode('attic')
  await world.clock.advance(1000)
  await world.settle()
  const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] }
  const by = { subresource: 'status' }
  await world.objects.modify<Pod>('Pod', web, pod => ({ ...pod, status }), by)
  const said = lines.length
  await world.objects.modify<Pod>('Pod', web, pod => ({ ...pod, status: { ...status, message: 'no news' } }), by)
  t.equal(lines.length, said, 'what no operator asks for is not told')
  const uid = world.objects.get<Pod>('Pod', web)?.metadata.uid ?? ''
  await world.objects.delete('Pod', web)
  await world.objects.removeFinally('Pod', web, uid)
  t.strictSame(
    lines.map(line => line['message']),
    [
      'a pod was made',
      'a pod is bound',
      'a pod has another phase',
      'a pod is ready',
      'a pod is to end',
      'a pod is gone',
    ],
  )
  for (const line of lines) t.match(line, { uid, pod: 'default/web' })
  t.match(lines[1], { node: 'attic' })
  await story.close()
})
