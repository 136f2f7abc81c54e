import { refused, runs, type SupportTable, warned } from '../support.ts'

/** Every field of a Service that Kubernetes knows, and what becomes of it. */
export const serviceSupport: SupportTable = {
  ServiceSpec: {
    ...runs('allocateLoadBalancerNodePorts', 'clusterIP', 'clusterIPs', 'externalName', 'externalTrafficPolicy'),
    ...runs('internalTrafficPolicy', 'ports', 'publishNotReadyAddresses', 'selector', 'sessionAffinity'),
    ...runs('sessionAffinityConfig', 'type'),
    externalIPs: refused('a Service cannot claim addresses of others: use NodePort or LoadBalancer'),
    healthCheckNodePort: warned('nothing answers health checks at that port'),
    ipFamilies: refused('Services have IPv4 addresses alone', ['IPv4']),
    ipFamilyPolicy: refused('Services have IPv4 addresses alone', 'SingleStack', 'PreferDualStack'),
    loadBalancerClass: refused('every LoadBalancer is served by the ready nodes'),
    loadBalancerIP: warned('a LoadBalancer has the addresses of the ready nodes'),
    loadBalancerSourceRanges: refused('clients of a LoadBalancer cannot be told apart by address'),
    trafficDistribution: warned('requests are spread over all ready endpoints'),
  },
  ServicePort: {
    ...runs('appProtocol', 'name', 'nodePort', 'port', 'targetPort'),
    protocol: refused('SCTP is not forwarded', 'TCP', 'UDP'),
  },
  SessionAffinityConfig: runs('clientIP'),
  ClientIPConfig: runs('timeoutSeconds'),
}
