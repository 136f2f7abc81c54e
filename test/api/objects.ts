import type { ContainerStatus, Deployment, Pod, Service } from '../../src/api/types.ts'

/** Objects that are fine; a test changes one thing. */
export const aPod = (change: Partial<Pod> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'default', creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { containers: [{ name: 'web', image: 'example.com/web:1' }] },
  ...change,
})

export const aDeployment = (change: Partial<NonNullable<Deployment['spec']>> = {}): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'web', image: 'example.com/web:1' }] },
    },
    ...change,
  },
})

export const aService = (change: Partial<NonNullable<Service['spec']>> = {}): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'default' },
  spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }], ...change },
})

export const aContainerStatus = (change: Partial<ContainerStatus> = {}): ContainerStatus => ({
  name: 'web',
  image: 'example.com/web:1',
  imageID: '',
  ready: true,
  restartCount: 0,
  state: { running: { startedAt: '2026-01-01T00:00:01Z' } },
  ...change,
})
