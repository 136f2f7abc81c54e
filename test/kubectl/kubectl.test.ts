import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Node, Pod } from '../../src/api/types.ts'
import { fetchKubectl, suites } from './fetch-kubectl.ts'
import { type KubectlKit, startKubectlKit } from './kit.ts'
import { pod, web } from './manifests.ts'

/** What every kubectl must be able to do against the real REST server. Pods are moved on by hand: no node runs here. */
const stories: { readonly [story: string]: (t: Test, kit: KubectlKit) => Promise<void> } = {
  async 'apply makes, leaves and changes what a file says'(t, { kubectl, objects }) {
    t.match(
      await kubectl.ok('apply -f -', { input: web }),
      /deployment.apps\/web created\nconfigmap\/web-config created/,
    )
    t.match(
      await kubectl.ok('apply -f -', { input: web }),
      /deployment.apps\/web unchanged\nconfigmap\/web-config unchanged/,
    )
    const three = web.replace('replicas: 2', 'replicas: 3')
    const differs = await kubectl.run('diff -f -', { input: three })
    t.equal(differs.code, 1)
    t.match(differs.stdout, /- {2}replicas: 2\n\+ {2}replicas: 3/)
    t.match(
      await kubectl.ok('apply --dry-run=server -f -', { input: three }),
      /deployment.apps\/web configured \(server dry run\)/,
    )
    t.match(objects.get('Deployment', at('web')), { spec: { replicas: 2 } })
    t.match(await kubectl.ok('apply -f -', { input: three }), /deployment.apps\/web configured/)
    t.match(objects.get('Deployment', at('web')), { spec: { replicas: 3 }, metadata: { generation: 2 } })
    t.match(await kubectl.ok('apply --server-side -f -', { input: web }), /deployment.apps\/web serverside-applied/)
    t.match(objects.get('Deployment', at('web')), { spec: { replicas: 2 } })
  },

  async 'get prints tables, wide ones, yaml, names and paths'(t, { kubectl }) {
    await kubectl.ok('apply -f -', { input: `${web}---\n${pod('one', 'n1')}` })
    const table = await kubectl.ok('get deployments')
    t.match(table, /^NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nweb +0\/2 +0 +0 +\d+s\n$/)
    t.match(
      await kubectl.ok('get deploy web -o wide'),
      /CONTAINERS +IMAGES +SELECTOR\nweb .* web +registry.local\/web:1 +app=web/,
    )
    t.match(
      await kubectl.ok('get pods -A --show-labels'),
      /^NAMESPACE +NAME .*LABELS\ndefault +one +0\/1 +Pending +0 +\d+s +app=one/,
    )
    t.match(await kubectl.ok('get deploy web -o yaml'), /apiVersion: apps\/v1\nkind: Deployment\n[\s\S]*replicas: 2/)
    t.equal(
      await kubectl.ok(['get', 'deploy', 'web', '-o', 'jsonpath={.spec.template.spec.containers[0].image}']),
      'registry.local/web:1',
    )
    t.equal(await kubectl.ok('get pods,deploy -o name'), 'pod/one\ndeployment.apps/web\n')
    t.match(await kubectl.ok('get all'), /pod\/one[\s\S]*deployment.apps\/web/)
    t.match(await kubectl.ok('get cm --sort-by=.metadata.name'), /NAME +DATA +AGE\nweb-config +1/)
    t.match(await kubectl.ok('get pods -l app=one --field-selector spec.nodeName=n1'), /^NAME[\s\S]*one/)
    const none = await kubectl.run('get pods none')
    t.match(none, { code: 1, stderr: 'Error from server (NotFound): pods "none" not found\n' })
    t.match((await kubectl.run('get sandwiches')).stderr, /the server doesn't have a resource type "sandwiches"/)
    t.match((await kubectl.run('get pods -l app=none')).stderr, /No resources found in default namespace/)
    for (let i = 0; i < 5; i += 1) await kubectl.ok(`annotate pod one a${i}=b`)
    t.match(await kubectl.ok('get cm,deploy,pods --chunk-size=1'), /web-config[\s\S]*web[\s\S]*one/)
  },

  async 'get -w prints a row a change'(t, { kubectl, objects }) {
    const watching = kubectl.start('get pods -w')
    await kubectl.ok('apply -f -', { input: pod('two', 'n1') })
    t.match(await watching.line(), /^NAME +READY +STATUS/)
    t.match(await watching.line(), /^two +0\/1 +Pending/)
    await setStatus(objects, 'two', { phase: 'Running', containerStatuses: [running] })
    t.match(await watching.line(), /^two +1\/1 +Running/)
    await watching.stop()
  },

  async 'describe shows an object with its events'(t, { kubectl, objects }) {
    await kubectl.ok('apply -f -', { input: `${web}---\n${pod('one', 'n1')}` })
    const { uid = '' } = objects.get('Pod', at('one'))?.metadata ?? {}
    await objects.create('Event', {
      metadata: { name: 'one.1', namespace: 'default' },
      ...{
        involvedObject: { apiVersion: 'v1', kind: 'Pod', namespace: 'default', name: 'one', uid },
        reason: 'Pulled',
        message: 'the image was there',
        type: 'Normal',
        firstTimestamp: '2026-01-02T03:04:05Z',
        lastTimestamp: '2026-01-02T03:04:05Z',
        count: 1,
      },
    })
    t.match(
      await kubectl.ok('describe pod one'),
      /Name: +one\n[\s\S]*Node: +n1\/\n[\s\S]*registry.local\/main:1[\s\S]*Pulled[\s\S]*the image was there/,
    )
    t.match(await kubectl.ok('describe deployment web'), /Replicas: +2 desired \|[\s\S]*RollingUpdate[\s\S]*cpu: +50m/)
    t.match(await kubectl.ok('describe cm web-config'), /colour:\n----\nblue/)
    t.match(await kubectl.ok('events'), /Pulled +Pod\/one +the image was there/)
    await aNode(objects, 'n1')
    t.match(
      await kubectl.ok('describe node n1'),
      /Name: +n1\n[\s\S]*cpu: +4\n[\s\S]*Non-terminated Pods: +\(1 in total\)[\s\S]*default +one/,
    )
  },

  async 'explain tells of fields'(t, { kubectl }) {
    t.match(
      await kubectl.ok('explain deployment.spec.strategy'),
      /GROUP: +apps\nKIND: +Deployment\n[\s\S]*FIELD: strategy[\s\S]*rollingUpdate/,
    )
    t.match(await kubectl.ok('explain pods --recursive'), /initContainers[\s\S]*livenessProbe/)
  },

  async 'label, annotate, patch and edit change one thing'(t, { kubectl, objects }) {
    await kubectl.ok('apply -f -', { input: web })
    t.match(await kubectl.ok('label deploy web tier=front'), /deployment.apps\/web labeled/)
    t.match((await kubectl.run('label deploy web tier=back')).stderr, /already has a value/)
    await kubectl.ok('label deploy web tier-')
    await kubectl.ok(['annotate', 'deploy', 'web', 'note=two words'])
    t.match(objects.get('Deployment', at('web'))?.metadata, {
      labels: { app: 'web' },
      annotations: { note: 'two words' },
    })
    for (const [type, body, replicas] of [
      ['merge', '{"spec":{"replicas":4}}', 4],
      ['strategic', '{"spec":{"replicas":5,"template":{"spec":{"containers":[{"name":"web","image":"web:2"}]}}}}', 5],
      ['json', '[{"op":"replace","path":"/spec/replicas","value":6}]', 6],
    ] as const) {
      t.match(
        await kubectl.ok(['patch', 'deploy', 'web', `--type=${type}`, '-p', body]),
        /deployment.apps\/web patched/,
      )
      t.match(objects.get('Deployment', at('web')), { spec: { replicas } })
    }
    t.match(objects.get('Deployment', at('web')), {
      spec: { template: { spec: { containers: [{ image: 'web:2', ports: [{}] }] } } },
    })
    t.match(await kubectl.ok('set image deploy/web web=web:3'), /image updated/)
    const editor = join(kubectl.folder, 'editor')
    writeFileSync(editor, '#!/bin/sh\nsed -i "s/replicas: 6/replicas: 7/" "$1"\n')
    chmodSync(editor, 0o755)
    t.match(await kubectl.ok('edit deploy web', { env: { EDITOR: editor } }), /deployment.apps\/web edited/)
    t.match(objects.get('Deployment', at('web')), { spec: { replicas: 7 } })
    await kubectl.ok('patch deploy web --subresource=status --type=merge -p {"status":{"replicas":7}}')
    t.match(objects.get('Deployment', at('web')), { status: { replicas: 7 } })
  },

  async 'create makes objects from words'(t, { kubectl, objects }) {
    await kubectl.ok('create namespace shop')
    await kubectl.ok(['create', 'configmap', 'c', '--from-literal=colour=light blue'])
    t.match(objects.get('ConfigMap', at('c')), { data: { colour: 'light blue' } })
    await kubectl.ok('create secret generic s --from-literal=password=sesame')
    t.match(objects.get('Secret', at('s')), { type: 'Opaque', data: { password: 'c2VzYW1l' } })
    await kubectl.ok('create deployment d --image=registry.local/d:1 --replicas=3 --port=8080 -- serve --fast')
    t.match(objects.get('Deployment', at('d')), {
      spec: {
        replicas: 3,
        strategy: { type: 'RollingUpdate' },
        template: { spec: { containers: [{ command: ['serve', '--fast'], ports: [{ containerPort: 8080 }] }] } },
      },
    })
    await kubectl.ok('create service nodeport d --tcp=80:8080 --node-port=31111')
    t.match(objects.get('Service', at('d')), { spec: { ports: [{ port: 80, targetPort: 8080, nodePort: 31111 }] } })
    await kubectl.ok('create serviceaccount robot')
    await kubectl.ok('create role reader --verb=get,list --resource=pods')
    await kubectl.ok('create rolebinding robots --role=reader --serviceaccount=default:robot')
    await kubectl.ok('create clusterrole looker --verb=get --resource=nodes')
    await kubectl.ok('create clusterrolebinding lookers --clusterrole=looker --user=eva')
    t.match(objects.get('Role', at('reader')), { rules: [{ verbs: ['get', 'list'], resources: ['pods'] }] })
    t.match(await kubectl.ok('create token robot --duration=1h'), /^[\w-]+\.[\w-]+\.[\w-]+\n?$/)
    t.match(await kubectl.ok('run one --image=registry.local/one:1'), /pod\/one created/)
    const again = await kubectl.run('create namespace shop')
    t.match(again, { code: 1, stderr: /namespaces "shop" already exists/ })
    const dry = await kubectl.ok('create deployment e --image=e --dry-run=server -o yaml')
    t.match(dry, /uid: /)
    t.equal(objects.get('Deployment', at('e')), undefined)
  },

  async 'replace puts another in its place'(t, { kubectl, objects }) {
    await kubectl.ok('apply -f -', { input: web })
    t.match(await kubectl.ok('replace -f -', { input: web.replace('blue', 'red') }), /configmap\/web-config replaced/)
    t.match(objects.get('ConfigMap', at('web-config')), { data: { colour: 'red' } })
    t.match(await kubectl.ok('replace --force -f -', { input: web }), /configmap\/web-config replaced/)
  },

  async 'scale and expose'(t, { kubectl, objects }) {
    await kubectl.ok('apply -f -', { input: web })
    t.match(await kubectl.ok('scale deploy web --replicas=5'), /deployment.apps\/web scaled/)
    t.match(await kubectl.ok('scale deploy web --current-replicas=5 --replicas=1'), /deployment.apps\/web scaled/)
    t.match(
      (await kubectl.run('scale deploy web --current-replicas=5 --replicas=9')).stderr,
      /Expected replicas to be 5, was 1/,
    )
    t.match(objects.get('Deployment', at('web')), { spec: { replicas: 1 } })
    t.match(await kubectl.ok('expose deploy web --port=80 --target-port=8080 --type=NodePort'), /service\/web exposed/)
    t.match(objects.get('Service', at('web')), {
      spec: { type: 'NodePort', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
    })
    t.match(await kubectl.ok('get svc web'), /^NAME +TYPE +CLUSTER-IP[\s\S]*web +NodePort/)
  },

  async 'wait returns when it is so'(t, { kubectl, objects }) {
    await kubectl.ok('apply -f -', { input: pod('one', 'n1') })
    const ready = kubectl.ok('wait pod/one --for=condition=Ready --timeout=30s')
    const conditions = [{ type: 'Ready', status: 'True' }]
    await setStatus(objects, 'one', { phase: 'Running', conditions, containerStatuses: [running] })
    t.match(await ready, /pod\/one condition met/)
    await kubectl.ok(['wait', 'pod/one', '--for=jsonpath={.status.phase}=Running', '--timeout=30s'])
    const gone = kubectl.ok('wait pod/one --for=delete --timeout=30s')
    await objects.delete('Pod', at('one'), { gracePeriodSeconds: 0 })
    await gone
    const never = await kubectl.run('wait pod/none --for=condition=Ready --timeout=1s')
    t.match(never, { code: 1, stderr: /not found/ })
  },

  async 'delete waits until it is gone'(t, { kubectl, objects }) {
    await kubectl.ok('apply -f -', { input: `${web}---\n${pod('one', 'n1')}` })
    const letGo = objects.onChange<Pod>('Pod', (key, now) => {
      // As a node does when the containers have ended.
      if (now?.metadata.deletionTimestamp !== undefined) void objects.removeFinally('Pod', key, now.metadata.uid ?? '')
    })
    t.match(await kubectl.ok('delete pod one'), /pod "one" deleted/)
    t.match(
      await kubectl.ok('delete -f -', { input: web }),
      /deployment.apps "web" deleted[\s\S]*configmap "web-config" deleted/,
    )
    t.strictSame([objects.list('Pod'), objects.list('Deployment'), objects.list('ConfigMap')], [[], [], []])
    letGo()
    await kubectl.ok('apply -f -', { input: pod('stuck', 'n1') })
    t.match(await kubectl.ok('delete pod stuck --grace-period=0 --force'), /pod "stuck" force deleted/)
    for (const name of ['a', 'b', 'c'])
      await objects.create('ConfigMap', { metadata: { ...at(name), labels: { l: name } } })
    t.match(await kubectl.ok('delete cm -l l=a'), /configmap "a" deleted/)
    t.match(await kubectl.ok('delete cm --all --dry-run=server'), /configmap "b" deleted/)
    t.equal(objects.list('ConfigMap').length, 2)
    t.match(await kubectl.ok('delete cm --all'), /"b" deleted[\s\S]*"c" deleted/)
    t.match(await kubectl.ok('delete cm b --ignore-not-found'), /^$/)
  },

  async 'api-resources, api-versions and cluster-info'(t, { kubectl }) {
    const all = await kubectl.ok('api-resources')
    t.match(all, /^NAME +SHORTNAMES +APIVERSION +NAMESPACED +KIND/)
    for (const line of [
      /^pods +po +v1 +true +Pod$/m,
      /^deployments +deploy +apps\/v1 +true +Deployment$/m,
      /^nodes +no +v1 +false +Node$/m,
    ])
      t.match(all, line)
    t.match(
      await kubectl.ok('api-resources --api-group=rbac.authorization.k8s.io -o name'),
      /clusterroles.rbac.authorization.k8s.io/,
    )
    t.match(await kubectl.ok('api-versions'), /apps\/v1\n[\s\S]*rbac.authorization.k8s.io\/v1\n[\s\S]*v1\n/)
    t.match(await kubectl.ok('cluster-info'), /is running at/)
  },

  async 'auth tells what one may do'(t, { kubectl, objects, configOf }) {
    const eva = { kubeconfig: configOf('eva') }
    await objects.create('RoleBinding', {
      metadata: { name: 'eva', namespace: 'default' },
      ...{
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'eva' }],
      },
    })
    t.equal(await kubectl.ok('auth can-i delete nodes'), 'yes\n')
    t.equal(await kubectl.ok('auth can-i get pods', eva), 'yes\n')
    t.match(await kubectl.run('auth can-i delete pods', eva), { code: 1, stdout: /^no/ })
    t.match(await kubectl.ok('auth can-i --list', eva), /Resources +Non-Resource URLs[\s\S]*pods/)
    t.match(await kubectl.ok('auth whoami', eva), /Username +eva\nGroups +\[gardeners system:authenticated\]/)
    t.match(await kubectl.run('delete pod x', eva), {
      code: 1,
      stderr: /pods "x" is forbidden: User "eva" cannot delete/,
    })
    t.equal(await kubectl.ok('auth can-i get pods --as=eva'), 'yes\n')
    t.match(await kubectl.run('get pods --as=root', eva), { code: 1, stderr: /cannot impersonate resource "users"/ })
  },

  async 'top shows usage'(t, { kubectl, objects, usage }) {
    await aNode(objects, 'n1')
    await kubectl.ok('apply -f -', { input: pod('one', 'n1') })
    usage.set('n1', {
      time: new Date().toISOString(),
      windowSeconds: 30,
      node: { cpuNanos: 400_000_000, memoryBytes: 512 * 1024 * 1024 },
      pods: [
        {
          namespace: 'default',
          name: 'one',
          uid: objects.get('Pod', at('one'))?.metadata.uid ?? '',
          containers: [{ name: 'main', cpuNanos: 25_000_000, memoryBytes: 20 * 1024 * 1024 }],
        },
      ],
    })
    t.match(await kubectl.ok('top node'), /^NAME +CPU\(cores\) +CPU.*\nn1 +400m +10% +512Mi +50%/)
    t.match(await kubectl.ok('top pod --containers'), /one +main +25m +20Mi/)
  },

  async 'cordon, drain and uncordon'(t, { kubectl, objects }) {
    await aNode(objects, 'n1')
    t.match(await kubectl.ok('cordon n1'), /node\/n1 cordoned/)
    t.match(await kubectl.ok('get nodes'), /n1 +Ready,SchedulingDisabled/)
    t.match(await kubectl.ok('uncordon n1'), /node\/n1 uncordoned/)
    await kubectl.ok('apply -f -', { input: `${pod('one', 'n1')}---\n${pod('other', 'n2')}` })
    const letGo = objects.onChange<Pod>('Pod', (key, now) => {
      if (now?.metadata.deletionTimestamp !== undefined) void objects.removeFinally('Pod', key, now.metadata.uid ?? '')
    })
    t.match(
      await kubectl.ok('drain n1 --force --timeout=30s'),
      /evicting pod default\/one\npod\/one evicted\nnode\/n1 drained/,
    )
    letGo()
    t.strictSame(
      objects.list('Pod').map(one => one.metadata.name),
      ['other'],
    )
    t.match(objects.get('Node', { namespace: '', name: 'n1' }), { spec: { unschedulable: true } })
  },

  async 'logs come through'(t, { kubectl }) {
    await kubectl.ok('apply -f -', { input: pod('one', 'n1') })
    t.equal(await kubectl.ok('logs one'), 'one main says hello\n')
  },

  async 'what is stored and does nothing yet is warned of'(t, { kubectl, objects }) {
    const claim = {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'disk' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    }
    const { code, stderr } = await kubectl.run('apply -f -', { input: JSON.stringify(claim) })
    t.equal(code, 0)
    t.match(stderr, /^Warning: /)
    t.match(objects.get('PersistentVolumeClaim', at('disk')), { spec: claim.spec })
    t.match(await kubectl.ok('get pvc'), /^NAME +STATUS +VOLUME[\s\S]*disk/)
  },

  async 'a manifest that is not right says what is wrong'(t, { kubectl }) {
    for (const [wrong, why] of [
      [web.replace('replicas: 2', 'replcas: 2'), /unknown field "spec.replcas"/],
      [web.replace('replicas: 2', 'replicas: two'), /spec.replicas: expected/],
      [web.replace('name: web\n', 'name: Web Shop\n'), /metadata.name: Invalid value: "Web Shop"/],
      [
        web.replace('      app: web\n  template', '      app: other\n  template'),
        /`selector` does not match template `labels`/,
      ],
      [web.replace('kind: Deployment', 'kind: Sandwich'), /no matches for kind "Sandwich" in version "apps\/v1"/],
    ] as const) {
      const { code, stderr } = await kubectl.run('apply -f -', { input: wrong })
      t.equal(code, 1)
      t.match(stderr, why)
    }
  },
}

