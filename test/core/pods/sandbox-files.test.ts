import t from 'tap'
import type { PodSpec } from '../../../src/api/types.ts'
import { hostPortsOf, sandboxFiles, sandboxSpec } from '../../../src/core/pods/sandbox-files.ts'
import { aContainer, anAssignment, aPod } from '../../fakes/builders.ts'

const { network } = anAssignment()
const host = { hosts: '127.0.0.1 host\n', resolvConf: 'nameserver 192.168.1.1\nsearch lan\noptions edns0\n' }
const filesOf = (spec: Partial<PodSpec>) => sandboxFiles({ pod: aPod(spec), network, podIP: '10.64.0.2', host })

t.test('a pod asks the DNS of the node, with the three search domains', async t => {
  t.equal(
    filesOf({}).resolvConf,
    'nameserver 10.96.0.10\nsearch default.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5 timeout:1 attempts:5\n',
  )
})

for (const { what, spec, resolvConf } of [
  { what: 'Default is the own file of the host', spec: { dnsPolicy: 'Default' }, resolvConf: undefined },
  {
    what: 'ClusterFirst on the host network is the own file of the host',
    spec: { hostNetwork: true },
    resolvConf: undefined,
  },
  {
    what: 'ClusterFirstWithHostNet asks the DNS of the node',
    spec: { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' },
    resolvConf: /^nameserver 10\.96\.0\.10\n/,
  },
  {
    what: 'None is what dnsConfig says',
    spec: {
      dnsPolicy: 'None',
      dnsConfig: { nameservers: ['1.1.1.1'], searches: ['a.b'], options: [{ name: 'ndots', value: '2' }] },
    },
    resolvConf: 'nameserver 1.1.1.1\nsearch a.b\noptions ndots:2\n',
  },
  {
    what: 'dnsConfig adds to the policy, and its options win',
    spec: {
      dnsPolicy: 'Default',
      dnsConfig: { nameservers: ['1.1.1.1'], searches: ['a.b'], options: [{ name: 'edns0' }] },
    },
    resolvConf: 'nameserver 192.168.1.1\nnameserver 1.1.1.1\nsearch lan a.b\noptions edns0\n',
  },
]) {
  t.test(what, async t => {
    t.match(filesOf(spec), { resolvConf })
  })
}

t.test('hosts names the pod by its address, its subdomain and its aliases', async t => {
  const { hosts } = filesOf({
    hostname: 'db',
    subdomain: 'peers',
    hostAliases: [{ ip: '10.1.2.3', hostnames: ['foo.local', 'bar.local'] }],
  })
  t.match(hosts, /^127\.0\.0\.1\tlocalhost$/m)
  t.match(hosts, /^10\.64\.0\.2\tdb\.peers\.default\.svc\.cluster\.local\tdb$/m)
  t.match(hosts, /^10\.1\.2\.3\tfoo\.local\tbar\.local$/m)
})

t.test('on the host network the hosts file is the host’s own, with the aliases', async t => {
  t.equal(filesOf({ hostNetwork: true }).hosts, undefined)
  const aliases = { hostNetwork: true, hostAliases: [{ ip: '10.1.2.3', hostnames: ['foo'] }] }
  t.equal(filesOf(aliases).hosts, '127.0.0.1 host\n\n# Entries added by HostAliases.\n10.1.2.3\tfoo\n')
})

t.test('the sandbox is what the spec asks for', async t => {
  t.match(
    sandboxSpec(
      aPod({ shareProcessNamespace: true, securityContext: { sysctls: [{ name: 'net.core.somaxconn', value: '9' }] } }),
      network,
    ),
    {
      uid: 'uid-1',
      hostname: 'hello',
      hostNetwork: false,
      shareProcessNamespace: true,
      sysctls: { 'net.core.somaxconn': '9' },
    },
  )
  t.equal(
    sandboxSpec(aPod({ setHostnameAsFQDN: true, subdomain: 's' }), network).hostname,
    'hello.s.default.svc.cluster.local',
  )
  t.equal(sandboxSpec(aPod({}, { name: 'x'.repeat(80) }), network).hostname.length, 63)
})

t.test('host ports come from the containers', async t => {
  const ports = [
    { containerPort: 80, hostPort: 8080 },
    { containerPort: 53, hostPort: 53, protocol: 'UDP', hostIP: '127.0.0.1' },
    { containerPort: 9 },
  ]
  t.strictSame(hostPortsOf(aPod({ containers: [aContainer({ ports })] })), [
    { protocol: 'TCP', hostPort: 8080, containerPort: 80 },
    { protocol: 'UDP', hostPort: 53, containerPort: 53, hostIP: '127.0.0.1' },
  ])
})
