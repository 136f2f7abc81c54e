import type { Credentials } from './keys.ts'

/**
 * A kubeconfig for one user of this fleet, as JSON, which is YAML: kubectl and every client read it.
 *
 * @param of.server URL of the API, e.g. `https://192.168.1.2:6443`
 * @param of.ca PEM
 * @example kubeconfig({ fleet: keys.fleet, server, ca: keys.ca.pem, user: 'admin', credentials: keys.admin })
 */
export const kubeconfig = (of: {
  readonly fleet: string
  readonly server: string
  readonly ca: string
  readonly user: string
  readonly credentials: Credentials
}): string => {
  const cluster = `dunlin-${of.fleet}`
  const context = `${of.user}@${cluster}`
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': context,
    clusters: [{ name: cluster, cluster: { server: of.server, 'certificate-authority-data': base64(of.ca) } }],
    contexts: [{ name: context, context: { cluster, user: of.user } }],
    users: [
      {
        name: of.user,
        user: {
          'client-certificate-data': base64(of.credentials.certificate),
          'client-key-data': base64(of.credentials.key),
        },
      },
    ],
  }
  return `${JSON.stringify(config, undefined, 2)}\n`
}