/** One console at a time: what a story leaves is not there in the next. */
for (const suite of suites) {
  t.test(`kubectl of ${suite}`, async t => {
    const client = await fetchKubectl(suite)
    t.comment(`kubectl ${client.version}`)
    for (const [story, tell] of Object.entries(stories)) {
      t.test(story, async t => tell(t, await startKubectlKit(t, client)))
    }
  })
}

type Objects = KubectlKit['objects']

const at = (name: string) => ({ namespace: 'default', name })

const running = {
  name: 'main',
  ready: true,
  restartCount: 0,
  started: true,
  image: 'registry.local/main:1',
  imageID: '',
  state: { running: { startedAt: '2026-01-02T03:04:05Z' } },
}

const setStatus = (objects: Objects, name: string, status: NonNullable<Pod['status']>) =>
  objects.modify<Pod>('Pod', at(name), now => ({ ...now, status: { ...now.status, ...status } }), {
    subresource: 'status',
  })

const aNode = async (objects: Objects, name: string): Promise<void> => {
  await objects.create<Node>('Node', { metadata: { name } })
  const resources = { cpu: '4', memory: '1Gi', pods: '110' }
  const conditions = [{ type: 'Ready', status: 'True' }]
  const status = { capacity: resources, allocatable: resources, conditions }
  await objects.modify<Node>('Node', { namespace: '', name }, now => ({ ...now, status }), { subresource: 'status' })
}
